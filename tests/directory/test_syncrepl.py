"""The consumer's state machine: each conversation means its events, and what is not allowed ends it."""

from collections.abc import Sequence

import pytest

from colocroute.directory.controls import ADD, DELETE, MODIFY, PRESENT, SyncDone
from colocroute.directory.events import Event, RefreshDone, RefreshKind
from colocroute.directory.messages import (
    NOTICE_OF_DISCONNECTION,
    Intermediate,
    Kind,
    Message,
    RawEntry,
    Result,
)
from colocroute.directory.reader import MessageReader
from colocroute.directory.syncrepl import Stage, SyncConsumer
from colocroute.errors import CookieRefusedError, DirectoryError, SyncUnsupportedError
from colocroute.model import Entry
from tests.directory.conversations import (
    C1,
    C2,
    CONVERSATIONS,
    SEARCH,
    Conversation,
    delete_done,
    done,
    id_set,
    kept,
    new_cookie,
    present_done,
    raw,
    sent,
    to_entry,
    uuid,
)
from tests.lab.ldapmessages import encode

REST = [raw(1), raw(1, DELETE, sent(C2)), id_set(True, 1), new_cookie(sent(C2)), delete_done(sent(C2))]
NOTICE = Result(0, Kind.EXTENDED, 52, text="bye\n", oid=NOTICE_OF_DISCONNECTION)
REST += [present_done(sent(C2)), done(sync_done=SyncDone(sent(C2)))]


def consumer(cookie: bytes, messages: Sequence[Message] = ()) -> SyncConsumer:
    """A machine that has already got some messages."""
    machine = SyncConsumer(SEARCH, cookie, to_entry)
    for message in messages:
        machine.feed(message)
    return machine


def refuses(machine: SyncConsumer, message: Message, text: str) -> DirectoryError:
    """Asserts that the message ends the conversation, and that nothing comes after it; returns the error."""
    with pytest.raises(DirectoryError) as refused:
        machine.feed(message)
    assert text in str(refused.value)
    assert "\n" not in str(refused.value)
    assert machine.stage is Stage.FAILED
    for later in REST:
        with pytest.raises(DirectoryError, match="not read any more"):
            machine.feed(later)
    return refused.value


@pytest.mark.parametrize("conversation", CONVERSATIONS.values(), ids=list(CONVERSATIONS))
def test_each_message_means_its_events(conversation: Conversation) -> None:
    machine = consumer(conversation.cookie)
    for message, events in conversation.steps:
        assert list(machine.feed(message)) == events


