"""What is derived from the records: indexes by key, sites, and the domains they count in.

Owns what a change of one record does to them.  Rule: an index leads to a record if and only if the keys of
the record say so.  Must not know former routes, removals or when to commit.
"""

from collections.abc import Callable, Iterable

import lmdb

from colocroute.model import Record
from colocroute.store.domains import DomainRows
from colocroute.store.failures import damaged
from colocroute.store.layout import (
    DOMAIN,
    NO_KEYS,
    ROUTE_DOMAIN,
    SITE,
    Databases,
    KeyBytes,
    KeysOf,
    Txn,
    encode,
    has_owner,
    index_keys,
    one_owner,
    owner_count,
    with_owner,
    without_owner,
)


class Derived:
    """The derived databases in one write transaction.

    `note_topology` is called before each change of what the sites are; `domains` does so for domains.
    """

    __slots__ = ("_db", "_domain_rows", "_keys_of", "_note_topology", "_txn")

    def __init__(
        self,
        txn: Txn,
        databases: Databases,
        keys_of: KeysOf,
        domains: DomainRows,
        note_topology: Callable[[], None],
    ) -> None:
        self._txn = txn
        self._db = databases
        self._keys_of = keys_of
        self._domain_rows = domains
        self._note_topology = note_topology

    def keys(self, record: Record | None) -> KeyBytes:
        """The keys of a record, none if there is no record."""
        return NO_KEYS if record is None else index_keys(self._keys_of(record))

    def replace(
        self, inner: bytes, old: Record | None, before: KeyBytes, new: Record | None, after: KeyBytes
    ) -> None:
        """The record `inner` was `old`, found by `before`, and is now `new`, found by `after`."""
        self._index(inner, before, after)
        self._site(inner, old, new)
        self._domains(DOMAIN, old.domains if old else (), new.domains if new else ())
        self._domains(ROUTE_DOMAIN, before.route_domains, after.route_domains)

    def _index(self, inner: bytes, before: KeyBytes, after: KeyBytes) -> None:
        db, get, put = self._db, self._txn.get, self._txn.put
        for index, old, new, direct in (
            (db.addresses, before.addresses, after.addresses, after.direct),
            (db.routes, before.routes, after.routes, after.direct),
            (db.logins, before.logins, after.logins, b""),
        ):
            if old != new:
                for key in set(old).difference(new):
                    self._unlink(index, key, inner)
            kept = () if before.direct != after.direct else old
            for key in set(new).difference(kept):
                value = get(key, None, index)
                alone = value is None or (owner_count(value) == 1 and has_owner(value, inner))
                row = one_owner(inner, direct) if alone else with_owner(value, inner)
                if row != value:  # the row of a key that many share is long
                    put(key, row, db=index)

    def _unlink(self, index: lmdb._Database, key: bytes, inner: bytes) -> None:
        value = self._txn.get(key, None, index)
        if value is None or not has_owner(value, inner):
            raise damaged(self._db.where, f"the key {key!r} does not lead to {inner.hex()}")
        left = without_owner(value, inner)
        if left is None:
            self._txn.delete(key, db=index)
        else:
            self._txn.put(key, left, db=index)

    def _site(self, inner: bytes, old: Record | None, new: Record | None) -> None:
        old_site, new_site = old.site if old else None, new.site if new else None
        if old_site == new_site:
            return
        self._note_topology()
        if new_site is None:
            self._txn.delete(inner, db=self._db.sites)
        else:
            self._txn.put(inner, encode(new_site), db=self._db.sites)
        self._domains(SITE, old_site.domains if old_site else (), new_site.domains if new_site else ())

    def _domains(self, kind: bytes, old: Iterable[str], new: Iterable[str]) -> None:
        if old != new:
            for domain in set(old).difference(new):
                self._domain_rows.count(kind, domain, -1)
            for domain in set(new).difference(old):
                self._domain_rows.count(kind, domain, 1)

    def missed(self, record: Record, keys: KeyBytes) -> bool:
        """Whether something that an absent record served is served by no other."""
        db, get = self._db, self._txn.get
        if keys.addresses:
            wanted = [(key, db.addresses) for key in keys.addresses]
        else:
            wanted = [(key, db.routes) for key in keys.routes] + [(key, db.logins) for key in keys.logins]
        domains = [(DOMAIN, domain) for domain in record.domains]
        if record.site is not None:
            domains += [(SITE, domain) for domain in record.site.domains]
        return any(get(key, None, index) is None for key, index in wanted) or not all(
            self._domain_rows.users(kind, domain) for kind, domain in domains
        )
