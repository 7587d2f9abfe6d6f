"""A directory in a few lines that speaks syncprov's side of RFC 4533, and the plainest consumer of events.

Owns a model of what slapd does: every change has a CSN of the server (sid) that made it, a refresh starts
from the CSNs of the cookie, and changes made while it runs follow it.  The model is the truth that a consumer
must arrive at, from every point at which it committed.
"""

from collections.abc import Callable, Iterator

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
from colocroute.directory.messages import Kind, Message, RawEntry, Result
from colocroute.model import Entry
from tests.lab.ldapmessages import info

SEARCH = 2
Choose = Callable[[int], int]
"""Draws a number below the given one: every freedom that a server has."""


def to_entry(raw: RawEntry) -> Entry:
    """The schema mapping: the version of an entry stands where its DN would."""
    return Entry(raw.uuid or b"", raw.attributes[b"version"][0].decode())


def sid_of(csn: bytes) -> bytes:
    """The server that made the change."""
    return csn.split(b"#")[2]


class Directory:
    """Entries by uuid, each with its version (a CSN)."""

    def __init__(self, choose: Choose, sids: int = 3) -> None:
        self.entries: dict[bytes, bytes] = {}
        self.context: dict[bytes, bytes] = {}
        self.queue: list[Message] = []
        """Changes made while a search runs, in the order in which they follow its refresh."""
        self._deleted: list[tuple[bytes, bytes]] = []
        self._forgotten: dict[bytes, bytes] = {}
        self._choose = choose
        self._sids = sids
        self._clock = 0
        self._born = 0

    def content(self) -> dict[bytes, str]:
        """What a consumer must have."""
        return {uuid: version.decode() for uuid, version in self.entries.items()}

    def change(self) -> None:
        """One write of any kind by any of the servers."""
        known = sorted(self.entries)
        what = self._choose(4) if known else 0
        csn = self._stamp()
        if what == 0:
            self._born += 1
            self._write(b"%016d" % self._born, csn, ADD)
        elif what == 1:
            self._write(known[self._choose(len(known))], csn, MODIFY)
        elif what == 2:
            self._remove(known[self._choose(len(known))], csn)
        else:
            self.queue.append(info(SEARCH, NewCookie(self._cookie({sid_of(csn): csn}))))

    def forget_deletions(self) -> None:
        """The session log overflows, or slapd is restarted."""
        self._deleted.clear()
        self._forgotten = dict(self.context)

    def refresh(self, cookie: bytes, only: bool) -> Iterator[Message]:
        """The refresh for a cookie; changes may be made between its messages."""
        self.queue.clear()
        position = dict(self.context)
        theirs = parse(cookie)
        known = bool(theirs) and theirs.keys() == position.keys()
        since = theirs if known else {}
        if known and since == position:
            yield self._end(False, None, only)
            return
        present = bool(theirs)
        if known and all(since[sid] >= self._forgotten.get(sid, b"") for sid in since):
            gone = [uuid for uuid, csn in self._deleted if csn > since[sid_of(csn)]]
            present = False
            yield from self._listed(gone, DELETE)
        elif known:
            unchanged = [uuid for uuid, csn in self.entries.items() if csn <= since.get(sid_of(csn), b"")]
            yield from self._listed(unchanged if self._choose(2) else list(self.entries), PRESENT)
        delta = self._choose(3) == 1  # syncprov-nopresent with syncprov-reloadhint: cookies on entries
        for uuid in sorted(self.entries):
            csn = self.entries.get(uuid)
            if csn is not None and csn > since.get(sid_of(csn), b""):
                yield self._entry(uuid, csn, ADD, self._cookie({sid_of(csn): csn}) if delta else None)
        if present and self._choose(2):
            yield info(SEARCH, RefreshPresent(None, False))
            yield from self._listed([uuid for uuid, _ in self._deleted], DELETE)
            present = False
        yield self._end(present, self._cookie(position), only)

    def fill(self, total: int) -> Iterator[Message]:
        """What a replica sends that is being filled: no cookie until everything is there."""
        self.queue.clear()
        news = [(b"%016d" % (self._born + number), self._stamp()) for number in range(1, total + 1)]
        self._born += total
        early = self._choose(total + 1)
        for uuid, csn in news[:early]:
            yield self._entry(uuid, csn, ADD, None)
        yield self._end(False, None, only=False)
        for uuid, csn in news[early:]:
            yield self._entry(uuid, csn, ADD, None)
        self.entries = dict(news)
        self.forget_deletions()
        yield info(SEARCH, NewCookie(self._cookie(self.context)))

    def _stamp(self) -> bytes:
        self._clock += 1
        sid = b"%03x" % self._choose(self._sids)
        csn = b"20261124%06d.000000Z#000000#%s#000000" % (self._clock, sid)
        self.context[sid] = csn
        return csn

    def _write(self, uuid: bytes, csn: bytes, state: int) -> None:
        self.entries[uuid] = csn
        self.queue.append(self._entry(uuid, csn, state, self._cookie({sid_of(csn): csn})))

    def _remove(self, uuid: bytes, csn: bytes) -> None:
        del self.entries[uuid]
        self._deleted.append((uuid, csn))
        cookie = self._cookie({sid_of(csn): csn})
        if self._choose(2):
            self.queue.append(info(SEARCH, SyncIdSet(cookie, True, (uuid,))))
        else:
            self.queue.append(RawEntry(SEARCH, b"", {}, DELETE, uuid, cookie))

    def _entry(self, uuid: bytes, csn: bytes, state: int, cookie: bytes | None) -> RawEntry:
        return RawEntry(SEARCH, b"uid=" + uuid, {b"version": [csn]}, state, uuid, cookie)

    def _cookie(self, csns: dict[bytes, bytes]) -> bytes:
        return render(csns).replace(b"rid=000,", b"rid=000,sid=001,")

    def _listed(self, uuids: list[bytes], state: int) -> Iterator[Message]:
        """Unchanged or deleted entries: in sets, or one by one."""
        while uuids:
            size = 1 + self._choose(len(uuids))
            head, uuids = uuids[:size], uuids[size:]
            if size == 1:
                yield RawEntry(SEARCH, b"", {}, state, head[0])
            else:
                yield info(SEARCH, SyncIdSet(None, state == DELETE, tuple(head)))

    def _end(self, present: bool, cookie: bytes | None, only: bool) -> Message:
        if only:
            return Result(SEARCH, Kind.SEARCH_DONE, 0, sync_done=SyncDone(cookie, not present))
        return info(SEARCH, RefreshPresent(cookie) if present else RefreshDelete(cookie))


