"""What is remembered of the past: routes that users have left, and removed records kept aside.

Owns both databases and the order of their rows by age.  Must not know the records there are.
"""

from collections.abc import Callable, Iterator

import lmdb

from colocroute.model import Record
from colocroute.store.layout import (
    FORMER,
    FORMER_DOMAIN,
    INNER_ID,
    REMOVED,
    Databases,
    Txn,
    decode_former,
    decode_kept,
    domain_of,
    encode,
    former_tail,
    inner_id,
    time_key,
)
from colocroute.store.meta import Former, Kept, Person

Rows = Callable[[lmdb._Database, bytes], Iterator[tuple[bytes, bytes]]]
Count = Callable[[bytes, str, int], None]


def rows_of_former(txn: Txn, databases: Databases) -> list[tuple[bytes, bytes]]:
    """The rows of `times` that lead to former routes; raises what a decoder does if one of those is damaged."""
    kept: list[tuple[bytes, bytes]] = []
    for key, route in txn.cursor(databases.times):
        if key.startswith(FORMER):
            decode_former(txn.get(route, b"", databases.former))
            kept.append((key, route))
    return kept


class Leavings:
    """Former routes and kept records in one write transaction; `changed` says whether anything was forgotten.

    `rows` iterates over a database from a key on, unharmed by changes meanwhile; `count` takes a kind of domain,
    a domain, and how many more there are; `age` is the mirror's now, with which all is stamped.
    """

    __slots__ = ("_age", "_count", "_db", "_rows", "_txn", "changed")

    def __init__(self, txn: Txn, databases: Databases, rows: Rows, count: Count, age: float) -> None:
        self._txn = txn
        self._db = databases
        self._rows = rows
        self._count = count
        self._age = age
        self.changed = False

    def remember(self, route: bytes, owner: bytes, person: Person) -> None:
        """`owner` (inner id) has left this route, which was somebody's until now."""
        self._txn.put(route, encode(Former(owner, person, self._age)), db=self._db.former)
        self._txn.put(time_key(FORMER, self._age, former_tail(route)), route, db=self._db.times)
        self._count(FORMER_DOMAIN, domain_of(route), 1)

    def forget_route(self, route: bytes) -> None:
        """The route is somebody's now, or its leaving too long ago."""
        raw = self._txn.get(route, None, self._db.former)
        if raw is None:
            return
        self._txn.delete(time_key(FORMER, decode_former(raw).at, former_tail(route)), db=self._db.times)
        self._txn.delete(route, db=self._db.former)
        self._count(FORMER_DOMAIN, domain_of(route), -1)
        self.changed = True

    def keep(self, entry_id: bytes, record: Record) -> None:
        """Keeps a record aside that has just been removed."""
        inner = inner_id(entry_id)
        self._txn.put(inner, encode(Kept(entry_id, self._age, record)), db=self._db.removed)
        self._txn.put(time_key(REMOVED, self._age, inner), b"", db=self._db.times)

    def kept(self, since: float = 0.0) -> Iterator[bytes]:
        """The inner ids of the records kept aside since that age, the oldest first."""
        for key, _ in self._rows(self._db.times, time_key(REMOVED, since)):
            yield key[-INNER_ID:]

    def kept_record(self, inner: bytes) -> Kept | None:
        """The record kept aside under this inner id."""
        raw = self._txn.get(inner, None, self._db.removed)
        return None if raw is None else decode_kept(raw)

    def forget_kept(self, inner: bytes) -> None:
        """The record is there again, or its removal too long ago."""
        kept = self.kept_record(inner)
        if kept is None:
            return
        self._txn.delete(time_key(REMOVED, kept.at, inner), db=self._db.times)
        self._txn.delete(inner, db=self._db.removed)
        self.changed = True

    def expire(self, former_after: float, removed_after: float) -> None:
        """Forgets what has been there for longer, in seconds."""
        self._stamp_anew()
        end = time_key(FORMER, self._age - former_after)
        for key, route in self._rows(self._db.times, FORMER):
            if key >= end:
                break
            self.forget_route(route)
        end = time_key(REMOVED, self._age - removed_after)
        for key, _ in self._rows(self._db.times, REMOVED):
            if key >= end:
                break
            self.forget_kept(key[-INNER_ID:])

    def _stamp_anew(self) -> None:
        """What is stamped later than now was so by a version that took the wall clock: it ages from now on."""
        for key, route in self._rows(self._db.times, time_key(FORMER, self._age)):
            if not key.startswith(FORMER):
                break
            former = decode_former(self._txn.get(route, b"", self._db.former))
            if former.at > self._age:
                self.forget_route(route)
                self.remember(route, former.owner, former.person)
        for inner in self.kept(self._age):
            kept = self.kept_record(inner)
            if kept is not None and kept.at > self._age:
                self.forget_kept(inner)
                self.keep(kept.id, kept.record)
