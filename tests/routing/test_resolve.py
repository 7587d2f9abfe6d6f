"""The one resolution, step by step."""

from collections.abc import Iterator, Sequence

import hypothesis.strategies as st
import pytest
from hypothesis import given

from colocroute.model import NOT_FOUND, State, TempFail, User
from colocroute.routing.address import fold
from colocroute.routing.memory import MemoryView
from colocroute.routing.resolve import (
    SHOWN_LIMIT,
    How,
    Match,
    absent,
    owners_disagree,
    question,
    resolve,
    resolve_or_catch_all,
    route_of,
    shown,
)
from tests.routing.worlds import SITES, UnreadableView, company, person, rules, world


def match(view: MemoryView, key: str) -> Match:
    """Who is meant, the catch-all included."""
    asked = question(view, key)
    assert asked is not None
    found = resolve_or_catch_all(view, asked)
    assert found is not None
    return found


WORLD = MemoryView(
    [
        *SITES,
        person("anna", ["anna@test.tux"], ["anna@west.test.tux"]),
        person("both", ["both@test.tux"], ["anna@test.tux"]),
        person("ext", ["e+x@test.tux"], ["e+x@west.test.tux"]),
        person("base", ["e@test.tux"], ["e@west.test.tux"]),
        person("all", ["@test.tux"], ["all@east.test.tux"]),
        person("site", ["site@west.test.tux"], ["other@west.test.tux"]),
        person("loop", ["other@test.tux"], ["loop@test.tux"]),
    ],
    rules=rules(),
    former={
        "anna@east.test.tux": ["anna"],
        "e+x@west.test.tux": ["anna"],
        "e+y@west.test.tux": ["anna"],
        "old@test.tux": ["anna"],
    },
)


@pytest.mark.parametrize(
    ("key", "how", "matched", "extension"),
    [
        ("Anna@test.tux", How.ADDRESS, "anna@test.tux", ""),
        ("anna+X@test.tux", How.ADDRESS, "anna@test.tux", "+X"),
        ("anna@west.test.tux", How.ROUTE, "anna@west.test.tux", ""),
        ("anna+x@west.test.tux", How.ROUTE, "anna@west.test.tux", "+x"),
        ("anna@east.test.tux", How.FORMER, "anna@east.test.tux", ""),
        ("anna+x@east.test.tux", How.FORMER, "anna@east.test.tux", "+x"),
        ("e+x@test.tux", How.ADDRESS, "e+x@test.tux", ""),
        ("e+x+y@test.tux", How.ADDRESS, "e@test.tux", "+x+y"),
        ("e+x@west.test.tux", How.ROUTE, "e+x@west.test.tux", ""),
        ("e+y@west.test.tux", How.FORMER, "e+y@west.test.tux", ""),
        ("e+z@west.test.tux", How.ROUTE, "e@west.test.tux", "+z"),
        ("loop@test.tux", How.ROUTE, "loop@test.tux", ""),
        ("old@test.tux", How.FORMER, "old@test.tux", ""),
        ("nobody+x@test.tux", How.CATCH_ALL, "@test.tux", ""),
    ],
)
def test_steps(key: str, how: How, matched: str, extension: str) -> None:
    found = match(WORLD, key)
    assert (found.how, found.key, found.extension) == (how, matched, extension)


@pytest.mark.parametrize("key", ["site@west.test.tux", "nobody@east.test.tux", "nobody+x@east.test.tux"])
def test_nobody(key: str) -> None:
    """An address value in a site domain is not honoured, and a site domain has no catch-all."""
    asked = question(WORLD, key)
    assert asked is not None
    assert resolve_or_catch_all(WORLD, asked) is None


def test_the_catch_all_is_for_those_who_want_it() -> None:
    asked = question(WORLD, "nobody@test.tux")
    assert asked is not None
    assert resolve(WORLD, asked) is None


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("key", ["anna@example.com", "*", "", "anna", "test.tux", "x@elsewhere.example"])
def test_no_question_touches_no_data(state: State, key: str) -> None:
    assert question(UnreadableView(state), key) is None


def test_over_long_keys_are_not_looked_up() -> None:
    asked = question(UnreadableView(State.LIVE), "x" * 400 + "@test.tux")
    assert asked is not None
    assert resolve(UnreadableView(State.LIVE), asked) is None


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ([["a@west.test.tux"]], "a@west.test.tux"),
        ([["a@west.test.tux"], ["A@west.test.tux"]], "a@west.test.tux"),
        ([["a@west.test.tux"], ["b@west.test.tux"]], None),
        ([["a@west.test.tux", "b@west.test.tux"]], None),
        ([["a@west.test.tux", "b@west.test.tux"]] * 2, None),
        ([["a@west.test.tux"], []], None),
        ([[]], None),
        ([["a@test.tux"]], None),
        ([["a@nowhere.example"]], None),
    ],
)
def test_route_of(routes: Sequence[Sequence[str]], expected: str | None) -> None:
    users = [User((), tuple(each), (), "", "", True) for each in routes]
    route = route_of(world(), Match(users, How.ADDRESS, "x@test.tux"))
    if expected is None:
        assert isinstance(route, TempFail)
        assert "x@test.tux" in route.reason
    else:
        assert route == expected


