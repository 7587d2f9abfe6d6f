"""The company of `company.ldif` in Python, independent of any LDIF reader."""

from pathlib import Path

from colocroute.model import Entry, Record, SiteEntry, UserEntry
from colocroute.routing.records import record
from colocroute.routing.view import Rules

COMPANY_LDIF = Path(__file__).with_name("company.ldif")

BASE = "dc=test,dc=tux"

USER_FILTER = "(|(colocRouteAddress=*)(mail=*)(alias=*))"
"""Admits users without a route, which the preset does not."""

RULES = Rules(domains=("test.tux", "bücher.test"))

HERE = ("central.test.tux",)


def company_records() -> list[Record]:
    """What the mirror keeps of each entry, in the order of the LDIF."""
    return [record(entry) for entry in company_entries()]


def company_entries() -> list[Entry]:
    """Each entry after the schema mapping, in the order of the LDIF."""
    return [*_domains(), *_sites(), *_users()]


def _domains() -> list[Entry]:
    return [
        _entry(f"zoneName={domain},ou=zones", domains=(domain,))
        for domain in ("test.tux", "Second.Test", "external.test.tux")
    ]


def _sites() -> list[Entry]:
    named = [
        ("central.test.tux", ("smtp:[10.1.0.1]",)),
        ("External.Test.Tux", ("[10.2.0.1]",)),
        ("paris.test.tux", ("smtp:[Mail.Paris.Test.Tux]:2525",)),
        ("berlin.test.tux", ()),
        ("rome.test.tux", ("smtp:a:b:c",)),
    ]
    entries = [
        _entry(f"suseMailTransportDestination={domain},ou=transports", site=SiteEntry((domain,), nexthops))
        for domain, nexthops in named
    ]
    for number in (1, 2):
        site = SiteEntry(("oslo.test.tux",), (f"smtp:[10.5.0.{number}]",))
        entries.append(_entry(f"cn=oslo{number},ou=transports", site=site))
    return entries


def _users() -> list[Entry]:
    return [
        _user(
            "anna",
            ("anna@test.tux", "a.smith@test.tux", "anna@bücher.test", "anna@elsewhere.example"),
            ("anna@external.test.tux",),
            imap_server="imap.external.test.tux",
            smtp_server="smtp.external.test.tux",
        ),
        _user("bob", ("Bob.Builder@Test.Tux", "bob@test.tux"), ("bob@central.test.tux",), ("bob", "robert")),
        _user("carla", ("carla@test.tux", "carla@second.test"), ("Carla.R@Paris.Test.Tux",), ("Carla",)),
        _user("postbox", ("postbox@second.test", "@second.test"), ("postbox@central.test.tux",)),
        _user("team1", ("team1@test.tux", "team@test.tux"), ("team1@central.test.tux",)),
        _user("team2", ("team2@test.tux", "Team@test.tux"), ("team2@external.test.tux",)),
        _user(
            "sales1",
            ("sales.one@test.tux", "sales@test.tux"),
            ("sales@central.test.tux",),
            imap_server="imap1.test.tux",
        ),
        _user(
            "sales2",
            ("sales.two@test.tux", "sales@test.tux"),
            ("Sales@central.test.tux",),
            imap_server="imap2.test.tux",
        ),
        _user("dora", ("dora@test.tux",), ("dora@external.test.tux",), enabled=False),
        _user("erik", ("erik@test.tux",), ()),
        _user("fred", ("fred@test.tux", "two\nlines@test.tux"), ("fred",)),
        _user("gina", ("gina@test.tux",), ("gina@test.tux",)),
        _user("hugo", ("hugo@test.tux",), ("hugo@central.test.tux", "hugo@external.test.tux")),
        _user(
            "ida",
            ('"ida q"@test.tux', '"ida@home"@test.tux', r'"ida\"\\"@test.tux', "ida..dots@test.tux"),
            ('"ida q"@external.test.tux',),
        ),
        _user(
            "joerg",
            ("joerg@test.tux", "Jörg@test.tux", "jörg@bücher.test", "groß@test.tux"),
            ("Jörg@central.test.tux",),
        ),
        _user("kim", ("kim@test.tux",), ("kim@external.test.tux",)),
        _user("kimspecial", ("kim+special@test.tux",), ("kims+inbox@paris.test.tux",)),
        _user("lena", ("lena@test.tux",), ("lena@lima.test.tux",)),
        _user("mona", ("mona@test.tux",), ("mona@berlin.test.tux",)),
        _user("nils", ("nils@test.tux",), ("nils@rome.test.tux",)),
        _user("olga", ("olga@test.tux",), ("olga@oslo.test.tux",)),
        _user("pete", ("pete.in@central.test.tux", "pete@test.tux"), ("pete@external.test.tux",)),
        _user(
            "list",
            ("list@test.tux", "owner@test.tux", "mailer@test.tux", "double@test.tux", "postmaster@test.tux"),
            ("list@central.test.tux",),
        ),
    ]


def _user(
    uid: str,
    addresses: tuple[str, ...],
    routes: tuple[str, ...],
    logins: tuple[str, ...] = (),
    *,
    imap_server: str = "",
    smtp_server: str = "",
    enabled: bool = True,
) -> Entry:
    user = UserEntry(addresses, routes, logins or (uid,), imap_server, smtp_server, enabled)
    return _entry(f"uid={uid},ou=users", user=user)


def _entry(
    name: str, *, user: UserEntry | None = None, site: SiteEntry | None = None, domains: tuple[str, ...] = ()
) -> Entry:
    dn = f"{name},{BASE}"
    return Entry(id=dn.lower().encode(), dn=dn, user=user, site=site, domains=domains)
