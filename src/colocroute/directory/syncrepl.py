"""The consumer of LDAP Content Synchronization as a state machine without a socket (RFC 4533, 3).

Owns what a sequence of LDAP messages means: which events it is, when a refresh is complete and may be
believed, and which cookie stands for the data so far.  Rule: a sequence that RFC 4533 does not allow raises
`DirectoryError`, and from then on nothing more comes out, so that an unfinished refresh is never finished.
Must not know sockets, time, nor what a mirror does with the events.

A refresh is believed

- if a cookie was sent, at its closing message; that may have no cookie of its own ("nothing changed");
- if none was sent, once a cookie with a CSN has come with the closing message or after it.  A replica that is
  still being filled closes the refresh without one and sends the rest as changes: these are taken as part of
  the refresh.

A cookie within a refresh stands for a part of it.  The refresh is committed whole, so such cookies are passed
over: that of the closing message counts.

Known limits: referrals to other servers are skipped.  A replica that is being filled by a provider in delta
mode (syncprov-nopresent with syncprov-reloadhint) has CSNs before it is complete and cannot be told from a
complete one: only the guard is left then.
"""

from collections.abc import Callable, Iterable, Sequence
from enum import Enum

import msgspec

from colocroute.directory import controls
from colocroute.directory.controls import NewCookie, RefreshDelete, RefreshPresent, SyncIdSet
from colocroute.directory.cookie import newest_of, parse, render
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
from colocroute.directory.identity import UUID_BYTES
from colocroute.directory.messages import (
    NOTICE_OF_DISCONNECTION,
    UNSOLICITED,
    Intermediate,
    Kind,
    Message,
    RawEntry,
    Result,
    describe,
    printable,
)
from colocroute.errors import CookieRefusedError, DirectoryError, SyncUnsupportedError
from colocroute.model import Entry

SUCCESS = 0
NO_SYNCPROV = 12
COOKIE_REFUSED = (53, 4096)


class Stage(Enum):
    """Where the conversation stands."""

    REFRESH = "refresh"
    UNCONFIRMED = "unconfirmed"  # the refresh was closed, and is not believed yet
    PERSIST = "persist"
    ENDED = "ended"  # a refreshOnly search is done
    FAILED = "failed"


