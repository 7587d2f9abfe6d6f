"""The short way says what the function of the map says, or nothing."""

from collections import defaultdict
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colocroute.model import NOT_FOUND, Found, Record, State
from colocroute.routing.address import decode_key
from colocroute.routing.direct import Direct
from colocroute.routing.maps import MAPS, answer
from colocroute.routing.memory import MemoryView
from colocroute.routing.records import keys
from tests.routing.worlds import SITES, person, rules

LOCALS = [
    "anna",
    "Anna",
    "a.b",
    '"a b"',
    "a b",
    '"anna"',
    "ännä",
    "ÄNNÄ",
    "postmaster",
    "anna+x",
    "",
    "k\u212aa",
]
DOMAINS = [
    "test.tux",
    "TEST.tux",
    "west.test.tux",
    "east.test.tux",
    "East.Test.Tux",
    "other.example",
    "bücher.tux",
]
HERE = ("east.test.tux",)

addresses = st.builds("{}@{}".format, st.sampled_from(LOCALS), st.sampled_from(DOMAINS))
users = st.builds(
    person,
    st.sampled_from(["cn=1", "cn=2", "cn=3"]),
    st.lists(addresses, max_size=3),
    st.lists(addresses, max_size=2),
    st.lists(st.sampled_from(["anna", "Bert", "@anna"]), max_size=1),
)


class IndexRows:
    """The rows as a store has them, and how often they were asked for."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.addresses: dict[bytes, list[str]] = defaultdict(list)
        self.routes: dict[bytes, list[str]] = defaultdict(list)
        self.asked = 0
        for found in map(keys, records):
            for index, folded in ((self.addresses, found.addresses), (self.routes, found.routes)):
                for key in folded:
                    index[key.encode()].append(found.direct)

    def direct_owner(self, key: bytes) -> bytes:
        return self._only(self.addresses, key)

    def direct_resident(self, key: bytes) -> bytes:
        return self._only(self.routes, key)

    def _only(self, index: dict[bytes, list[str]], key: bytes) -> bytes:
        self.asked += 1
        found = index.get(key, [])
        return found[0].encode() if len(found) == 1 else b""


class World:
    """Both ways to an answer over the same records."""

    def __init__(self, *records: Record) -> None:
        everything = (*SITES, *records)
        self.view = MemoryView(everything, rules=rules(domains=("test.tux", "bücher.tux")), here=HERE)
        self.direct = Direct(self.view.topology)
        self.rows = IndexRows(everything)

    def short(self, map_name: str, key: bytes) -> object:
        return self.direct.answer(map_name.encode(), key, lambda: self.rows)

    def long(self, map_name: str, key: bytes) -> object:
        text = decode_key(key)
        return NOT_FOUND if text is None else answer(self.view, map_name, text)


@given(st.lists(users, max_size=3, unique_by=lambda record: record.dn), st.lists(addresses, max_size=5))
def test_the_short_way_agrees_with_the_long_one(records: list[Record], asked: list[str]) -> None:
    world = World(*records)
    own = [
        value for record in records if record.user for value in (*record.user.addresses, *record.user.routes)
    ]
    for key in [*asked, *own, *(value.swapcase() for value in own)]:
        for map_name in MAPS:
            said = world.short(map_name, key.encode())
            assert said is None or said == world.long(map_name, key.encode())


ANNA = person("cn=anna", ["Anna@test.tux", "a.b@test.tux"], ["anna@west.test.tux"], ["anna"])
BERT = person("cn=bert", ["bert@test.tux"], ["bert@east.test.tux"])

SAID = [
    ("virtual_alias", b"ANNA@test.tux", Found("anna@west.test.tux")),
    ("virtual_alias", b"anna@west.test.tux", NOT_FOUND),
    ("recipient", b"a.b@test.tux", Found("anna@west.test.tux")),
    ("recipient", b"anna@West.test.tux", Found("anna@west.test.tux")),
    ("relay_recipient", b"anna@west.test.tux", Found("anna@west.test.tux")),
    ("relay_recipient", b"anna@test.tux", NOT_FOUND),
    ("relay_recipient", b"bert@east.test.tux", NOT_FOUND),
    ("virtual_mailbox", b"bert@east.test.tux", Found("bert")),
    ("local_recipient", b"bert@east.test.tux", Found("bert")),
    ("virtual_mailbox", b"anna@west.test.tux", NOT_FOUND),
    ("virtual_mailbox", b"bert@test.tux", NOT_FOUND),
]


@pytest.mark.parametrize(("map_name", "key", "said"), SAID)
def test_the_short_way_is_taken(map_name: str, key: bytes, said: object) -> None:
    world = World(ANNA, BERT)
    assert world.short(map_name, key) == said == world.long(map_name, key)
    assert world.rows.asked == 1


UNSAID = [
    person("cn=two", ["u@test.tux"], ["u@west.test.tux", "u@east.test.tux"]),
    person("cn=none", ["u@test.tux"], []),
    person("cn=elsewhere", ["u@test.tux"], ["u@other.example"]),
    person("cn=all", ["u@test.tux", "@test.tux"], ["u@west.test.tux"]),
    person("cn=quoted", ["u@test.tux", '"u v"@test.tux'], ["u@west.test.tux"]),
    person("cn=case", ["u@test.tux"], ["U@west.test.tux"]),
    person("cn=umlaut", ["u@test.tux", "ü@test.tux"], ["u@west.test.tux"]),
]


@pytest.mark.parametrize("user", UNSAID)
def test_what_takes_a_look_at_the_users_is_left_to_that(user: Record) -> None:
    world = World(user)
    for key in (b"u@test.tux", b"@test.tux", b'"u v"@test.tux', "ü@test.tux".encode()):
        assert world.short("virtual_alias", key) is None


def test_two_owners_are_left_to_the_long_way() -> None:
    world = World(ANNA, person("cn=too", ["anna@test.tux"], ["too@west.test.tux"]))
    assert world.short("virtual_alias", b"anna@test.tux") is None


@pytest.mark.parametrize(
    "key", [b"a@example.com", b"example.com", b"*", b"<>", b"", b"\xff", b"@", b"x" * 9000]
)
def test_the_rows_are_not_touched_for_others(key: bytes) -> None:
    world = World(ANNA)
    for map_name in MAPS:
        assert world.short(map_name, key) is None
    assert world.short("virtual_alias", b"x" * 9000 + b"@test.tux") is None
    assert world.rows.asked == 0


def test_no_view_is_empty_where_this_is_asked() -> None:
    """`Direct` knows no state: `STALE` and `HELD` answer what they have, as the long way does."""
    for state in (State.STALE, State.HELD):
        view = MemoryView((*SITES, ANNA), rules=rules(domains=("test.tux",)), here=HERE, state=state)
        assert answer(view, "virtual_alias", "anna@test.tux") == Found("anna@west.test.tux")
        assert answer(view, "virtual_alias", "anna@west.test.tux") == NOT_FOUND
