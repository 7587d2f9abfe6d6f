"""Each kind of address in the company, told."""

import pytest

from colocroute.cli.explanation import Explanation, Names, Outcome, Step, explain
from colocroute.model import Entry, State, UserEntry
from colocroute.routing.memory import MemoryView
from colocroute.routing.records import record
from tests.vectors import HERE, RULES, VECTORS, company_records
from tests.vectors.company import BASE

INTO_PUBLIC = record(Entry(b"g2", "uid=gina2", UserEntry(("gina2@test.tux",), ("gina.r@test.tux",))))
RECORDS = [*company_records(), INTO_PUBLIC]
NAMES = Names(route="colocRouteAddress", of_address=lambda _dn, _key: "alias")
FORMER = {"anna@central.test.tux": [f"uid=anna,ou=users,{BASE}"]}


def told(address: str, state: State = State.LIVE) -> Explanation:
    view = MemoryView(RECORDS, rules=RULES, here=HERE, state=state, former=FORMER)
    return explain(view, RECORDS, address, NAMES)


def uids(story: Explanation) -> dict[str, str]:
    return {entry.dn.split(",")[0].removeprefix("uid="): entry.role for entry in story.entries}


FOUND = [
    ("anna@test.tux", "anna", "public address (alias)", "external.test.tux", False),
    ("Anna+x@Test.Tux", "anna", "public address (alias)", "external.test.tux", False),
    ("anna@bücher.test", "anna", "public address (alias)", "external.test.tux", False),
    ("anna@external.test.tux", "anna", "route address (colocRouteAddress)", "external.test.tux", False),
    ("anna@central.test.tux", "anna", "former route address (colocRouteAddress)", "external.test.tux", False),
    ("any@second.test", "postbox", "catch-all (alias)", "central.test.tux", True),
    ("bob@test.tux", "bob", "public address (alias)", "central.test.tux", True),
    ('"ida q"@test.tux', "ida", "public address (alias)", "external.test.tux", False),
    ("kim+special@test.tux", "kimspecial", "public address (alias)", "paris.test.tux", False),
    ("kim+other@test.tux", "kim", "public address (alias)", "external.test.tux", False),
]


@pytest.mark.parametrize(("address", "uid", "matched", "site", "here"), FOUND)
def test_found(address: str, uid: str, matched: str, site: str, here: bool) -> None:
    story = told(address)
    assert story.outcome is Outcome.FOUND
    assert story.dn == f"uid={uid},ou=users,{BASE}"
    assert (story.matched, story.site, story.here) == (matched, site, here)
    assert story.route in story.summary
    assert uids(story) == {uid: "owner"}


def test_the_attribute_is_asked_of_the_first_owner_by_the_key_that_was_found() -> None:
    asked: list[tuple[str, str]] = []

    def of_address(dn: str, key: str) -> str:
        asked.append((dn, key))
        return "mail"

    view = MemoryView(RECORDS, rules=RULES, here=HERE)
    for address in ("Sales+x@test.tux", "sales@central.test.tux", "nobody@test.tux", "gina.r@test.tux"):
        explain(view, RECORDS, address, Names(route="r", of_address=of_address))
    assert asked == [(f"uid=sales1,ou=users,{BASE}", "sales@test.tux")]


def test_the_questions_in_their_order() -> None:
    assert told("anna@test.tux").steps == (
        Step("virtual_alias", "anna@test.tux", "anna@external.test.tux", "smtpd at RCPT TO, cleanup"),
        Step("virtual_alias", "anna@external.test.tux", "NOTFOUND", "cleanup"),
        Step(
            "transport",
            "anna@external.test.tux",
            "smtp:[10.2.0.1]",
            "trivial-rewrite for the queue manager",
        ),
        Step("recipient", "anna@external.test.tux", "anna@external.test.tux", "smtpd of that site"),
    )


@pytest.mark.parametrize(
    ("address", "maps"),
    [
        ("bob@test.tux", ["virtual_alias", "virtual_alias", "transport"]),
        ("bob@central.test.tux", ["virtual_alias", "recipient", "transport"]),
        ("anna@external.test.tux", ["virtual_alias", "recipient", "transport"]),
        ("nobody@external.test.tux", ["virtual_alias", "recipient"]),
        ("nobody@test.tux", ["virtual_alias"]),
        ("team@test.tux", ["virtual_alias"]),
        ("x@example.com", ["virtual_alias", "transport"]),
        ("mona@test.tux", ["virtual_alias", "virtual_alias", "transport"]),
        ("test.tux", []),
    ],
)
def test_what_is_asked(address: str, maps: list[str]) -> None:
    assert [step.map for step in told(address).steps] == maps


