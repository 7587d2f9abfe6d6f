"""Directory events into transactions: a refresh committed whole, the stream batch by batch, each with its cookie.

Owns what a refresh or a batch does to the mirror and asks the guard before it is committed; leaving early
rolls back.  Must not know sessions, clocks or retries: time comes in, the outcome goes out.
"""

import gc
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import msgspec

from colocroute.directory.cookie import went_forward
from colocroute.directory.events import Cookie, Delete, Event, Present, RefreshDone, RefreshKind, Upsert
from colocroute.errors import ColocrouteError, CookieRefusedError, DirectoryError
from colocroute.model import Entry, Record
from colocroute.replicate.guard import GuardRules, Loss, refusal
from colocroute.replicate.whereabouts import Whereabouts
from colocroute.store.meta import HELD_LISTED, Counts, Held
from colocroute.store.mirror import Mirror
from colocroute.store.snapshot import Snapshot
from colocroute.store.transaction import Transaction

log = logging.getLogger(__name__)

GARBAGE = 50_000  # objects: some megabytes, more than a refresh has under way at any time


class RefusedError(ColocrouteError):
    """The guard refused a refresh; `held` is what the operator is shown."""

    def __init__(self, held: Held) -> None:
        super().__init__(held.reason)
        self.held = held


class Applier:
    """Applies events to the mirror.

    `record_of` turns what the directory says into what the mirror keeps; `locate` finds out where the sites of
    a snapshot are, before it is committed: a site's nexthop must never be answered to the site itself.
    """

    def __init__(
        self,
        mirror: Mirror,
        rules: GuardRules,
        record_of: Callable[[Entry], Record],
        locate: Callable[[Snapshot], Whereabouts],
    ) -> None:
        self._mirror = mirror
        self._rules = rules
        self._record_of = record_of
        self._locate = locate
        self._known = Whereabouts()

    def refresh(self, events: Iterator[Event], now: float, source: str, *, full: bool) -> int:
        """Consumes events up to `RefreshDone` and commits; returns how many entries it changed.

        `source` names the directory in an error.  `full` says that no cookie was sent, so that changes at an
        unmoved cookie are differences that replication should have told.  Raises `RefusedError`, and
        `DirectoryError` for a first refresh without any address, with nothing committed.
        """
        with _few_collections(), self._mirror.transaction(now) as txn:
            meta = txn.meta()
            before = txn.counts()
            refresh = _Refresh(txn, self._record_of)
            done = refresh.load(events) if not before.entries else refresh.merge(events)
            gone = refresh.gone(done.kind)
            if refresh.lists_unknown():
                raise CookieRefusedError(
                    f"{source}: lists entries as unchanged that the mirror has not (they were hidden from us, "
                    "moved with the tree above them, or restored)"
                )
            removed, names = self._remove(gone, txn, now, before, meta.accept)
            if not meta.complete and _is_unbelievable(txn.counts()):
                # Formally complete; who believed it would deny a company that is being loaded, or misread.
                raise DirectoryError(f"{source}: nobody has an address there yet; nothing is denied before")
            changed = removed + (refresh.changed if before.entries else txn.counts().entries)
            cookie = done.cookie if done.cookie is not None else meta.cookie
            txn.update_meta(complete=True, cookie=cookie, refreshed=now, held=None, accept=0)
            self._place(txn, self._locate(txn))
            if full and meta.complete and meta.cookie and cookie and not went_forward(meta.cookie, cookie):
                self._differ(txn, meta.differences, changed, names)
        return changed

    def _differ(self, txn: Transaction, so_far: int, changed: int, names: list[str]) -> None:
        if changed:
            txn.update_meta(differences=so_far + changed)
            log.warning(
                "a full refresh found %d entries that replication should have told of (restored backup, "
                "syncprov-nopresent, or entryCSN hidden from us)%s",
                changed,
                f"; gone: {', '.join(names[:3])}" if names else "",
            )

    def _remove(
        self, gone: Iterable[bytes], txn: Transaction, now: float, before: Counts, approved: int
    ) -> tuple[int, list[str]]:
        """Removes what a refresh says is gone, or raises `RefusedError`; returns how many and their DNs."""
        lost_before = txn.removed_within(self._rules.window)
        removed = lost = 0
        names: list[str] = []
        for entry_id in gone:
            removal = txn.remove(entry_id, keep=not approved)
            if removal is None:
                continue
            removed += 1
            if removal.lost:
                lost += 1
                if len(names) < HELD_LISTED:
                    names.append(removal.record.dn)
        lost += txn.muted
        reason = refusal(self._rules, _loss(before, txn.counts(), lost, lost_before), approved)
        if reason:
            entries = tuple([*names, *txn.muted_names][:HELD_LISTED])
            raise RefusedError(Held(since=now, reason=reason, would_remove=lost, entries=entries))
        if approved:
            txn.expire(removed_after=0.0)
        return removed, names

    def stream(self, events: Iterable[Event], now: float) -> Held | None:
        """Commits one batch of the persist stage; a `Held` means that the guard tripped and removals are undone.

        Raises `RefusedError`, with nothing committed, for a batch that takes users their addresses.
        """
        with self._mirror.transaction(now) as txn:
            before = txn.counts()
            cookie: bytes | None = None
            names: list[str] = []
            lost = lost_before = 0
            for event in events:
                if isinstance(event, Upsert):
                    txn.put(event.entry.id, self._record_of(event.entry))
                elif isinstance(event, Delete):
                    # Counted only here: most changes are not removals, and there may be many of them.
                    lost_before = lost_before if lost else txn.removed_within(self._rules.window)
                    removals = [txn.remove(entry_id, keep=True) for entry_id in event.ids]
                    gone = [removal.record.dn for removal in removals if removal is not None and removal.lost]
                    lost += len(gone)
                    names += gone[: HELD_LISTED - len(names)]
                if isinstance(event, Upsert | Delete | Cookie) and event.cookie is not None:
                    cookie = event.cookie
            lost += txn.muted
            reason = refusal(self._rules, _loss(before, txn.counts(), lost, lost_before)) if lost else ""
            if reason and txn.muted:
                # Unlike removals, changes cannot be taken back once they are committed.
                entries = tuple([*names, *txn.muted_names][:HELD_LISTED])
                raise RefusedError(Held(since=now, reason=reason, would_remove=lost, entries=entries))
            if reason:
                return self._trip(txn, now, reason)
            if cookie is not None:
                txn.update_meta(cookie=cookie)
            if txn.topology_changed:
                self._place(txn, self._locate(txn))
        return None

    def locate(self, found: Whereabouts | None, seen: int, now: float) -> None:
        """Commits whereabouts that have changed while the sites did not; `seen` is the topology they are of."""
        if found is None or found == self._known:
            return
        with self._mirror.transaction(now) as txn:
            if txn.meta().topology == seen:
                self._place(txn, found)

    def _place(self, txn: Transaction, found: Whereabouts) -> None:
        meta = txn.meta()
        if Whereabouts(meta.here, meta.servers, meta.unresolved, meta.unplaced) != found:
            txn.update_meta(**msgspec.structs.asdict(found))
        if meta.here != found.here:
            log.info("here: %s", ", ".join(found.here) or "no site")
        self._known = found

    def _trip(self, txn: Transaction, now: float, reason: str) -> Held:
        """Puts back what was removed within the window and forgets the cookie, so that a full refresh decides."""
        # They are forgotten only now and then: what left before the window is not to be brought back.
        txn.expire(removed_after=self._rules.window)
        names = tuple(txn.removed_names(HELD_LISTED))
        restored = txn.restore_removed()
        held = Held(since=now, reason=reason, would_remove=restored, entries=names)
        # Before the commit: a worker must never see the state "live" with what is being undone.
        self._mirror.pulse.set(held=True)
        txn.update_meta(held=held, cookie=b"", accept=0)
        return held

    def hold(self, held: Held, now: float) -> None:
        """Records a refused refresh; `since` and an approval that still fits are kept."""
        self._mirror.pulse.set(held=True)
        with self._mirror.transaction(now) as txn:
            meta = txn.meta()
            since = meta.held.since if meta.held is not None else held.since
            # One that the refused refresh did not see yet: it was given while that was under way.
            accept = meta.accept if meta.accept >= held.would_remove else 0
            txn.update_meta(
                held=Held(since, held.reason, held.would_remove, held.entries), cookie=b"", accept=accept
            )


