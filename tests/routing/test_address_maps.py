"""What the vectors do not reach: former routes, odd entries, the order of owners."""

import pytest

from colocroute.model import NOT_FOUND, Answer, Entry, Found, Record, State, TempFail, UserEntry
from colocroute.routing.address_maps import EXPANSION_LIMIT, primary_address
from colocroute.routing.maps import answer
from colocroute.routing.memory import MemoryView
from colocroute.routing.records import record
from tests.routing.worlds import SITES, company, person, rules, value, world

FORMER = {
    "anna@paris.test.tux": ["uid=anna,ou=users,dc=test,dc=tux"],
    "Bob.B@external.test.tux": ["uid=bob,ou=users,dc=test,dc=tux"],
    "erik@paris.test.tux": ["uid=erik,ou=users,dc=test,dc=tux"],
    "dora@paris.test.tux": ["uid=dora,ou=users,dc=test,dc=tux"],
    "two@paris.test.tux": ["uid=anna,ou=users,dc=test,dc=tux", "uid=bob,ou=users,dc=test,dc=tux"],
    "kim@external.test.tux": ["uid=anna,ou=users,dc=test,dc=tux"],
    "gone@paris.test.tux": ["uid=gone,ou=users,dc=test,dc=tux"],
}
MOVED = company(former=FORMER)


@pytest.mark.parametrize(
    ("map_name", "key", "expected"),
    [
        ("virtual_alias", "anna@paris.test.tux", Found("anna@external.test.tux")),
        ("virtual_alias", "Anna+X@paris.test.tux", Found("anna+X@external.test.tux")),
        ("virtual_alias", "bob.b@external.test.tux", Found("bob@central.test.tux")),
        ("virtual_alias", "kim@external.test.tux", NOT_FOUND),
        ("virtual_alias", "dora@paris.test.tux", NOT_FOUND),
        ("virtual_alias", "gone@paris.test.tux", NOT_FOUND),
        ("transport", "anna@paris.test.tux", Found("smtp:[10.2.0.1]")),
        ("transport", "anna+x@paris.test.tux", Found("smtp:[10.2.0.1]")),
        ("transport", "bob.b@external.test.tux", NOT_FOUND),
        ("transport", "kim@external.test.tux", Found("smtp:[10.2.0.1]")),
        ("transport", "dora@paris.test.tux", Found("smtp:[mail.paris.test.tux]:2525")),
        ("local_recipient", "bob.b@external.test.tux", Found("bob")),
        ("local_recipient", "anna@paris.test.tux", NOT_FOUND),
        ("relay_recipient", "anna@paris.test.tux", Found("anna@external.test.tux")),
        ("relay_recipient", "bob.b@external.test.tux", NOT_FOUND),
        ("recipient", "anna@paris.test.tux", Found("anna@external.test.tux")),
        ("generic", "anna@paris.test.tux", Found("anna@test.tux")),
        ("generic", "two@paris.test.tux", Found("Bob.Builder@test.tux")),
        ("generic", "erik@paris.test.tux", Found("erik@test.tux")),
        ("sender_login", "anna@paris.test.tux", Found("anna")),
        ("imap_server", "anna@paris.test.tux", Found("imap.external.test.tux")),
    ],
)
def test_former_routes(map_name: str, key: str, expected: Answer) -> None:
    assert answer(MOVED, map_name, key) == expected


@pytest.mark.parametrize("map_name", ["virtual_alias", "transport", "local_recipient", "recipient"])
@pytest.mark.parametrize("key", ["two@paris.test.tux", "erik@paris.test.tux"])
def test_a_former_route_without_one_successor(map_name: str, key: str) -> None:
    assert isinstance(answer(MOVED, map_name, key), TempFail)


@pytest.mark.parametrize("state", [State.STALE, State.HELD])
def test_former_routes_are_known_to_any_complete_mirror(state: State) -> None:
    view = company(state, former=FORMER)
    assert value(view, "virtual_alias", "anna@paris.test.tux") == "anna@external.test.tux"
    assert value(view, "transport", "anna@paris.test.tux") == "smtp:[10.2.0.1]"


