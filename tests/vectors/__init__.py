"""One company and what each map answers about it, for unit, wire and postmap tests and as fuzz seeds.

`VECTORS` hold for a live mirror, `RULES` and `HERE`; `STATE_VECTORS` for other states of it; `RULE_VECTORS`
for a live mirror under other rules.
"""

from tests.vectors.company import COMPANY_LDIF, HERE, RULES, USER_FILTER, company_entries, company_records
from tests.vectors.live import VECTORS
from tests.vectors.variants import RULE_VECTORS, STATE_VECTORS
from tests.vectors.vector import Kind, Vector

__all__ = [
    "COMPANY_LDIF",
    "HERE",
    "RULES",
    "RULE_VECTORS",
    "STATE_VECTORS",
    "USER_FILTER",
    "VECTORS",
    "Kind",
    "Vector",
    "company_entries",
    "company_records",
]
