"""Each check of the content: what it finds in the company, and where it must be silent."""

from collections.abc import Iterable
from typing import Literal

import msgspec
import pytest

from colocroute.cli.directory_checks import check_directory, leads_back
from colocroute.cli.finding import Finding
from colocroute.model import Entry, SiteEntry, State, UserEntry
from colocroute.routing.memory import MemoryView
from colocroute.routing.records import record
from colocroute.routing.topology import classify
from colocroute.routing.view import Rules
from tests.vectors import HERE, RULES, company_entries

HERE_RULE = Literal["auto"] | tuple[str, ...]


def found(
    entries: Iterable[Entry],
    *,
    rules: Rules = RULES,
    here: tuple[str, ...] = HERE,
    configured: HERE_RULE = "auto",
) -> list[Finding]:
    records = [record(entry) for entry in entries]
    view = MemoryView(records, rules=rules, here=here, state=State.LIVE)
    return list(check_directory(view, lambda: records, here=configured))


def user(uid: str, *addresses: str, route: str = "", imap: str = "", enabled: bool = True) -> Entry:
    routes = (route,) if route else ()
    return Entry(uid.encode(), f"uid={uid}", UserEntry(addresses, routes, (uid,), imap, "", enabled=enabled))


def site(domain: str, *nexthops: str) -> Entry:
    return Entry(domain.encode(), f"cn={domain}", site=SiteEntry((domain,), nexthops))


SITES = [site("central.test.tux", "smtp:[10.1.0.1]"), site("external.test.tux", "smtp:[10.2.0.1]")]
ANNA = user("anna", "anna@test.tux", route="anna@external.test.tux", imap="imap.external.test.tux")


def codes(*entries: Entry) -> list[tuple[str, str]]:
    return [(one.code, one.subject) for one in found([*SITES, ANNA, *entries])]


def test_the_company() -> None:
    assert sorted((one.level, one.code, one.subject) for one in found(company_entries())) == [
        ("error", "alias-loop", "gina@test.tux"),
        ("error", "bad-nexthop", "berlin.test.tux"),
        ("error", "bad-nexthop", "oslo.test.tux"),
        ("error", "bad-nexthop", "rome.test.tux"),
        ("error", "duplicate-owner", "team@test.tux"),
        ("error", "no-route", "uid=erik,ou=users,dc=test,dc=tux"),
        ("error", "no-route", "uid=fred,ou=users,dc=test,dc=tux"),
        ("error", "route-without-transport", "lima.test.tux"),
        ("error", "several-routes", "uid=hugo,ou=users,dc=test,dc=tux"),
        ("warning", "address-in-site-domain", "pete.in@central.test.tux"),
        ("warning", "foreign-address", "anna@elsewhere.example"),
        ("warning", "unconfigured-domain", "second.test"),
        ("warning", "unusable-value", "uid=fred,ou=users,dc=test,dc=tux"),
        ("warning", "unusable-value", "uid=fred,ou=users,dc=test,dc=tux"),
    ]


def test_a_company_in_order() -> None:
    assert codes() == []


def test_both_owners_are_named() -> None:
    (one,) = found([*SITES, ANNA, user("a2", "Anna@test.tux", route="a2@central.test.tux")])
    assert (one.code, one.subject) == ("duplicate-owner", "anna@test.tux")
    assert "uid=anna (anna@external.test.tux); uid=a2 (a2@central.test.tux)" in one.message


@pytest.mark.parametrize(
    "other",
    [
        user("a2", "anna@test.tux", route="Anna@external.test.tux"),
        user("a2", "anna@test.tux", route="a2@central.test.tux", enabled=False),
    ],
)
def test_owners_that_do_no_harm(other: Entry) -> None:
    assert codes(other) == []


def test_two_catch_alls() -> None:
    others = (
        user("x", "@test.tux", route="x@central.test.tux"),
        user("y", "@test.tux", route="y@central.test.tux"),
    )
    assert codes(*others) == [("duplicate-owner", "@test.tux")]


def test_an_address_that_is_its_own_route_is_honoured() -> None:
    assert codes(user("bob", "bob@test.tux", "Bob@central.test.tux", route="bob@central.test.tux")) == []


def test_only_who_has_a_public_address_needs_a_route() -> None:
    assert codes(user("x", "x@example.com")) == [("foreign-address", "x@example.com")]
    assert codes(user("x", "x@test.tux")) == [("no-route", "uid=x")]
    assert codes(user("x", "x@test.tux", enabled=False)) == []