@pytest.mark.parametrize(
    "second", [person("b", ["x@test.tux"], ["b@west.test.tux"]), person("b", ["x@test.tux"], [])]
)
def test_owners_that_disagree(second: Record) -> None:
    view = world(person("a", ["x@test.tux"], ["a@west.test.tux"], ["la"]), second)
    for map_name in ("virtual_alias", "transport", "recipient", "imap_server", "smtp_server"):
        said = answer(view, map_name, "X@test.tux")
        assert isinstance(said, TempFail)
        assert "<x@test.tux>" in said.reason
    assert answer(view, "sender_login", "x@test.tux") == Found("la")


def test_owners_that_agree() -> None:
    view = world(
        person("a", ["x@test.tux"], ["Shared@west.test.tux"], ["z", "b"]),
        person("b", ["x@test.tux", "a@test.tux"], ["shared@west.test.tux"], ["a", "b"]),
    )
    assert value(view, "virtual_alias", "x@test.tux") == "shared@west.test.tux"
    assert value(view, "virtual_alias", "x+e@test.tux") == "shared+e@west.test.tux"
    assert value(view, "relay_recipient", "shared@west.test.tux") == "shared@west.test.tux"
    assert value(view, "sender_login", "x@test.tux") == "a,b,z"
    assert value(view, "generic", "shared@west.test.tux") == "x@test.tux"
    assert value(view, "imap_server", "x@test.tux") == "localhost"


def test_two_catch_alls() -> None:
    one = person("a", ["@test.tux"], ["a@west.test.tux"])
    two = person("b", ["@test.tux"], ["b@west.test.tux"])
    assert value(world(one), "virtual_alias", "nobody@test.tux") == "a@west.test.tux"
    said = answer(world(one, two), "virtual_alias", "nobody@test.tux")
    assert said == TempFail("<@test.tux> has several routes")


@pytest.mark.parametrize(
    ("map_name", "is_served"),
    [
        ("virtual_alias", True),
        ("transport", True),
        ("recipient", True),
        ("local_recipient", False),
        ("relay_recipient", False),
        ("generic", False),
        ("sender_login", False),
        ("imap_server", False),
        ("smtp_server", False),
    ],
)
def test_whom_the_catch_all_serves(map_name: str, is_served: bool) -> None:
    view = world(person("a", ["@test.tux"], ["a@west.test.tux"], ["a"]))
    assert isinstance(answer(view, map_name, "nobody@test.tux"), Found) is is_served


def test_a_disabled_user_is_absent() -> None:
    entry = UserEntry(("anna@test.tux",), ("anna@west.test.tux",), ("anna",), enabled=False)
    catch_all = person("a", ["@test.tux"], ["a@west.test.tux"])
    disabled = record(Entry(b"id", "uid=anna", entry))
    assert answer(world(disabled), "virtual_alias", "anna@test.tux") == NOT_FOUND
    assert answer(world(disabled), "recipient", "anna@west.test.tux") == NOT_FOUND
    assert answer(world(disabled), "imap_server", "anna") == NOT_FOUND
    assert value(world(disabled, catch_all), "virtual_alias", "anna@test.tux") == "a@west.test.tux"


def test_the_extension_is_dropped_rather_than_too_long_for_postfix() -> None:
    view = world(person("a", ["a@test.tux"], ["a@west.test.tux"]))
    longest = "x" * (EXPANSION_LIMIT - len("a+@west.test.tux"))
    assert value(view, "virtual_alias", f"a+{longest}@test.tux") == f"a+{longest}@west.test.tux"
    assert value(view, "virtual_alias", f"a+{longest}x@test.tux") == "a@west.test.tux"
    assert value(view, "virtual_alias", f"a+{'ü' * 500}@test.tux") == "a@west.test.tux"


@pytest.mark.parametrize(
    ("addresses", "primary"),
    [
        (("Anna.S@test.tux", "anna@test.tux"), "Anna.S@test.tux"),
        (("@test.tux", "anna@test.tux"), "anna@test.tux"),
        (("anna@west.test.tux", "anna@example.com", "anna@test.tux"), "anna@test.tux"),
        (("anna@example.com", "@test.tux"), None),
        ((), None),
    ],
)
def test_primary_address(addresses: tuple[str, ...], primary: str | None) -> None:
    record = person("a", addresses, ["a@west.test.tux"])
    view = world(record)
    assert record.user is not None
    assert primary_address(view, record.user) == primary
    expected = NOT_FOUND if primary is None else Found(primary)
    assert answer(view, "generic", "A+x@west.test.tux") == expected


