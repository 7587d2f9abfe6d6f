"""LDAP Content Synchronization: the values in its controls and intermediate responses (RFC 4533, 2).

Owns their form.  Must not know what they mean to a mirror: that is `syncrepl`.
"""

import msgspec

from colocroute.directory import ber
from colocroute.directory.ber import Cursor
from colocroute.errors import DirectoryError

SYNC_REQUEST = "1.3.6.1.4.1.4203.1.9.1.1"  # as supportedControl has it
SYNC_STATE = b"1.3.6.1.4.1.4203.1.9.1.2"
SYNC_DONE = b"1.3.6.1.4.1.4203.1.9.1.3"
SYNC_INFO = b"1.3.6.1.4.1.4203.1.9.1.4"

REFRESH_ONLY = 1
REFRESH_AND_PERSIST = 3

PRESENT, ADD, MODIFY, DELETE = 0, 1, 2, 3  # syncStateValue.state

NEW_COOKIE_TAG = 0x80
REFRESH_DELETE_TAG = 0xA1
REFRESH_PRESENT_TAG = 0xA2
SYNC_ID_SET_TAG = 0xA3


class SyncState(msgspec.Struct, frozen=True):
    """On every entry: what has become of it."""

    state: int
    uuid: bytes
    cookie: bytes | None = None


class SyncDone(msgspec.Struct, frozen=True):
    """On the end of a search: which phase it closes."""

    cookie: bytes | None = None
    refresh_deletes: bool = False


class NewCookie(msgspec.Struct, frozen=True):
    """The position moved."""

    cookie: bytes


class RefreshDelete(msgspec.Struct, frozen=True):
    """The delete phase is over, and with `done` the refresh."""

    cookie: bytes | None = None
    done: bool = True


class RefreshPresent(msgspec.Struct, frozen=True):
    """The present phase is over, and with `done` the refresh."""

    cookie: bytes | None = None
    done: bool = True


class SyncIdSet(msgspec.Struct, frozen=True):
    """Entries that were deleted (`refresh_deletes`) or else are unchanged."""

    cookie: bytes | None
    refresh_deletes: bool
    uuids: tuple[bytes, ...]


SyncInfo = NewCookie | RefreshDelete | RefreshPresent | SyncIdSet


def sync_request(mode: int, cookie: bytes = b"") -> bytes:
    """The value of the Sync Request control (RFC 4533, 2.2); `mode` is one of the two above."""
    parts = [ber.integer(mode, ber.ENUMERATED)]
    if cookie:
        parts.append(ber.octets(cookie))
    return ber.element(ber.SEQUENCE, *parts)


def sync_state(value: bytes) -> SyncState:
    """Reads the value of a Sync State control (RFC 4533, 2.3).  Raises `DirectoryError`."""
    body = _sequence(value, "Sync State control")
    state = body.integer("state", ber.ENUMERATED)
    uuid = body.octets("entryUUID")
    cookie = _cookie(body)
    body.finish("syncStateValue")
    return SyncState(state, uuid, cookie)


def sync_done(value: bytes) -> SyncDone:
    """Reads the value of a Sync Done control (RFC 4533, 2.4).  Raises `DirectoryError`."""
    body = _sequence(value, "Sync Done control")
    cookie = _cookie(body)
    deletes = _flag(body, "refreshDeletes", default=False)
    body.finish("syncDoneValue")
    return SyncDone(cookie, deletes)


def sync_info(value: bytes) -> SyncInfo:
    """Reads the value of a Sync Info message (RFC 4533, 2.5).  Raises `DirectoryError`."""
    outer = Cursor(value, "Sync Info message")
    tag, body = outer.take()
    outer.finish("syncInfoValue")
    if tag == NEW_COOKIE_TAG:
        return NewCookie(body.rest())
    if tag not in (REFRESH_DELETE_TAG, REFRESH_PRESENT_TAG, SYNC_ID_SET_TAG):
        raise DirectoryError(f"the directory sent a Sync Info message of unknown kind 0x{tag:02x}")
    cookie = _cookie(body)
    if tag == SYNC_ID_SET_TAG:
        deletes = _flag(body, "refreshDeletes", default=False)
        uuids = _uuids(body.enter(ber.SET, "syncUUIDs"))
        body.finish("syncIdSet")
        return SyncIdSet(cookie, deletes, uuids)
    done = _flag(body, "refreshDone", default=True)
    body.finish("syncInfoValue")
    return RefreshDelete(cookie, done) if tag == REFRESH_DELETE_TAG else RefreshPresent(cookie, done)


def _sequence(value: bytes, name: str) -> Cursor:
    outer = Cursor(value, name)
    body = outer.enter(ber.SEQUENCE, "its value")
    outer.finish("its value")
    return body


def _cookie(body: Cursor) -> bytes | None:
    return body.octets("cookie") if body.next_is(ber.OCTET_STRING) else None


def _flag(body: Cursor, what: str, *, default: bool) -> bool:
    return body.boolean(what) if body.next_is(ber.BOOLEAN) else default


def _uuids(body: Cursor) -> tuple[bytes, ...]:
    found = []
    while not body.at_end():
        found.append(body.octets("syncUUID"))
    return tuple(found)
