"""Filling an empty mirror: rows sorted and appended, so that pages are full and each is written once.

Owns the order of writing.  Rows are collected in chunks, so that memory stays bounded however large the
directory is: the first chunk is appended, later ones are merged in sorted order, which costs more time and
disk for each row.  Must not know transactions or former routes.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

import lmdb

from colocroute.model import Record
from colocroute.store.layout import (
    DOMAIN,
    INNER_ID,
    ROUTE_DOMAIN,
    SITE,
    Databases,
    KeysOf,
    Txn,
    encode,
    inner_id,
    key_bytes,
    one_owner,
    owners,
    with_owners,
)

CHUNK_ROWS = 2_000_000  # rows of entries and indexes together: about 250 MB of memory

# A row of an index is one string until it is written, which sorts twice as fast as a pair: key, NUL, inner id.
# The value, which is the same in all rows of an entry, waits under the id.
_key_of = itemgetter(slice(-INNER_ID - 1))
_id_of = itemgetter(slice(-INNER_ID, None))


class Load:
    """One load into databases that are empty when it begins; `users` is the number of records with a user."""

    def __init__(self, txn: Txn, databases: Databases, keys_of: KeysOf) -> None:
        self._txn = txn
        self._db = databases
        self._keys_of = keys_of
        self._entries: dict[bytes, bytes] = {}
        self._values: dict[bytes, bytes] = {}
        self._indexes: tuple[tuple[lmdb._Database, list[bytes]], ...] = (
            (databases.addresses, []),
            (databases.routes, []),
            (databases.logins, []),
        )
        self._counts: Counter[tuple[bytes, str]] = Counter()
        self._first = True
        self._room = CHUNK_ROWS
        self.users = 0

    def add(self, entry_id: bytes, record: Record) -> bool:
        """Takes a record; False, and not taken, if its id came before."""
        inner = inner_id(entry_id)
        if inner in self._entries or not (
            self._first or self._txn.get(inner, None, self._db.entries) is None
        ):
            return False
        self._entries[inner] = encode(record)
        if len(entry_id) != INNER_ID:
            self._txn.put(inner, entry_id, db=self._db.names)
        self.users += record.user is not None
        keys = self._keys_of(record)
        self._values[inner] = one_owner(inner, keys.direct.encode())
        tail = b"\0" + inner
        (_, addresses), (_, routes), (_, logins) = self._indexes
        addresses += [key_bytes(key) + tail for key in keys.addresses]
        routes += [key_bytes(key) + tail for key in keys.routes]
        logins += [key_bytes(key) + tail for key in keys.logins]
        for domain in set(keys.route_domains):
            self._counts[ROUTE_DOMAIN, domain] += 1
        if record.site is not None:
            self._txn.put(inner, encode(record.site), db=self._db.sites)
            self._counts.update((SITE, domain) for domain in set(record.site.domains))
        if record.domains:
            self._counts.update((DOMAIN, domain) for domain in set(record.domains))
        self._room -= 1 + len(keys.addresses) + len(keys.routes) + len(keys.logins)
        if self._room <= 0:
            self.flush()
        return True

    def domains(self) -> Iterator[tuple[bytes, str, int]]:
        """Kind, domain and number of records, of everything loaded."""
        for (kind, domain), count in self._counts.items():
            yield kind, domain, count

    def flush(self) -> None:
        """Writes what was collected."""
        entries = self._entries
        inners = sorted(entries)
        rows = zip(inners, map(entries.__getitem__, inners), strict=True)
        self._txn.cursor(self._db.entries).putmulti(rows, append=self._first)
        for index, lines in self._indexes:
            self._write(index, lines)
        entries.clear()
        self._values.clear()
        self._first = False
        self._room = CHUNK_ROWS

    def _write(self, index: lmdb._Database, lines: list[bytes]) -> None:
        lines.sort()
        value_of = one_owner if index is self._db.logins else self._values.__getitem__
        rows = zip(map(_key_of, lines), map(value_of, map(_id_of, lines)), strict=True)
        consumed, added = self._txn.cursor(index).putmulti(rows, overwrite=False, append=self._first)
        if added < consumed:
            # A key that is there was passed over, and so was one that came out of order: it has a NUL in it.
            self._complete(index, lines)
        lines.clear()

    def _complete(self, index: lmdb._Database, lines: list[bytes]) -> None:
        for key, group in groupby(lines, _key_of):
            value = self._txn.get(key, None, index)
            inners = list(map(_id_of, group))
            if value is None or owners(value) != inners:
                self._txn.put(key, with_owners(value, inners), db=index)
