"""Reading the mirror: one LMDB read transaction, which sees one commit and nothing of later ones.

Owns the lookups.  Rule: what cannot be decoded, or contradicts itself, is `MirrorDamagedError`, never an
answer and never "not there".  Must not know what a map means.

Limit: a snapshot that lives long keeps LMDB from reusing what later commits free; take one for each lookup.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from types import TracebackType
from typing import Literal, Self

import lmdb

from colocroute.model import Record, SiteEntry, User
from colocroute.store.domains import is_routed, listed
from colocroute.store.failures import FAILURES, damaged, store_error, told
from colocroute.store.layout import (
    DOMAIN,
    FORMER_DOMAIN,
    HASHED,
    KNOWN_DOMAIN,
    KNOWN_SITE,
    META_KEY,
    ONE,
    ROUTE_AT,
    ROUTE_DOMAIN,
    SITE,
    Databases,
    Txn,
    decode_former,
    decode_meta,
    decode_record,
    decode_site,
    inner_id,
    key_bytes,
    owner_at,
    owner_count,
)
from colocroute.store.meta import Counts, Meta
from colocroute.store.sharers import Sharers
from colocroute.store.successor import is_still, successor

Index = Literal["addresses", "routes", "former", "logins"]

_BATCH = 1000  # rows read ahead; a transaction may change what it iterates over between two batches


class Snapshot:
    """The mirror as one commit left it.  Use as a context manager; every method may raise `StoreError`.

    Users come by ascending id; disabled ones are never found by a key.  Those who share a key are read when they
    are asked for, which is while the snapshot lasts, and before a transaction changes them.
    """

    __slots__ = ("_db", "_get", "_txn")

    _get: Callable[[bytes, bytes | None, lmdb._Database], bytes | None]

    def __init__(self, txn: Txn, databases: Databases) -> None:
        self._txn = txn
        self._get = txn.get
        self._db = databases

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the read transaction."""
        self._txn.abort()

    # -- lookups by folded key

    def direct_owner(self, key: bytes) -> bytes:
        """The route that answers for this address, `Keys.direct` of its one owner; empty if there is no such.

        `key` is in UTF-8, and not longer than `LONGEST_KEY`.
        """
        try:
            value = self._get(key, None, self._db.addresses)
        except FAILURES as error:
            raise store_error(self._db.where, error) from error
        return value[ROUTE_AT:] if value is not None and value[:1] == ONE else b""

    def direct_resident(self, key: bytes) -> bytes:
        """The same for a route address."""
        try:
            value = self._get(key, None, self._db.routes)
        except FAILURES as error:
            raise store_error(self._db.where, error) from error
        return value[ROUTE_AT:] if value is not None and value[:1] == ONE else b""

    def owners(self, key: str) -> Sequence[User]:
        """The users that have this address value (`@domain` for a catch-all)."""
        return self._users(key, self._db.addresses)

    def residents(self, key: str) -> Sequence[User]:
        """The users whose current route address this is."""
        return self._users(key, self._db.routes)

    def users_by_login(self, key: str) -> Sequence[User]:
        """The users with this login."""
        return self._users(key, self._db.logins)

    def former_residents(self, key: str) -> list[User]:
        """The user that left this route, none if it is somebody's now or its leaving is forgotten.

        If the entry is gone (reloaded under a new id), the `successor`; if its id is only its DN and somebody else
        has that now, none.
        """
        db = self._db
        try:
            raw = self._get(key_bytes(key), None, db.former)
            if raw is None:
                return []
            former = decode_former(raw)
            entry = self._get(former.owner, None, db.entries)
            user = decode_record(entry).user if entry is not None else None
            if user is not None:
                named = self._get(former.owner, None, db.names) is not None
                is_owner = not named or is_still(self._get, db, former.person, former.owner)
                return [user] if user.enabled and is_owner else []
            heir = successor(self._get, db, former.person)
            return [] if heir is None else [self._user(heir)]
        except FAILURES as error:
            raise store_error(db.where, error) from error

    def _users(self, key: str, index: lmdb._Database) -> Sequence[User]:
        try:
            value = self._get(key_bytes(key), None, index)
            if value is None:
                return []
            number = owner_count(value)
            return [self._user(owner_at(value, 0))] if number == 1 else Sharers(value, number, self._sharers)
        except FAILURES as error:
            raise store_error(self._db.where, error) from error

    @told
    def _sharers(self, inners: list[bytes]) -> list[User]:
        return [self._user(inner) for inner in inners]

    def _user(self, inner: bytes) -> User:
        raw = self._get(inner, None, self._db.entries)
        if raw is None:
            raise damaged(self._db.where, f"a key leads to the missing entry {inner.hex()}")
        user = decode_record(raw).user
        if user is None:
            raise damaged(self._db.where, f"a key leads to {inner.hex()}, which is no user")
        return user

    # -- records

    def record(self, entry_id: bytes) -> Record | None:
        """The record of this id."""
        try:
            raw = self._get(inner_id(entry_id), None, self._db.entries)
            return None if raw is None else decode_record(raw)
        except FAILURES as error:
            raise store_error(self._db.where, error) from error

    def has(self, entry_id: bytes) -> bool:
        """Whether there is a record of this id."""
        try:
            return self._get(inner_id(entry_id), None, self._db.entries) is not None
        except FAILURES as error:
            raise store_error(self._db.where, error) from error

    def records(self) -> Iterator[tuple[bytes, Record]]:
        """Every id with its record."""
        try:
            for inner, raw in self._rows(self._db.entries):
                yield self._id(inner), decode_record(raw)
        except FAILURES as error:
            raise store_error(self._db.where, error) from error

    def ids(self) -> Iterator[bytes]:
        """Every id.  A transaction may remove what it has been given while it iterates."""
        try:
            for inner, _ in self._rows(self._db.entries):
                yield self._id(inner)
        except FAILURES as error:
            raise store_error(self._db.where, error) from error

    def _id(self, inner: bytes) -> bytes:
        entry_id = self._get(inner, None, self._db.names)
        return inner if entry_id is None else entry_id

    def _rows(self, db: lmdb._Database, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """All rows from `start` on, in batches, so that changes between two rows cannot lose one."""
        while True:
            cursor = self._txn.cursor(db)
            if not (cursor.set_range(start) if start else cursor.first()):
                return
            batch = list(islice(cursor.iternext(), _BATCH))
            yield from batch
            if len(batch) < _BATCH:
                return
            start = batch[-1][0] + b"\0"  # the least key after it

    # -- the whole

    def sites(self) -> list[SiteEntry]:
        """The transports of all records, by ascending id."""
        try:
            return [decode_site(raw) for _, raw in self._rows(self._db.sites)]
        except FAILURES as error:
            raise store_error(self._db.where, error) from error

    def domains(self) -> list[str]:
        """The domains the directory declares, each once; until the mirror is complete, also those known before."""
        return self.names(DOMAIN) if self.meta().complete else self.names(DOMAIN, KNOWN_DOMAIN)

    def route_domains(self) -> list[str]:
        """The domains that routes of enabled users point into, each once."""
        return self.names(ROUTE_DOMAIN)

    def former_domains(self) -> list[str]:
        """The domains of the former routes that are remembered, each once."""
        return self.names(FORMER_DOMAIN)

    def former_sites(self) -> list[str]:
        """The domains without a transport that had one, as long as routes point into them, current or former.

        Until the mirror is complete, also the site domains known before.
        """
        known = [] if self.meta().complete else self.names(KNOWN_SITE)
        try:
            gone = [
                domain
                for domain, users in listed(self._rows, self._db, SITE)
                if not users and is_routed(self._get, self._db, domain)
            ]
        except FAILURES as error:
            raise store_error(self._db.where, error) from error
        return list(dict.fromkeys(gone + known))

    def keys(self, index: Index) -> Iterator[str]:
        """The keys of an index by ascending code points, but for those too long to be stored as they are."""
        try:
            for key, _ in self._rows(getattr(self._db, index)):
                if key[:1] != HASHED:
                    yield key.decode("utf-8", "surrogatepass")
        except FAILURES as error:
            raise store_error(self._db.where, error) from error

    def names(self, *kinds: bytes) -> list[str]:
        """The domains of these kinds (see `layout`), each once."""
        try:
            found = (domain for kind in kinds for domain, _ in listed(self._rows, self._db, kind))
            return list(dict.fromkeys(found))
        except FAILURES as error:
            raise store_error(self._db.where, error) from error

    def counts(self) -> Counts:
        """How much there is; takes microseconds whatever the size."""
        stat, db = self._txn.stat, self._db
        try:
            return Counts(
                entries=stat(db.entries)["entries"],
                users=self.meta().users,
                addresses=stat(db.addresses)["entries"],
                sites=stat(db.sites)["entries"],
                former=stat(db.former)["entries"],
            )
        except FAILURES as error:
            raise store_error(db.where, error) from error

    def meta(self) -> Meta:
        """What is said of the mirror as a whole."""
        try:
            raw = self._get(META_KEY, None, self._db.meta)
            return Meta() if raw is None else decode_meta(raw)
        except FAILURES as error:
            raise store_error(self._db.where, error) from error
