"""Conversations with a directory, message by message, and what each means: the table of what OpenLDAP sends.

An entry is a number, which is its uuid and its DN.  Drives the tests of the state machine and the seeds of
its fuzz target.
"""

from collections.abc import Sequence

import msgspec

from colocroute.directory.controls import (
    ADD,
    DELETE,
    MODIFY,
    PRESENT,
    NewCookie,
    RefreshDelete,
    RefreshPresent,
    SyncDone,
    SyncIdSet,
)
from colocroute.directory.events import (
    Cookie,
    Delete,
    Event,
    Present,
    RefreshBegin,
    RefreshDone,
    RefreshKind,
    Upsert,
)
from colocroute.directory.messages import Kind, Message, RawEntry, Result, SearchReference
from colocroute.model import Entry
from tests.lab.ldapmessages import info

SEARCH = 2  # the message id of the search

BEGIN = RefreshBegin()
NOTHING: list[Event] = []


def csn(time: int, sid: int = 1) -> bytes:
    """A CSN of the given second and server."""
    return b"202611241200%02d.000000Z#000000#%03x#000000" % (time, sid)


def sent(*csns: bytes) -> bytes:
    """A cookie as the provider with sid 1 writes it."""
    return b"rid=000,sid=001,csn=" + b";".join(csns)


def kept(*csns: bytes) -> bytes:
    """The same as it is kept."""
    return b"rid=000,csn=" + b";".join(csns)


def uuid(number: int) -> bytes:
    """The entryUUID of an entry."""
    return b"%016d" % number


def raw(number: int, state: int = ADD, cookie: bytes | None = None, message_id: int = SEARCH) -> RawEntry:
    """An entry as it comes; without attributes where there are none in that state."""
    attributes = {b"uid": [b"%d" % number]} if state in (ADD, MODIFY) else {}
    return RawEntry(message_id, b"uid=%d" % number, attributes, state, uuid(number), cookie)


def to_entry(entry: RawEntry) -> Entry:
    """What is handed to the machine as schema mapping."""
    return Entry(entry.uuid or b"", entry.dn.decode("utf-8", "backslashreplace"))


def upsert(number: int, cookie: bytes | None = None) -> Upsert:
    """The event of an added or changed entry."""
    return Upsert(Entry(uuid(number), f"uid={number}"), cookie)


def done(code: int = 0, text: str = "", sync_done: SyncDone | None = None) -> Result:
    """The end of the search."""
    return Result(SEARCH, Kind.SEARCH_DONE, code, text=text, sync_done=sync_done)


def id_set(deleted: bool, *numbers: int, cookie: bytes | None = None) -> Message:
    """A syncIdSet."""
    return info(SEARCH, SyncIdSet(cookie, deleted, tuple(map(uuid, numbers))))


def delete_done(cookie: bytes | None = None, end: bool = True) -> Message:
    """The end of a delete phase."""
    return info(SEARCH, RefreshDelete(cookie, end))


def present_done(cookie: bytes | None = None, end: bool = True) -> Message:
    """The end of a present phase."""
    return info(SEARCH, RefreshPresent(cookie, end))


def new_cookie(cookie: bytes) -> Message:
    """The position moved."""
    return info(SEARCH, NewCookie(cookie))


class Conversation(msgspec.Struct, frozen=True):
    """`cookie` was sent, empty for none; each message with the events it means."""

    cookie: bytes
    steps: Sequence[tuple[Message, list[Event]]]


C0, C1, C2, C3 = csn(0, 0), csn(1), csn(2), csn(3)
OTHER = csn(9, 2)
COMPLETE, PRESENTS, DELETES = RefreshKind.COMPLETE, RefreshKind.PRESENT, RefreshKind.DELETE