@contextmanager
def _few_collections() -> Iterator[None]:
    """Meanwhile the garbage collector looks only when there are `GARBAGE` objects more than at its last look.

    A refresh makes millions of objects, few of them at a time and none in a cycle, so it would look in vain.
    """
    before = gc.get_threshold()
    gc.set_threshold(GARBAGE, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _is_unbelievable(counts: Counts) -> bool:
    """Whether there is nothing at all, or users of whom none has an address (a mistyped attribute)."""
    return not counts.addresses and (not counts.entries or counts.users > 0)


def _loss(before: Counts, after: Counts, removed: int, removed_before: int) -> Loss:
    return Loss(
        entries=before.entries,
        removed=removed,
        removed_before=removed_before,
        users=before.users,
        users_after=after.users,
        sites=before.sites,
        sites_after=after.sites,
        addresses=before.addresses,
        addresses_after=after.addresses,
    )


class _Refresh:
    """One refresh inside one transaction: remembers what was mentioned; `changed` counts what `merge` changed."""

    def __init__(self, txn: Transaction, record_of: Callable[[Entry], Record]) -> None:
        self._txn = txn
        self._record_of = record_of
        self._seen: set[bytes] = set()
        self._deleted: set[bytes] = set()
        self._listed: set[bytes] = set()
        self._loaded = False  # then the mirror has only what came in this refresh, and `_seen` what came late
        self.changed = 0

    def merge(self, events: Iterator[Event]) -> RefreshDone:
        """Applies the refresh to a mirror that has entries."""
        put, seen, deleted, record_of = self._txn.put, self._seen, self._deleted, self._record_of
        for event in events:
            if isinstance(event, Upsert):
                entry = event.entry
                if put(entry.id, record_of(entry)):
                    self.changed += 1
                seen.add(entry.id)
                deleted.discard(entry.id)
            elif isinstance(event, RefreshDone):
                return event
            else:
                self._note(event)
        raise AssertionError("a session never ends its events inside a refresh without an exception")

    def _note(self, event: Event) -> None:
        if isinstance(event, Present):
            self._seen.update(event.ids)
            self._listed.update(event.ids)
        elif isinstance(event, Delete):
            self._deleted.update(event.ids)
            self._seen.difference_update(event.ids)

    def load(self, events: Iterator[Event]) -> RefreshDone:
        """Fills an empty mirror; what is said of an entry after its deletion is applied after the bulk."""
        late: list[Event] = []
        self._loaded = True
        self._txn.load(self._first_sight(events, late))
        last = late.pop()
        if not isinstance(last, RefreshDone):
            raise AssertionError("the last event of a refresh is its end")
        self.merge(iter([*late, last]))
        return last

    def _first_sight(self, events: Iterator[Event], late: list[Event]) -> Iterator[tuple[bytes, Record]]:
        record_of = self._record_of
        deleted: set[bytes] = set()
        for event in events:
            if isinstance(event, Upsert):
                entry = event.entry
                if deleted and entry.id in deleted:
                    late.append(event)
                else:
                    yield entry.id, record_of(entry)
                continue
            late.append(event)
            if isinstance(event, Delete):
                deleted.update(event.ids)
            elif isinstance(event, RefreshDone):
                return

    def lists_unknown(self) -> bool:
        """Whether it says "unchanged" of what we do not have: who goes on from here denies it to everybody."""
        return any(not self._txn.has(entry_id) for entry_id in self._listed & self._seen)

    def gone(self, kind: RefreshKind) -> list[bytes]:
        """What the refresh says does not exist (any more)."""
        if kind is RefreshKind.DELETE:
            return sorted(self._deleted)
        if self._loaded:
            return sorted(self._deleted - self._seen)
        seen = self._seen
        return [entry_id for entry_id in self._txn.ids() if entry_id not in seen]
