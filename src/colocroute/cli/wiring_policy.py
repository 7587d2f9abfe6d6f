"""The policy service in `smtpd_recipient_restrictions`, among what the operator has there.

Owns our entry: how it is put in, known again, moved to another listener and taken out; and the one before it,
by which smtpd(8) itself refuses who does not exist in a public domain: REJECT of a policy service is 554, and
not 550.  In a site domain the policy service speaks first: else a stranger could tell by the replies who exists
there.  For all that it lets pass, smtpd looks at the end (`smtpd_reject_unlisted_recipient`), after it has
deferred what the policy service wants deferred.  Its rule: nothing but our own entries is changed.  Pure.

Limit: an entry that stands in another parameter, which this one names by `$`, is not seen.
"""

import re
from collections.abc import Iterable

from colocroute.cli.domains import all_forms

SECONDS = 10  # a worker answers in microseconds; the default of 100 s would hold up a whole session
RESTRICTIONS = "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination"
UNLISTED = "reject_unlisted_recipient"

CONTEXT = "policy_context=colocroute"
"""What marks the entry as ours (postconf(5), Postfix 3.1); the service does not look at it."""

_ours = re.compile(
    rf"(?P<before>check_policy_service\s*{{\s*)(?P<endpoint>[^\s,{{}}]+)(?P<after>[^{{}}]*\b{CONTEXT}\b[^{{}}]*}})"
)
_public = rf"check_recipient_access\s+regexp:{{{{/@\([^/{{}}]*\)\$\$/\s+{UNLISTED}}}}}"
_both = re.compile(rf"(?:(?:{_public}|{UNLISTED})[\s,]+)?{_ours.pattern}")
_both_and_ends = re.compile(rf"{_both.pattern}[\s,]*")


def with_policy(restrictions: str, endpoint: str, public: Iterable[str]) -> str:
    """The restrictions with `endpoint` asked: by our entry, at the front, unless it or another stands already.

    Before our entry, wherever that stands, is the one for the `public` domains.
    """
    first = _existing(public)
    if _ours.search(restrictions):
        return _both.sub(lambda ours: f"{first}{ours['before']}{endpoint}{ours['after']}", restrictions)
    if endpoint in re.split(r"[\s,{}]+", restrictions):
        return restrictions
    check = f"check_policy_service {{ {endpoint}, timeout={SECONDS}s, default_action=DEFER_IF_PERMIT, {CONTEXT} }}"
    return f"{first}{check}, {restrictions or RESTRICTIONS}"


def _existing(public: Iterable[str]) -> str:
    """What refuses who does not exist in these domains; a table, as there is no restriction for some domains."""
    domains = "|".join(all_forms(public)).replace(".", r"\.")
    return f"check_recipient_access regexp:{{{{/@({domains})$$/ {UNLISTED}}}}}, " if domains else ""


def our_endpoint(restrictions: str) -> str:
    """Where our entry leads, as Postfix writes it; empty if it is not there."""
    found = _ours.search(restrictions)
    return found["endpoint"] if found else ""


def without_policy(restrictions: str) -> str:
    """The restrictions without our entry: one that leads nowhere would defer all mail."""
    return _both_and_ends.sub("", restrictions).rstrip(", ") if _ours.search(restrictions) else restrictions