def test_routes_into_a_public_domain() -> None:
    to_anna = user("x", "x@test.tux", route="anna@test.tux")
    assert codes(to_anna) == [("route-in-public-domain", "anna@test.tux")]
    a, b = user("a", "a@test.tux", route="b@test.tux"), user("b", "b@test.tux", route="a@test.tux")
    assert codes(a, b) == [("alias-loop", "b@test.tux"), ("alias-loop", "a@test.tux")]


def test_a_loop_that_the_route_is_not_part_of_ends() -> None:
    records = [
        record(user("a", "a@test.tux", route="b@test.tux")),
        record(user("b", "b@test.tux", route="a@test.tux")),
        record(user("c", "c@test.tux", route="a@test.tux")),
        record(user("d", "@test.tux", route="e@test.tux")),
    ]
    view = MemoryView(records, rules=RULES)
    assert not leads_back(view, "c@test.tux")
    assert leads_back(view, "e@test.tux"), "the catch-all takes its own route"


def test_routes_into_somebody_elses_domain() -> None:
    others = [user(f"x{n}", f"x{n}@test.tux", route=f"x{n}@example.com") for n in range(3)]
    (one,) = found([*SITES, ANNA, *others])
    assert (one.code, one.subject) == ("route-without-transport", "example.com")
    assert "route into it: 3, the first is uid=x0" in one.message


def test_with_the_dns_to_fall_back_on_a_nexthop_is_no_error() -> None:
    rules = msgspec.structs.replace(RULES, dns_fallback=True)
    bad = [site("rome.test.tux", "smtp:a:b:c"), user("x", route="x@lima.test.tux")]
    levels = {one.code: one.level for one in found([*SITES, *bad], rules=rules)}
    assert levels == {"bad-nexthop": "warning", "route-without-transport": "warning"}


def test_a_public_domain_with_a_transport_entry() -> None:
    assert ("public-domain-is-site", "test.tux") in codes(site("test.tux", "smtp:[10.9.0.1]"))


def domain(name: str) -> Entry:
    return Entry(name.encode(), f"zoneName={name}", domains=(name,))


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([domain("test.tux"), domain("Bücher.test"), domain("external.test.tux")], []),
        ([domain("new.example")], [("unconfigured-domain", "new.example")]),
        ([site("rome.new.example", "smtp:")], [("site-outside-domains", "rome.new.example")]),
        (
            [domain("new.example"), site("rome.new.example", "smtp:")],
            [("unconfigured-domain", "new.example")],
        ),
        ([site("deep.rome.test.tux", "smtp:")], []),
        ([site("mytest.tux", "smtp:")], [("site-outside-domains", "mytest.tux")]),
    ],
)
def test_domains_that_an_empty_mirror_does_not_know(
    entries: list[Entry], expected: list[tuple[str, str]]
) -> None:
    assert codes(*entries) == expected
    known = MemoryView([record(entry) for entry in [*SITES, ANNA, *entries]], rules=RULES).topology
    empty = MemoryView(rules=RULES, state=State.EMPTY)
    at_risk = [name for name in [*known.public, *known.sites] if classify(empty, name) == "foreign"]
    assert bool(at_risk) == bool(expected)


IMAP = [
    ("imap.external.test.tux", []),
    ("imap.central.test.tux", [("imap-server-mismatch", "uid=x")]),
    ("10.1.0.1:143", [("imap-server-mismatch", "uid=x")]),
    ("imap.test.tux", []),
    ("localhost", []),
    ("", []),
]


@pytest.mark.parametrize(("server", "expected"), IMAP)
def test_an_imap_server_of_another_site(server: str, expected: list[tuple[str, str]]) -> None:
    assert codes(user("x", "x@test.tux", route="x@external.test.tux", imap=server)) == expected


HERES: list[tuple[tuple[str, ...], HERE_RULE, list[str]]] = [
    (HERE, "auto", []),
    ((), "auto", ["routing.here"]),
    ((), (), []),
    (HERE, HERE, []),
    (("old.test.tux",), ("old.test.tux",), ["old.test.tux"]),
]


@pytest.mark.parametrize(("here", "configured", "subjects"), HERES)
def test_no_site_here(here: tuple[str, ...], configured: HERE_RULE, subjects: list[str]) -> None:
    findings = found([*SITES, ANNA], here=here, configured=configured)
    assert [(one.code, one.subject) for one in findings] == [("no-site-here", one) for one in subjects]


def test_a_long_list_of_owners_is_cut() -> None:
    owners = [user(f"x{n:02}", "x@test.tux", route=f"x{n}@central.test.tux") for n in range(30)]
    (one,) = found([*SITES, ANNA, *owners])
    assert "and 20 more" in one.message