def test_the_route_that_was_asked_for_is_not_ambiguous() -> None:
    user = User((), ("a@west.test.tux", "B@east.test.tux"), (), "", "", True)
    assert route_of(world(), Match([user], How.ROUTE, "b@east.test.tux")) == "B@east.test.tux"


def test_owners_disagree() -> None:
    def owner(*routes: str) -> User:
        return User((), routes, (), "", "", True)

    assert not owners_disagree([owner("a@w.test", "b@w.test")])
    assert not owners_disagree([owner("a@w.test"), owner("A@w.test")])
    assert owners_disagree([owner("a@w.test"), owner("b@w.test")])
    assert owners_disagree([owner("a@w.test"), owner()])


@pytest.mark.parametrize(
    ("state", "reject_when_stale", "may_deny"),
    [
        (State.LIVE, False, True),
        (State.LIVE, True, True),
        (State.STALE, False, False),
        (State.STALE, True, True),
        (State.HELD, False, False),
        (State.HELD, True, False),
        (State.EMPTY, False, False),
        (State.EMPTY, True, False),
    ],
)
def test_who_may_say_no(state: State, reject_when_stale: bool, may_deny: bool) -> None:
    said = absent(company(state, rules(reject_when_stale=reject_when_stale)), "nobody@test.tux")
    assert (said == NOT_FOUND) is may_deny
    if not may_deny:
        assert said == TempFail(f"mirror is {state.value}, cannot deny <nobody@test.tux>")


def test_reasons_are_short() -> None:
    assert shown("x" * SHOWN_LIMIT) == f"<{'x' * SHOWN_LIMIT}>"
    assert shown("x" * 9_000) == f"<{'x' * SHOWN_LIMIT}...>"


def shared(*routes: str) -> MemoryView:
    """Users with addresses `0@test.tux`, `1@test.tux` ... of whom each writes the one mailbox in his way."""
    users = [person(f"cn={number}", [f"{number}@test.tux"], [route]) for number, route in enumerate(routes)]
    return world(*users)


@pytest.mark.parametrize(
    ("routes", "said"),
    [
        (["shared@west.test.tux", "Shared@west.test.tux"], "shared@west.test.tux"),
        (["Shared@west.test.tux", "shared@west.test.tux"], "shared@west.test.tux"),
        (["SHARED@west.test.tux", "Shared@west.test.tux"], "SHARED@west.test.tux"),
        (["Ännä@west.test.tux", "ÄNNÄ@west.test.tux"], "ÄNNÄ@west.test.tux"),
        (["Only@west.test.tux"], "Only@west.test.tux"),
        (["K@west.test.tux", "\u212a@west.test.tux"], "K@west.test.tux"),
    ],
)
def test_a_shared_mailbox_is_answered_in_one_spelling(routes: list[str], said: str) -> None:
    """Postfix drops a second delivery only if it is written the same."""
    view = shared(*routes)
    keys = [f"{number}@test.tux" for number in range(len(routes))] + routes
    assert {route_of(view, match(view, key)) for key in keys} == {said}


def owner(*routes: str) -> User:
    """A user by his routes."""
    return User((), routes, (), "", "", True)


class Looked(list[User]):
    """Users; notes how many were looked at."""

    number = 0

    def __iter__(self) -> Iterator[User]:
        for user in super().__iter__():
            self.number += 1
            yield user


def test_two_different_routes_decide_whatever_the_others_have() -> None:
    """Thousands may share a key, and each who is looked at is read from the mirror."""
    crowd = [owner(f"{number}@west.test.tux") for number in range(1000)]
    for how in (How.ADDRESS, How.CATCH_ALL):
        looked = Looked(crowd)
        said = route_of(world(), Match(looked, how, "x@test.tux"))
        assert said == TempFail("<x@test.tux> has several routes")
        assert looked.number == 2
    looked = Looked(crowd)
    assert owners_disagree(looked)
    assert looked.number == 2


def test_the_first_who_writes_the_key_decides() -> None:
    looked = Looked([owner("A@west.test.tux"), *[owner("a@west.test.tux")] * 1000])
    assert route_of(world(), Match(looked, How.ROUTE, "a@west.test.tux")) == "a@west.test.tux"
    assert looked.number == 2


ROUTES = ["a@west.test.tux", "A@west.test.tux", "b@west.test.tux"]
routes_of_owners = st.lists(st.lists(st.sampled_from(ROUTES), max_size=2), min_size=1, max_size=6)


@given(routes_of_owners)
def test_the_route_is_what_a_look_at_all_of_them_gives(routes: list[list[str]]) -> None:
    view = world(*(person(f"cn={number}", ["x@test.tux"], each) for number, each in enumerate(routes)))
    users = view.owners("x@test.tux")
    written = {route for user in users for route in user.routes}
    said = route_of(view, match(view, "x@test.tux"))
    if len({fold(route) for route in written}) > 1:
        assert said == TempFail("<x@test.tux> has several routes")
    elif not all(user.routes for user in users):
        assert said == TempFail("<x@test.tux> belongs to an entry without a usable route")
    else:
        assert said == (fold(min(written)) if fold(min(written)) in written else min(written))
    assert owners_disagree(users) == (len({frozenset(map(fold, user.routes)) for user in users}) > 1)
