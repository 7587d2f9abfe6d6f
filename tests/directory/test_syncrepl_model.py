"""The state machine against a model of a directory: whatever happens, the mirror arrives at the truth.

Legal conversations of every kind, cut at any message, converge; after an illegal message nothing is committed,
and no message whatever raises anything but `DirectoryError`.
"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colocroute.directory.controls import (
    ADD,
    DELETE,
    MODIFY,
    SYNC_INFO,
    NewCookie,
    RefreshDelete,
    RefreshPresent,
    SyncDone,
    SyncIdSet,
)
from colocroute.directory.messages import Intermediate, Kind, Message, RawEntry, Result, SearchReference
from colocroute.directory.syncrepl import SyncConsumer
from colocroute.errors import DirectoryError
from colocroute.model import Entry
from tests.directory.conversations import raw, sent, uuid
from tests.directory.conversations import to_entry as any_entry
from tests.lab.syncmodel import SEARCH, Directory, Mirror
from tests.lab.syncsessions import (
    Session,
    assert_well_formed,
    choices,
    converse,
    events_of,
    fed,
    fed_in_runs,
    settle,
)

CHOICES = st.binary(min_size=400, max_size=400)
PATIENT = settings(max_examples=300)

ILLEGAL: list[Message] = [
    RawEntry(SEARCH, b"o=x", {}),
    RawEntry(SEARCH, b"o=x", {}, 1, b"short"),
    RawEntry(SEARCH, b"o=x", {}, 7, uuid(1)),
    Intermediate(SEARCH, b"1.2.3", None),
    Intermediate(SEARCH, SYNC_INFO, SyncIdSet(None, True, (b"short",))),
    Intermediate(SEARCH, SYNC_INFO, RefreshDelete(None, False)),
    Result(SEARCH, Kind.COMPARE, 5),
    Result(SEARCH, Kind.SEARCH_DONE, 0),
    *[Result(SEARCH, Kind.SEARCH_DONE, code) for code in (1, 4, 11, 12, 32, 51, 53, 80, 4096)],
]


@PATIENT
@given(CHOICES)
def test_every_committed_point_leads_to_the_truth(data: bytes) -> None:
    choose = choices(data)
    directory, mirror = Directory(choose), Mirror()
    for _ in range(1 + choose(4)):
        directory.change()
    for _ in range(1 + choose(4)):
        converse(directory, mirror, choose, cuts=12)
        for _ in range(choose(5)):
            directory.change()
        if choose(3) == 0:
            directory.forget_deletions()
    settle(directory, mirror, choose)


@PATIENT
@given(CHOICES)
def test_a_replica_that_is_being_filled_is_believed_when_it_is_full(data: bytes) -> None:
    choose = choices(data)
    directory, mirror = Directory(choose), Mirror()
    directory.change()
    settle(directory, mirror, choose)
    before = mirror.state()
    filling = list(directory.fill(1 + choose(6)))
    cut = choose(len(filling))
    session = Session(mirror, b"", choose)
    for message in filling[:cut]:
        session.give(message)
    assert mirror.state() == before
    if choose(2):
        mirror.drop()
    else:
        for message in filling[cut:]:
            assert mirror.state() == before
            session.give(message)
        assert mirror.content == directory.content()
    settle(directory, mirror, choose)


@PATIENT
@given(CHOICES)
def test_nothing_is_committed_from_an_illegal_message_on(data: bytes) -> None:
    choose = choices(data)
    directory, mirror = Directory(choose), Mirror()
    directory.change()
    if choose(2):
        settle(directory, mirror, choose)
        directory.change()
        directory.change()
    cookie = mirror.cookie if choose(2) else b""
    messages = list(directory.refresh(cookie, only=False))
    directory.change()
    messages += directory.queue
    place = choose(len(messages) + 1)
    session = Session(mirror, cookie, choose)
    for message in messages[:place]:
        session.give(message)
    before = mirror.state()
    with pytest.raises(DirectoryError):
        session.give(ILLEGAL[choose(len(ILLEGAL))])
    for message in [*messages[place:], *messages]:
        with pytest.raises(DirectoryError):
            session.machine.feed(message)
    assert mirror.state() == before


COOKIES = st.sampled_from([b"", b"rid=000", b"garbage", sent(b"20261124120000.000000Z#000000#001#000000")])
MAYBE = st.none() | COOKIES
UUIDS = st.sampled_from([uuid(1), uuid(2), b"", b"x" * 17])
INFO = st.one_of(
    st.builds(NewCookie, COOKIES),
    st.builds(RefreshDelete, MAYBE, st.booleans()),
    st.builds(RefreshPresent, MAYBE, st.booleans()),
    st.builds(SyncIdSet, MAYBE, st.booleans(), st.lists(UUIDS, max_size=2).map(tuple)),
)
IDS = st.sampled_from([SEARCH] * 9 + [0, 3])
ANY_MESSAGE: st.SearchStrategy[Message] = st.one_of(
    st.builds(
        RawEntry, IDS, st.just(b"o=x"), st.just({}), st.none() | st.integers(-1, 4), st.none() | UUIDS, MAYBE
    ),
    st.builds(Intermediate, IDS, st.just(SYNC_INFO), INFO | st.none() | st.binary(max_size=3)),
    st.builds(
        Result,
        IDS,
        st.sampled_from(Kind),
        st.sampled_from([0, 0, 0, 4, 12, 53, 4096]),
        sync_done=st.none() | st.builds(SyncDone, MAYBE, st.booleans()),
    ),
    st.just(SearchReference(SEARCH, ())),
    st.builds(raw, st.integers(1, 3), st.integers(0, 3), MAYBE),
)


@settings(max_examples=500)
@given(COOKIES, st.lists(ANY_MESSAGE, max_size=12))
def test_any_messages_make_a_well_formed_sequence_of_events(cookie: bytes, messages: list[Message]) -> None:
    machine = SyncConsumer(SEARCH, cookie, any_entry)
    assert_well_formed(list(events_of(machine.feed, messages)))


def readable(entry: RawEntry) -> Entry:
    """A mapping that fails for one of the entries."""
    if entry.uuid == uuid(3):
        raise KeyError(entry.dn)
    return any_entry(entry)


ADDED = st.builds(raw, st.integers(1, 3), st.sampled_from([ADD] * 9 + [MODIFY, DELETE]), MAYBE, IDS)


@settings(max_examples=500)
@given(COOKIES, st.lists(ADDED | ANY_MESSAGE, max_size=20), st.lists(st.integers(0, 5)), st.booleans())
def test_messages_mean_the_same_one_by_one_and_in_runs(
    cookie: bytes, messages: list[Message], sizes: list[int], may_fail: bool
) -> None:
    mapping = readable if may_fail else any_entry
    one_by_one = fed(SyncConsumer(SEARCH, cookie, mapping), messages)
    assert fed_in_runs(SyncConsumer(SEARCH, cookie, mapping), messages, sizes) == one_by_one
