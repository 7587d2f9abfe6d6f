"""Writing the mirror: records and everything that follows from them, all in one LMDB transaction.

Owns what putting and removing a record means: former routes, removals kept aside, what is lost.  Rule: a
former route is nobody's current one.  Must not know when to commit (`mirror` does) nor why something goes.
"""

from collections.abc import Iterable
from math import inf
from typing import Any

import msgspec

from colocroute.model import Record
from colocroute.store.derived import Derived
from colocroute.store.domains import DomainRows
from colocroute.store.failures import told
from colocroute.store.layout import (
    INNER_ID,
    META_KEY,
    NO_KEYS,
    Databases,
    KeyBytes,
    KeysOf,
    Txn,
    decode_record,
    encode,
    inner_id,
)
from colocroute.store.leavings import Leavings
from colocroute.store.load import Load
from colocroute.store.meta import HELD_LISTED, OWN_FIELDS, Meta, Person, Removal
from colocroute.store.snapshot import Snapshot
from colocroute.store.successor import person, successor

AGE_SECONDS = 3600.0  # how much of its age a mirror may lose with its writer: little against `remember_moves`

_Topology = tuple[list[tuple[tuple[str, ...], tuple[str, ...]]], list[str], list[str], list[str], list[str]]


class Transaction(Snapshot):
    """A snapshot that sees its own changes; get one from `Mirror.transaction`, which commits or rolls back.

    Every method may raise `StoreError`; then leave the transaction.
    """

    __slots__ = (
        "_age",
        "_before",
        "_changed",
        "_derived",
        "_domain_rows",
        "_keys_of",
        "_leavings",
        "_meta",
        "_now",
        "_start",
        "muted",
        "muted_names",
    )

    def __init__(self, txn: Txn, databases: Databases, keys_of: KeysOf, now: float, age: float) -> None:
        """`now` is wall clock seconds, `age` that of the mirror."""
        super().__init__(txn, databases)
        self._keys_of = keys_of
        self._domain_rows = DomainRows(txn, databases, self._rows, self._note_topology)
        self._derived = Derived(txn, databases, keys_of, self._domain_rows, self._note_topology)
        self._leavings = Leavings(txn, databases, self._rows, self._domain_rows.count, age)
        self._now = now
        self._age = age
        self._start = self._meta = super().meta()
        self._before: _Topology | None = None
        self._changed = False
        # Entries that stayed, enabled, and lost all addresses to nobody: mail misses them like removed ones.
        self.muted = 0
        self.muted_names: list[str] = []  # the DNs of the first `HELD_LISTED` of them

    # -- records

    @told
    def put(self, entry_id: bytes, record: Record) -> bool:
        """Inserts or replaces; returns False, and writes nothing, if the very same record is there."""
        return self._put(entry_id, record)

    def _put(self, entry_id: bytes, record: Record) -> bool:
        db = self._db
        inner = inner_id(entry_id)
        raw = encode(record)
        old_raw = self._get(inner, None, db.entries)
        if raw == old_raw:
            return False
        old = None if old_raw is None else decode_record(old_raw)
        self._txn.put(inner, raw, db=db.entries)
        if old is None:
            self._leavings.forget_kept(inner)
            if len(entry_id) != INNER_ID:
                self._txn.put(inner, entry_id, db=db.names)
        before, after = self._derived.keys(old), self._derived.keys(record)
        self._derived.replace(inner, old, before, record, after)
        for route in after.routes:
            self._leavings.forget_route(route)
        if old is not None and before.routes != after.routes:
            # Where the id is the DN, this may be somebody else already, who must not be taken for who left.
            is_known = after.addresses and len(entry_id) == INNER_ID
            who = person(record, after) if is_known else person(old, before)
            self._leave(inner, who, before, after)
        if before.addresses and not after.addresses and not (record.user and not record.user.enabled):
            self._note_muted(before.addresses[0], record.dn)
        self._count_users((record.user is not None) - (old is not None and old.user is not None))
        self._changed = True
        return True

    def _note_muted(self, address: bytes, dn: str) -> None:
        if self._get(address, None, self._db.addresses) is None:
            self.muted += 1
            if len(self.muted_names) < HELD_LISTED:
                self.muted_names.append(dn)

    @told
    def remove(self, entry_id: bytes, *, keep: bool) -> Removal | None:
        """Removes an entry; None if there is no such id.

        `keep`: if it is lost, it is kept aside, so that `restore_removed` can put it back.
        """
        db = self._db
        inner = inner_id(entry_id)
        raw = self._get(inner, None, db.entries)
        if raw is None:
            return None
        record = decode_record(raw)
        keys = self._derived.keys(record)
        self._txn.delete(inner, db=db.entries)
        self._txn.delete(inner, db=db.names)
        self._derived.replace(inner, record, keys, None, NO_KEYS)
        was = person(record, keys)
        self._leave(successor(self._get, db, was) or inner, was, keys, NO_KEYS)
        self._count_users(-1 if record.user is not None else 0)
        lost = self._derived.missed(record, keys)
        if keep and lost:
            self._leavings.keep(entry_id, record)
        self._changed = True
        return Removal(record, lost)

    def _leave(self, owner: bytes, who: Person, before: KeyBytes, after: KeyBytes) -> None:
        """Remembers that `owner` left the routes of `before`, unless they are somebody's."""
        for route in before.routes:
            if route not in after.routes and self._get(route, None, self._db.routes) is None:
                self._leavings.remember(route, owner, who)

    def _count_users(self, more: int) -> None:
        if more:
            self._meta = msgspec.structs.replace(self._meta, users=self._meta.users + more)

    def load(self, items: Iterable[tuple[bytes, Record]]) -> int:
        """Puts many records at once, quickest into an empty mirror; returns how many.

        Of an id that comes twice the later record counts.  What `items` raises is passed on as it is.
        """
        if any(self._txn.stat(db)["entries"] for db in (self._db.entries, self._db.removed)):
            return sum(self.put(entry_id, record) for entry_id, record in items)
        self._note_topology()
        load = Load(self._txn, self._db, self._keys_of)
        again: list[tuple[bytes, Record]] = []
        number = 0
        for entry_id, record in items:
            if self._add(load, entry_id, record):
                number += 1
            else:
                again.append((entry_id, record))
        self._finish_load(load)
        for entry_id, record in again:
            self.put(entry_id, record)
        return number

    @told
    def _add(self, load: Load, entry_id: bytes, record: Record) -> bool:
        return load.add(entry_id, record)

    @told
    def _finish_load(self, load: Load) -> None:
        load.flush()
        for kind, domain, number in load.domains():
            self._domain_rows.count(kind, domain, number)
        for route, _ in self._rows(self._db.former):
            if self._get(route, None, self._db.routes) is not None:
                self._leavings.forget_route(route)
        self._count_users(load.users)
        self._changed = True

    # -- removals kept aside

    @told
    def removed_within(self, seconds: float) -> int:
        """How many lost entries were kept aside in the last seconds."""
        return sum(1 for _ in self._leavings.kept(self._age - seconds))

    @told
    def removed_names(self, limit: int) -> list[str]:
        """The DNs of what is kept aside, the oldest first, at most `limit`."""
        kept = (self._leavings.kept_record(inner) for inner in self._leavings.kept())
        return [one.record.dn for one, _ in zip(kept, range(limit), strict=False) if one is not None]

    @told
    def restore_removed(self) -> int:
        """Puts everything kept aside back, except what others serve by now; returns how many entries."""
        number = 0
        for inner in reversed(list(self._leavings.kept())):
            kept = self._leavings.kept_record(inner)
            self._leavings.forget_kept(inner)
            if kept is not None and self._derived.missed(kept.record, self._derived.keys(kept.record)):
                number += self._put(kept.id, kept.record)
        return number

    @told
    def expire(self, *, former_after: float = inf, removed_after: float = inf) -> None:
        """Forgets former routes left, and entries removed, longer ago than so many seconds."""
        self._leavings.expire(former_after, removed_after)
        if self._age - self._start.age >= AGE_SECONDS:
            self._meta = msgspec.structs.replace(self._meta, age=self._age)  # though nothing else is written

    # -- the whole

    def meta(self) -> Meta:
        """What is said of the mirror as a whole, with the changes made so far."""
        return self._meta

    def update_meta(self, **changes: Any) -> None:
        """Changes fields of `Meta`; raises `TypeError` for those that are not the caller's."""
        own = OWN_FIELDS.intersection(changes)
        if own:
            raise TypeError(f"kept by the store itself: {', '.join(sorted(own))}")
        self._meta = msgspec.structs.replace(self._meta, **changes)

    @property
    def topology_changed(self) -> bool:
        """Whether the sites, or the domains of any kind, are others than when the transaction began."""
        return self._before is not None and self._before != self._topology()

    def _note_topology(self) -> None:
        if self._before is None:
            self._before = self._topology()

    def _topology(self) -> _Topology:
        sites = sorted((site.domains, site.nexthops) for site in self.sites())
        routed = self.route_domains()
        # A domain that is routed to anyway is no news when somebody leaves it.
        left = sorted(set(self.former_domains()).difference(routed))
        return sites, sorted(self.domains()), routed, left, sorted(self.former_sites())

    @told
    def finish(self) -> Meta | None:
        """Before the commit: writes the meta data and returns them; None if nothing was changed at all."""
        start, meta = self._start, self._meta
        if meta == start and not self._changed and not self._leavings.changed:
            return None
        completed = meta.complete != start.complete
        moved = completed or self.topology_changed or _whereabouts(meta) != _whereabouts(start)
        if completed or self._before is not None:
            self._domain_rows.settle(complete=meta.complete)
        self._meta = msgspec.structs.replace(
            meta,
            generation=meta.generation + self._changed,
            topology=meta.topology + moved,
            changed=self._now if self._changed else meta.changed,
            age=self._age,
        )
        self._txn.put(META_KEY, encode(self._meta), db=self._db.meta)
        return self._meta

    @property
    def changes_answers(self) -> bool:
        """Whether an answer after this transaction may differ from one before it."""
        start, meta = self._start, self._meta
        return (
            self._changed
            or self._leavings.changed
            or start.topology != meta.topology
            or (start.complete, start.held is None) != (meta.complete, meta.held is None)
        )

    @property
    def start(self) -> Meta:
        """The meta data as they were when the transaction began."""
        return self._start


def _whereabouts(meta: Meta) -> tuple[object, ...]:
    return meta.here, meta.servers, meta.unresolved, meta.unplaced