class SyncConsumer:
    """Takes the messages of one search with the Sync Request control and gives the events they mean.

    `cookie` is the one that was sent, empty for none; `map_entry` gets only entries with a UUID.
    `references` counts the referrals that were skipped.
    """

    def __init__(self, message_id: int, cookie: bytes, map_entry: Callable[[RawEntry], Entry]) -> None:
        self.references = 0
        self._message_id = message_id
        self._map_entry = map_entry
        self._csns = parse(cookie)
        self._resumed = bool(self._csns)
        self._stage = Stage.REFRESH
        self._begun = False
        self._present_open = False
        self._present_closed = False

    @property
    def stage(self) -> Stage:
        """Where the conversation stands."""
        return self._stage

    @property
    def cookie(self) -> bytes:
        """What stands for all data so far, in the form to be sent; empty for none."""
        return render(self._csns)

    def feed(self, message: Message) -> Sequence[Event]:
        """The events that a message means; messages of other searches mean none.

        Raises `CookieRefusedError`, `SyncUnsupportedError`, or `DirectoryError` for everything else that
        ends the conversation, and for every message after that.
        """
        if self._stage is Stage.FAILED:
            raise DirectoryError("what the directory sends is not read any more after an error")
        try:
            if message.message_id != self._message_id:
                return _unsolicited(message)
            events = self._events(message)
        except BaseException:
            self._stage = Stage.FAILED
            raise
        if self._begun:
            return events
        self._begun = True
        return [RefreshBegin(), *events]

    def feed_all(self, messages: Iterable[Message], events: list[Event]) -> None:
        """Adds to `events` what `feed` gives for each message; if it raises, what came before is added.

        A refresh is nearly all entries that are added.  They mean the same wherever they come in it, so a run of
        them needs no more than a look at the stage once.
        """
        map_entry, message_id = self._map_entry, self._message_id
        adds_only = False
        try:
            for message in messages:
                if (
                    adds_only
                    and type(message) is RawEntry
                    and message.sync_state == controls.ADD
                    and message.message_id == message_id
                    and message.uuid is not None
                    and len(message.uuid) == UUID_BYTES
                ):
                    events.append(Upsert(map_entry(message)))
                else:
                    events += self.feed(message)
                    adds_only = self._begun and self._stage is Stage.REFRESH
        except BaseException:
            self._stage = Stage.FAILED
            raise

    def _events(self, message: Message) -> Sequence[Event]:
        if self._stage is Stage.ENDED:
            raise _illegal("a message after the end of the search")
        if isinstance(message, RawEntry):
            return self._entry(message)
        if isinstance(message, Intermediate):
            return self._intermediate(message)
        if isinstance(message, Result):
            return self._result(message)
        self.references += 1
        return ()

    def _entry(self, raw: RawEntry) -> Sequence[Event]:
        uuid = raw.uuid
        if uuid is None:
            raise _illegal(f"{_name(raw)} without Sync State control")
        if len(uuid) != UUID_BYTES:
            raise _illegal(f"{_name(raw)} with an entryUUID of {len(uuid)} bytes instead of {UUID_BYTES}")
        state = raw.sync_state
        if state in (controls.ADD, controls.MODIFY):
            return self._change(Upsert(self._map_entry(raw)), raw.cookie)
        if state == controls.DELETE:
            return self._change(Delete((uuid,)), raw.cookie)
        if state == controls.PRESENT:
            return self._present((uuid,))
        raise _illegal(f"{_name(raw)} in the unknown state {state}")

    def _intermediate(self, message: Intermediate) -> Sequence[Event]:
        info = message.value
        if isinstance(info, SyncIdSet):
            if any(len(uuid) != UUID_BYTES for uuid in info.uuids):
                raise _illegal(f"a syncIdSet with an entryUUID that is not of {UUID_BYTES} bytes")
            if info.refresh_deletes:
                return self._change(Delete(info.uuids), info.cookie)
            return self._present(info.uuids)
        if isinstance(info, NewCookie):
            return self._new_cookie(info.cookie)
        if isinstance(info, RefreshPresent | RefreshDelete):
            if self._stage is not Stage.REFRESH:
                raise _illegal("the refresh was closed twice")
            present = isinstance(info, RefreshPresent)
            return self._close(present, info.cookie) if info.done else self._end_phase(present)
        raise _illegal(f"an intermediate response of unknown kind {message.oid!r}")

    def _result(self, result: Result) -> Sequence[Event]:
        if result.kind is not Kind.SEARCH_DONE:
            raise _illegal(f"a response of kind {result.kind.name} to a search")
        if result.code != SUCCESS:
            raise self._refusal(result)
        if self._stage is not Stage.REFRESH:
            raise DirectoryError("the directory ended the search that should have gone on with changes")
        if result.sync_done is None:
            raise _illegal("the search ended without Sync Done control")
        events = self._close(not result.sync_done.refresh_deletes, result.sync_done.cookie)
        if not events:
            raise DirectoryError(
                "the refresh ended without a CSN: the database is empty or still being filled"
            )
        self._stage = Stage.ENDED
        return events

    def _refusal(self, result: Result) -> DirectoryError:
        text = f"the directory ended the search: {describe(result.code, result.text)}"
        if result.code == NO_SYNCPROV:
            return SyncUnsupportedError(text)
        # Without a cookie to forget, a full refresh would only be refused again, at once and for ever.
        if result.code in COOKIE_REFUSED and (self._resumed or self._stage is Stage.PERSIST):
            return CookieRefusedError(text)
        return DirectoryError(text)

    def _change(self, change: Upsert | Delete, cookie: bytes | None) -> Sequence[Event]:
        if self._stage is Stage.REFRESH:
            return (change,)
        position = self._advance(cookie)
        if position is None:
            return (change,)
        if self._stage is Stage.UNCONFIRMED:
            return (change, self._confirm(position))
        return (msgspec.structs.replace(change, cookie=position),)

    def _new_cookie(self, cookie: bytes) -> Sequence[Event]:
        position = None if self._stage is Stage.REFRESH else self._advance(cookie)
        if position is None:
            return ()
        return (self._confirm(position) if self._stage is Stage.UNCONFIRMED else Cookie(position),)

    def _present(self, ids: tuple[bytes, ...]) -> Sequence[Event]:
        if self._stage is not Stage.REFRESH or self._present_closed:
            raise _illegal("entries listed as unchanged after the present phase")
        if not self._resumed:
            raise _illegal("entries listed as unchanged though no cookie was sent")
        self._present_open = True
        return (Present(ids),)

    def _end_phase(self, present: bool) -> Sequence[Event]:
        if not present:
            raise _illegal("a delete phase that does not end the refresh")
        if self._present_closed:
            raise _illegal("a second present phase")
        self._present_open = False
        self._present_closed = True
        return ()

    def _close(self, present: bool, cookie: bytes | None) -> Sequence[Event]:
        if present and self._present_closed:
            raise _illegal("a second present phase")
        if not present and self._present_open:
            raise _illegal("a present phase that was closed as a delete phase")
        position = self._advance(cookie)
        if self._resumed:
            self._stage = Stage.PERSIST
            kind = RefreshKind.PRESENT if present or self._present_closed else RefreshKind.DELETE
            return (RefreshDone(kind, self.cookie),)
        self._stage = Stage.UNCONFIRMED
        return () if position is None else (self._confirm(position),)

    def _confirm(self, position: bytes) -> RefreshDone:
        self._stage = Stage.PERSIST
        return RefreshDone(RefreshKind.COMPLETE, position)

    def _advance(self, cookie: bytes | None) -> bytes | None:
        """Takes a cookie into account; returns what to commit with its data, None if it has no CSN."""
        csns = parse(cookie) if cookie else {}
        if not csns:
            return None
        self._csns = newest_of(self._csns, csns)
        return self.cookie


def _unsolicited(message: Message) -> Sequence[Event]:
    if (
        message.message_id == UNSOLICITED
        and isinstance(message, Result)
        and message.oid == NOTICE_OF_DISCONNECTION
    ):
        raise DirectoryError(f"the directory disconnects: {describe(message.code, message.text)}")
    return ()


def _illegal(text: str) -> DirectoryError:
    return DirectoryError(f"the directory breaks RFC 4533: {text}")


def _name(raw: RawEntry) -> str:
    return f"entry {printable(raw.dn.decode('utf-8', 'backslashreplace'))!r}"