LATER = [
    ("team@test.tux", {"team1": "owner", "team2": "owner"}, "has several routes"),
    ("hugo@test.tux", {"hugo": "owner"}, "has several routes"),
    ("erik@test.tux", {"erik": "owner"}, "without a usable route"),
    ("gina@test.tux", {"gina": "owner"}, "no site's"),
    ("gina2@test.tux", {"gina2": "owner"}, "no site's"),
    ("mona@test.tux", {"mona": "owner"}, "site <berlin.test.tux>: no nexthop"),
]


@pytest.mark.parametrize(("address", "entries", "reason"), LATER)
def test_cannot_be_said(address: str, entries: dict[str, str], reason: str) -> None:
    story = told(address)
    assert story.outcome is Outcome.LATER
    assert uids(story) == entries
    assert "has to wait" in story.summary
    assert reason in story.summary


NOT_FOUND = [
    ("nobody@test.tux", {}, "Nobody has nobody@test.tux"),
    ("nobody@external.test.tux", {}, "Nobody has"),
    ("dora@test.tux", {"dora": "disabled"}, "Nobody has"),
    ("dora+x@test.tux", {"dora": "disabled"}, "Nobody has"),
    ("dora@external.test.tux", {"dora": "disabled"}, "Nobody has"),
    ("pete.in@central.test.tux", {"pete": "ignored"}, "Nobody has"),
    ("gina.r@test.tux", {"gina2": "ignored"}, "Nobody has gina.r@test.tux: smtpd refuses it"),
    ("gina.r+x@test.tux", {"gina2": "ignored"}, "Nobody has gina.r+x@test.tux: smtpd refuses it"),
    ("anna@elsewhere.example", {"anna": "ignored"}, "elsewhere.example is none of our domains"),
    ("x@example.com", {}, "example.com is none of our domains"),
    ("external.test.tux", {}, "no address but a site domain"),
    ("second.test", {}, "no address but a public domain"),
    ("a b c", {}, "no address that mail could be delivered to"),
    ("anna", {}, "no address but a foreign domain"),
    ("", {}, "no address"),
]


@pytest.mark.parametrize(("address", "entries", "summary"), NOT_FOUND)
def test_not_found(address: str, entries: dict[str, str], summary: str) -> None:
    story = told(address)
    assert story.outcome is Outcome.NOT_FOUND
    assert uids(story) == entries
    assert summary in story.summary
    assert (story.route, story.site, story.matched) == ("", "", "")


NOTES = [
    ("team@test.tux", "2 entries have it, with different routes"),
    ("sales@test.tux", "2 entries have it, with the same route"),
    ("dora@test.tux", "uid=dora,ou=users,dc=test,dc=tux has it but is disabled"),
    ("any@second.test", "@second.test takes what nobody else has"),
    ("anna@central.test.tux", "former route address"),
    ("anna+x@test.tux", "extension +x, which is kept"),
    ("anna@elsewhere.example", "to no effect: its domain is none of ours"),
    ("pete.in@central.test.tux", "only route addresses count"),
    ("gina.r@test.tux", "uid=gina2 has it, to no effect: a route address in a public domain does not count"),
]


@pytest.mark.parametrize(("address", "note"), NOTES)
def test_notes(address: str, note: str) -> None:
    assert any(note in text for text in told(address).notes)


@pytest.mark.parametrize("state", State)
def test_mail_that_goes_somewhere_has_a_route(state: State) -> None:
    held = {value for one in RECORDS if one.user for value in (*one.user.addresses, *one.user.routes)}
    for address in {*held, *(vector.key.decode("utf-8", "replace") for vector in VECTORS)}:
        story = told(address, state)
        if story.outcome is Outcome.FOUND:
            assert story.route, address
            assert "transport" in {step.map for step in story.steps}, address


def test_a_disabled_owner_beside_a_catch_all() -> None:
    off = record(Entry(b"x", "uid=x", UserEntry(("x@second.test",), ("x@central.test.tux",), enabled=False)))
    view = MemoryView([*RECORDS, off], rules=RULES, here=HERE)
    story = explain(view, [off, *RECORDS], "x@second.test", NAMES)
    assert uids(story) == {"postbox": "owner", "x": "disabled"}
    assert story.dn.startswith("uid=postbox,")


@pytest.mark.parametrize("state", [State.STALE, State.HELD, State.EMPTY])
def test_only_a_live_mirror_denies(state: State) -> None:
    story = told("nobody@test.tux", state)
    assert story.outcome is Outcome.LATER
    assert f"mirror is {state.value}, cannot deny" in story.summary
    assert told("x@example.com", state).outcome is Outcome.NOT_FOUND


def test_an_empty_mirror_knows_nobody() -> None:
    story = told("anna@test.tux", State.EMPTY)
    assert story.outcome is Outcome.LATER
    assert story.entries == ()