@pytest.mark.parametrize("conversation", CONVERSATIONS.values(), ids=list(CONVERSATIONS))
def test_the_same_out_of_bytes(conversation: Conversation) -> None:
    machine = consumer(conversation.cookie)
    reader = MessageReader()
    events: list[Event] = []
    for message, _ in conversation.steps:
        reader.feed(encode(message))
        for value in reader:
            events += machine.feed(value)
    assert events == [event for _, step in conversation.steps for event in step]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (RawEntry(SEARCH, b"uid=1", {}), "entry 'uid=1' without Sync State control"),
        (RawEntry(SEARCH, b"a\nb", {}, ADD, b"x" * 15), "entry 'a?b' with an entryUUID of 15 bytes"),
        (RawEntry(SEARCH, b"", {}, DELETE, b""), "entry '' with an entryUUID of 0 bytes"),
        (RawEntry(SEARCH, b"\xff", {}, 4, uuid(1)), "in the unknown state 4"),
        (RawEntry(SEARCH, b"", {}, -1, uuid(1)), "in the unknown state -1"),
        (id_set(True, 10**16), "a syncIdSet with an entryUUID that is not of 16 bytes"),
        (id_set(False, 10**16), "a syncIdSet with an entryUUID that is not of 16 bytes"),
        (Intermediate(SEARCH, b"1.2\n", b"x"), "unknown kind b'1.2\\n'"),
        (Result(SEARCH, Kind.BIND, 0), "a response of kind BIND to a search"),
        (Result(SEARCH, Kind.EXTENDED, 53), "a response of kind EXTENDED to a search"),
        (delete_done(sent(C2), end=False), "a delete phase that does not end the refresh"),
        (NOTICE, "disconnects: LDAP result 52 (unavailable): bye?"),
        (done(4), "LDAP result 4 (sizeLimitExceeded: the directory must set no size limit"),
        (done(11), "LDAP result 11 (adminLimitExceeded"),
        (done(32), "LDAP result 32 (noSuchObject: the base does not exist"),
        (done(51, "later"), "LDAP result 51 (busy): later"),
        (done(118), "LDAP result 118"),
        (done(-1), "LDAP result -1"),
        (done(12, "no\nsync"), "the server has no syncprov for this base): no?sync"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("cookie", [b"", kept(C1)], ids=["first", "resumed"])
def test_what_is_refused_in_every_stage(message: Message, text: str, cookie: bytes) -> None:
    refuses(consumer(cookie), message, text)
    refuses(consumer(cookie, [raw(1)]), message, text)
    if message != delete_done(sent(C2), end=False):
        refuses(consumer(cookie, [raw(1), delete_done()]), message, text)
        refuses(consumer(cookie, [raw(1), delete_done(sent(C1))]), message, text)
        refuses(consumer(cookie, [raw(1), delete_done(sent(C1)), raw(2, MODIFY, sent(C2))]), message, text)


@pytest.mark.parametrize("message", [id_set(False, 1), raw(1, PRESENT), id_set(False)])
def test_unchanged_entries_are_refused_where_they_can_not_be(message: Message) -> None:
    refuses(consumer(b""), message, "entries listed as unchanged though no cookie was sent")
    refuses(consumer(b"rid=000"), message, "entries listed as unchanged though no cookie was sent")
    late = "entries listed as unchanged after the present phase"
    refuses(consumer(kept(C1), [delete_done()]), message, late)
    refuses(consumer(kept(C1), [present_done(end=False)]), message, late)
    refuses(consumer(b"", [delete_done(sent(C1))]), message, late)
    refuses(consumer(b"", [delete_done()]), message, late)


@pytest.mark.parametrize("message", [delete_done(), present_done(sent(C2)), present_done(end=False)])
@pytest.mark.parametrize("cookie", [b"", kept(C1)], ids=["first", "resumed"])
def test_a_refresh_is_closed_once(message: Message, cookie: bytes) -> None:
    refuses(consumer(cookie, [delete_done(sent(C1))]), message, "the refresh was closed twice")
    refuses(consumer(cookie, [delete_done()]), message, "the refresh was closed twice")


@pytest.mark.parametrize("message", [present_done(), present_done(end=False), done(sync_done=SyncDone())])
def test_there_is_one_present_phase(message: Message) -> None:
    refuses(consumer(kept(C1), [present_done(end=False)]), message, "a second present phase")


@pytest.mark.parametrize("message", [delete_done(sent(C2)), done(sync_done=SyncDone(sent(C2), True))])
def test_a_present_phase_is_not_closed_as_a_delete_phase(message: Message) -> None:
    """Whether the entries that were not listed are gone would be a guess."""
    refuses(consumer(kept(C1), [id_set(False, 1)]), message, "closed as a delete phase")


def test_a_search_does_not_end_while_changes_are_followed() -> None:
    text = "ended the search that should have gone on"
    refuses(consumer(kept(C1), [delete_done()]), done(sync_done=SyncDone(sent(C2), True)), text)
    refuses(consumer(b"", [delete_done(sent(C1))]), done(), text)
    refuses(consumer(b"", [delete_done()]), done(sync_done=SyncDone(sent(C2), True)), text)


@pytest.mark.parametrize("cookie", [b"", kept(C1)], ids=["first", "resumed"])
def test_a_plain_search_is_no_refresh(cookie: bytes) -> None:
    refuses(consumer(cookie), done(), "the search ended without Sync Done control")


@pytest.mark.parametrize("cookie", [None, b"", b"rid=000", b"rid=000,delcsn=" + C1])
def test_an_empty_database_is_no_content(cookie: bytes | None) -> None:
    """refreshOnly on an empty database ends with success and no entry (OpenLDAP)."""
    refuses(consumer(b""), done(sync_done=SyncDone(cookie, True)), "the refresh ended without a CSN")
    refuses(consumer(b"", [raw(1)]), done(sync_done=SyncDone(cookie)), "the refresh ended without a CSN")


@pytest.mark.parametrize("message", [raw(1), new_cookie(sent(C2)), done(), delete_done()])
def test_nothing_follows_the_end_of_the_search(message: Message) -> None:
    machine = consumer(b"", [done(sync_done=SyncDone(sent(C1)))])
    assert machine.stage is Stage.ENDED
    refuses(machine, message, "a message after the end of the search")


def test_a_directory_without_syncprov_is_told_apart() -> None:
    assert isinstance(refuses(consumer(b""), done(12), "12"), SyncUnsupportedError)
    assert isinstance(refuses(consumer(kept(C1)), done(12), "12"), SyncUnsupportedError)


@pytest.mark.parametrize("code", [53, 4096])
def test_a_refused_cookie_is_told_apart_if_there_was_one(code: int) -> None:
    assert isinstance(refuses(consumer(kept(C1)), done(code, "stale"), "stale"), CookieRefusedError)
    assert isinstance(refuses(consumer(kept(C1), [raw(1)]), done(code), str(code)), CookieRefusedError)
    following = consumer(b"", [delete_done(sent(C1))])
    assert isinstance(refuses(following, done(code), str(code)), CookieRefusedError)


@pytest.mark.parametrize("code", [53, 4096])
def test_a_refusal_without_cookie_is_no_reason_to_ask_again_at_once(code: int) -> None:
    assert type(refuses(consumer(b""), done(code), str(code))) is DirectoryError
    assert type(refuses(consumer(b"", [delete_done()]), done(code), str(code))) is DirectoryError


@pytest.mark.parametrize("code", [1, 4, 11, 32, 51, 52, 80])
def test_other_results_are_neither(code: int) -> None:
    assert type(refuses(consumer(kept(C1)), done(code), str(code))) is DirectoryError


def test_a_mapping_that_fails_ends_the_conversation() -> None:
    def broken(entry: RawEntry) -> Entry:
        raise KeyError(entry.dn)

    machine = SyncConsumer(SEARCH, b"", broken)
    with pytest.raises(KeyError):
        machine.feed(raw(1))
    with pytest.raises(DirectoryError):
        machine.feed(delete_done(sent(C1)))


def test_the_stage_and_the_cookie_can_be_asked_for() -> None:
    machine = consumer(b"rid=000,sid=001,csn=" + C1)
    assert (machine.stage, machine.cookie) == (Stage.REFRESH, kept(C1))
    machine.feed(delete_done())
    assert (machine.stage, machine.cookie) == (Stage.PERSIST, kept(C1))
    filling = consumer(b"", [delete_done()])
    assert (filling.stage, filling.cookie) == (Stage.UNCONFIRMED, b"")
    assert list(filling.feed(new_cookie(sent(C2)))) == [RefreshDone(RefreshKind.COMPLETE, kept(C2))]
    assert (filling.stage, filling.cookie) == (Stage.PERSIST, kept(C2))