CONVERSATIONS: dict[str, Conversation] = {
    "first refresh, then changes": Conversation(
        b"",
        [
            (raw(1), [BEGIN, upsert(1)]),
            (raw(2), [upsert(2)]),
            (delete_done(sent(C0, C1)), [RefreshDone(COMPLETE, kept(C0, C1))]),
            (raw(3, ADD, sent(C2)), [upsert(3, kept(C0, C2))]),
            (raw(3, MODIFY, sent(C2)), [upsert(3, kept(C0, C2))]),
            (raw(2, DELETE, sent(C3)), [Delete((uuid(2),), kept(C0, C3))]),
        ],
    ),
    "first refresh, closed as RFC 4533 has it": Conversation(
        b"", [(raw(1), [BEGIN, upsert(1)]), (present_done(sent(C1)), [RefreshDone(COMPLETE, kept(C1))])]
    ),
    "first refresh of a content that is empty": Conversation(
        b"", [(delete_done(sent(C1)), [BEGIN, RefreshDone(COMPLETE, kept(C1))])]
    ),
    "resume, nothing changed": Conversation(
        kept(C0, C1),
        [
            (delete_done(), [BEGIN, RefreshDone(DELETES, kept(C0, C1))]),
            (raw(1, MODIFY, sent(C2)), [upsert(1, kept(C0, C2))]),
        ],
    ),
    "resume within the session log": Conversation(
        kept(C1),
        [
            (id_set(True, 1, cookie=sent(C1) + b",delcsn=" + C2), [BEGIN, Delete((uuid(1),))]),
            (id_set(True, 9, cookie=sent(C1) + b",delcsn=" + C3), [Delete((uuid(9),))]),
            (raw(2), [upsert(2)]),
            (delete_done(sent(C3)), [RefreshDone(DELETES, kept(C3))]),
        ],
    ),
    "resume without session log": Conversation(
        kept(C1),
        [
            (id_set(False, 1, 2), [BEGIN, Present((uuid(1), uuid(2)))]),
            (id_set(False, 3), [Present((uuid(3),))]),
            (raw(3), [upsert(3)]),
            (present_done(sent(C3)), [RefreshDone(PRESENTS, kept(C3))]),
        ],
    ),
    "resume with entries that are listed one by one": Conversation(
        kept(C1),
        [
            (raw(1, PRESENT), [BEGIN, Present((uuid(1),))]),
            (raw(3), [upsert(3)]),
            (present_done(sent(C3)), [RefreshDone(PRESENTS, kept(C3))]),
        ],
    ),
    "present phase, then delete phase": Conversation(
        kept(C1),
        [
            (id_set(False, 1, 2), [BEGIN, Present((uuid(1), uuid(2)))]),
            (present_done(sent(C2), end=False), []),
            (raw(1, DELETE), [Delete((uuid(1),))]),
            (raw(4), [upsert(4)]),
            (delete_done(sent(C3)), [RefreshDone(PRESENTS, kept(C3))]),
        ],
    ),
    "resume with a csn that is not known": Conversation(
        kept(C1), [(raw(1), [BEGIN, upsert(1)]), (present_done(sent(C3)), [RefreshDone(PRESENTS, kept(C3))])]
    ),
    "rebuilt without the users: delete everything": Conversation(
        kept(C1), [(present_done(sent(C3)), [BEGIN, RefreshDone(PRESENTS, kept(C3))])]
    ),
    "deleted while the refresh runs": Conversation(
        b"",
        [
            (raw(1), [BEGIN, upsert(1)]),
            (raw(7, DELETE), [Delete((uuid(7),))]),
            (delete_done(sent(C1)), [RefreshDone(COMPLETE, kept(C1))]),
            (raw(8, DELETE, sent(C2)), [Delete((uuid(8),), kept(C2))]),
        ],
    ),
    "changes outside": Conversation(
        kept(C1),
        [
            (delete_done(), [BEGIN, RefreshDone(DELETES, kept(C1))]),
            (new_cookie(sent(C2)), [Cookie(kept(C2))]),
            (new_cookie(b"rid=000,sid=001"), []),
        ],
    ),
    "several providers": Conversation(
        kept(C1, OTHER),
        [
            (delete_done(), [BEGIN, RefreshDone(DELETES, kept(C1, OTHER))]),
            (raw(1, MODIFY, sent(C2)), [upsert(1, kept(C2, OTHER))]),
            (raw(2, MODIFY, sent(csn(10, 2))), [upsert(2, kept(C2, csn(10, 2)))]),
            (new_cookie(sent(csn(1, 3))), [Cookie(kept(C2, csn(10, 2), csn(1, 3)))]),
            (raw(3, ADD), [upsert(3)]),
        ],
    ),
    "a replica that is being filled": Conversation(
        b"",
        [
            (raw(1), [BEGIN, upsert(1)]),
            (delete_done(), []),
            (raw(2), [upsert(2)]),
            (raw(3, ADD, b"rid=000,sid=002"), [upsert(3)]),
            (raw(1, DELETE), [Delete((uuid(1),))]),
            (id_set(True, 2), [Delete((uuid(2),))]),
            (new_cookie(sent(C1)), [RefreshDone(COMPLETE, kept(C1))]),
            (raw(4, ADD, sent(C2)), [upsert(4, kept(C2))]),
        ],
    ),
    "a replica that is filled with a change": Conversation(
        b"",
        [
            (delete_done(b""), [BEGIN]),
            (raw(2), [upsert(2)]),
            (raw(3, ADD, sent(C1)), [upsert(3), RefreshDone(COMPLETE, kept(C1))]),
        ],
    ),
    "a cookie of another kind of server": Conversation(
        b"ldap:389#cn=x:dc=test#1",
        [
            (raw(1), [BEGIN, upsert(1)]),
            (delete_done(b"ldap:389#cn=x:dc=test#2"), []),
            (raw(2, MODIFY, b"ldap:389#cn=x:dc=test#3"), [upsert(2)]),
        ],
    ),
    "delta mode: cookies of a part of the refresh": Conversation(
        b"",
        [
            (raw(1, ADD, sent(C3)), [BEGIN, upsert(1)]),
            (new_cookie(sent(C3)), []),
            (delete_done(sent(C2)), [RefreshDone(COMPLETE, kept(C2))]),
        ],
    ),
    "delta mode: being filled": Conversation(
        b"", [(raw(1, ADD, sent(C1)), [BEGIN, upsert(1)]), (delete_done(), []), (raw(2), [upsert(2)])]
    ),
    "several deleted at once while changes are followed": Conversation(
        kept(C1),
        [
            (delete_done(), [BEGIN, RefreshDone(DELETES, kept(C1))]),
            (id_set(True, 1, 2, cookie=sent(C2)), [Delete((uuid(1), uuid(2)), kept(C2))]),
            (id_set(True, 3), [Delete((uuid(3),))]),
        ],
    ),
    "refreshOnly": Conversation(
        b"",
        [
            (raw(1), [BEGIN, upsert(1)]),
            (done(sync_done=SyncDone(sent(C1), True)), [RefreshDone(COMPLETE, kept(C1))]),
        ],
    ),
    "refreshOnly, present phase": Conversation(
        kept(C1),
        [
            (id_set(False, 1), [BEGIN, Present((uuid(1),))]),
            (done(sync_done=SyncDone(sent(C2))), [RefreshDone(PRESENTS, kept(C2))]),
        ],
    ),
    "refreshOnly, both phases": Conversation(
        kept(C1),
        [
            (id_set(False, 1), [BEGIN, Present((uuid(1),))]),
            (present_done(end=False), []),
            (done(sync_done=SyncDone(sent(C2), True)), [RefreshDone(PRESENTS, kept(C2))]),
        ],
    ),
    "refreshOnly, nothing changed": Conversation(
        kept(C1), [(done(sync_done=SyncDone(None, True)), [BEGIN, RefreshDone(DELETES, kept(C1))])]
    ),
    "other messages between": Conversation(
        b"",
        [
            (raw(8, ADD, sent(C1), message_id=3), []),
            (Result(3, Kind.SEARCH_DONE, 32), []),
            (SearchReference(SEARCH, (b"ldap://x",)), [BEGIN]),
            (raw(1), [upsert(1)]),
            (Result(3, Kind.SEARCH_DONE, 0), []),
            (Result(0, Kind.EXTENDED, 0, oid=b"1.2.3"), []),
            (delete_done(sent(C1)), [RefreshDone(COMPLETE, kept(C1))]),
        ],
    ),
}
