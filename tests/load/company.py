"""The same users for everybody: in a slapd, and in the tables of a Postfix.

Owns what Postfix's own tables look like.  `proxy:` needs a running Postfix, for it is a process of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab import postfix as lab_postfix
from tests.lab.company import SUFFIX, Person, company_ldif
from tests.lab.postfix import Postfix
from tests.lab.slapd import Slapd

LDAP_TABLE = """\
server_host = {uri}
version = 3
bind = no
search_base = {base}
query_filter = (|(mail=%s)(alias=%s))
result_attribute = colocRouteAddress
"""


@contextmanager
def slapd(users: int) -> Iterator[Slapd]:
    """A directory with so many users."""
    with Slapd(company_ldif(users)) as server:
        yield server


@contextmanager
def tables(server: Slapd, users: int) -> Iterator[tuple[Postfix, dict[str, str]]]:
    """A running Postfix, and its tables by name: `lmdb:`, `ldap:` and `proxy:ldap:` on the same users."""
    with lab_postfix.postfix({"proxy_read_maps": "$virtual_alias_maps"}) as postfix:
        ldap = postfix.directory / "ldap.cf"
        ldap.write_text(LDAP_TABLE.format(uri=server.ldap, base=SUFFIX))
        lmdb = postfix.directory / "aliases"
        _write(lmdb, users)
        postfix.command("postmap", f"lmdb:{lmdb}")
        proxied = f"proxy:ldap:{ldap}"
        postfix.set({"virtual_alias_maps": proxied})
        postfix.reload()
        yield postfix, {"lmdb:": f"lmdb:{lmdb}", "ldap:": f"ldap:{ldap}", "proxy:ldap:": proxied}


def _write(path: Path, users: int) -> None:
    with path.open("w") as file:
        for person in map(Person, range(users)):
            file.writelines(f"{address} {person.route}\n" for address in (person.mail, *person.aliases))