@pytest.mark.parametrize("state", State)
def test_generic_never_fails(state: State) -> None:
    view = MemoryView(
        [
            *SITES,
            person("a", ["a@test.tux"], ["a@west.test.tux", "b@east.test.tux"]),
            person("c", ["c@test.tux"], ["a@west.test.tux"]),
            person("d", ["d@test.tux"], ["d@test.tux"]),
        ],
        rules=rules(),
        state=state,
    )
    for key in (
        "a@west.test.tux",
        "b@east.test.tux",
        "x@west.test.tux",
        "d@test.tux",
        "x@test.tux",
        "x@new.test.tux",
    ):
        assert not isinstance(answer(view, "generic", key), TempFail)


def test_no_login_is_not_found() -> None:
    view = world(person("a", ["a@test.tux"], ["a@west.test.tux"], ["bad,login"]))
    assert answer(view, "sender_login", "a@test.tux") == NOT_FOUND


def test_a_login_may_look_like_an_address_of_ours() -> None:
    view = world(
        person("a", ["a.smith@test.tux"], ["a@west.test.tux"], ["anna@test.tux"], server="imap.one"),
        person("b", ["both@test.tux"], ["b@west.test.tux"], ["a.smith@test.tux"], server="imap.two"),
        person("c", ["c@test.tux"], ["c@west.test.tux"], ["twice"], server="imap.one"),
        person("d", ["d@test.tux"], ["d@west.test.tux"], ["Twice"], server="imap.two"),
        person("e", ["e@test.tux"], ["e@west.test.tux"], ["e@example.com"], server="imap.one"),
    )
    assert value(view, "imap_server", "Anna@test.tux") == "imap.one"
    assert value(view, "imap_server", "a.smith@test.tux") == "imap.one"
    assert isinstance(answer(view, "imap_server", "twice"), TempFail)
    assert value(view, "smtp_server", "twice") == "localhost"
    assert answer(view, "imap_server", "e@example.com") == NOT_FOUND


def test_a_current_route_is_that_and_nothing_else() -> None:
    view = world(
        person("a", ["a@test.tux", "@test.tux"], ["a@west.test.tux"]),
        person("b", ["b@test.tux"], ["a+b@west.test.tux"]),
        person("c", ["c@test.tux"], ["box@test.tux"]),
    )
    assert answer(view, "virtual_alias", "a+b@west.test.tux") == NOT_FOUND
    assert value(view, "generic", "a+b@west.test.tux") == "b@test.tux"
    assert answer(view, "virtual_alias", "box@test.tux") == NOT_FOUND
    assert isinstance(answer(view, "virtual_alias", "c@test.tux"), TempFail)


@pytest.mark.parametrize(
    ("delimiters", "route", "other"),
    [
        ("+-", "anna-maria@west.test.tux", "anna@west.test.tux"),
        ("+", "anna+box@west.test.tux", "anna@west.test.tux"),
        ("+", "anna@west.test.tux", "anna+news@west.test.tux"),
        ("+-", "owner-list@west.test.tux", "owner@west.test.tux"),
    ],
)
def test_an_extension_never_leads_to_somebody_else_or_to_nobody(
    delimiters: str, route: str, other: str
) -> None:
    view = world(
        person("anna", ["am@test.tux"], [route]),
        person("other", ["other@test.tux"], [other]),
        recipient_delimiter=delimiters,
    )
    expanded = value(view, "virtual_alias", "am+news@test.tux")
    assert expanded == route
    assert answer(view, "recipient", expanded) == Found(route)


def test_an_extension_never_leads_to_a_former_route_of_somebody_else() -> None:
    records = (
        person("anna", ["anna@test.tux"], ["anna@west.test.tux"]),
        person("bob", ["bob@test.tux"], ["bob@east.test.tux"]),
    )
    view = MemoryView((*SITES, *records), rules=rules(), former={"anna+news@west.test.tux": ["bob"]})
    assert value(view, "virtual_alias", "anna+news@test.tux") == "anna@west.test.tux"
    assert value(view, "virtual_alias", "anna+other@test.tux") == "anna+other@west.test.tux"