class Mirror:
    """Applies events as the contract of `events` says, and keeps what is committed."""

    def __init__(self) -> None:
        self.content: dict[bytes, str] = {}
        self.cookie = b""
        self._aside: dict[bytes, str] = {}
        self._seen: set[bytes] = set()
        self._refreshing = False

    def state(self) -> tuple[dict[bytes, str], bytes]:
        """What is committed."""
        return dict(self.content), self.cookie

    def drop(self) -> None:
        """The session is lost: so is what was not committed."""
        self._refreshing = False

    def apply(self, event: Event) -> None:
        """One event; the stream is committed event by event, a refresh at its end."""
        if isinstance(event, RefreshBegin):
            assert not self._refreshing
            self._refreshing = True
            self._aside = dict(self.content)
            self._seen = set()
        elif isinstance(event, Upsert):
            self._target()[event.entry.id] = event.entry.dn
            self._seen.add(event.entry.id)
        elif isinstance(event, Present):
            assert self._refreshing
            self._seen.update(event.ids)
        elif isinstance(event, Delete):
            for uuid in event.ids:
                self._target().pop(uuid, None)
                self._seen.discard(uuid)
        elif isinstance(event, RefreshDone):
            self._finish(event.kind)
        if isinstance(event, Upsert | Delete | Cookie | RefreshDone) and event.cookie is not None:
            assert not self._refreshing, "a cookie before its data is complete"
            if not isinstance(event, RefreshDone):
                assert newest_of(parse(self.cookie), parse(event.cookie)) == parse(event.cookie)
            self.cookie = event.cookie

    def _target(self) -> dict[bytes, str]:
        return self._aside if self._refreshing else self.content

    def _finish(self, kind: RefreshKind) -> None:
        assert self._refreshing
        self._refreshing = False
        if kind is not RefreshKind.DELETE:
            self._aside = {uuid: version for uuid, version in self._aside.items() if uuid in self._seen}
        self.content = self._aside
