"""The white paper's company at any size: what an LDIF file or a slapd is filled with.

Owns the numbering: user `i` has the same name, addresses and site everywhere in the tests.
"""

from collections.abc import Iterator
from dataclasses import dataclass

SUFFIX = "dc=test,dc=tux"
USERS = f"ou=users,{SUFFIX}"
TRANSPORTS = f"ou=transports,{SUFFIX}"
ZONES = f"ou=zones,{SUFFIX}"
DOMAIN = "test.tux"
SITES = {"central": "10.1.0.1", "external": "10.2.0.1", "paris": "10.3.0.1"}


@dataclass(frozen=True)
class Person:
    """User number `number`; `site` by turns."""

    number: int

    @property
    def uid(self) -> str:
        return f"user{self.number}"

    @property
    def dn(self) -> str:
        return f"uid={self.uid},{USERS}"

    @property
    def mail(self) -> str:
        return f"{self.uid}@{DOMAIN}"

    @property
    def aliases(self) -> tuple[str, str]:
        return f"first.last{self.number}@{DOMAIN}", f"f{self.number}@{DOMAIN}"

    @property
    def site(self) -> str:
        return tuple(SITES)[self.number % len(SITES)]

    @property
    def route(self) -> str:
        return f"{self.uid}@{self.site}.{DOMAIN}"

    def attributes(self) -> dict[str, list[str]]:
        """What the directory holds of the user."""
        return {
            "objectClass": ["inetOrgPerson", "OXUserObject"],
            "uid": [self.uid],
            "cn": [f"First Last{self.number}"],
            "sn": [f"Last{self.number}"],
            "mail": [self.mail],
            "alias": list(self.aliases),
            "imapServer": [f"imap.{self.site}.{DOMAIN}"],
            "smtpServer": [f"smtp.{self.site}.{DOMAIN}"],
            "colocRouteAddress": [self.route],
        }


def base_entries() -> Iterator[tuple[str, dict[str, list[str]]]]:
    """The tree without users: domain and sites."""
    yield SUFFIX, {"objectClass": ["domain"], "dc": ["test"]}
    for dn in (USERS, TRANSPORTS, ZONES):
        yield dn, {"objectClass": ["organizationalUnit"], "ou": [dn.split(",")[0].removeprefix("ou=")]}
    yield (
        f"zoneName={DOMAIN},{ZONES}",
        {"objectClass": ["dNSZone"], "zoneName": [DOMAIN], "relativeDomainName": ["@"]},
    )
    for site, address in SITES.items():
        destination = f"{site}.{DOMAIN}"
        yield (
            f"suseMailTransportDestination={destination},{TRANSPORTS}",
            {
                "objectClass": ["suseMailTransport"],
                "suseMailTransportDestination": [destination],
                "suseMailTransportNexthop": [f"smtp:[{address}]"],
            },
        )


def as_ldif(dn: str, attributes: dict[str, list[str]]) -> str:
    """One entry as a record; values must be plain."""
    lines = [f"{name}: {value}" for name, values in attributes.items() for value in values]
    return "\n".join([f"dn: {dn}", *lines, "", ""])


def company_ldif(users: int) -> str:
    """The whole company with users 0 to `users` - 1."""
    entries = [as_ldif(dn, attributes) for dn, attributes in base_entries()]
    entries += [as_ldif(person.dn, person.attributes()) for person in map(Person, range(users))]
    return "".join(entries)
