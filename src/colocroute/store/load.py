"""Filling an empty mirror: rows sorted and appended, so that pages are full and each is written once.

Owns the order of writing.  Rows are collected in chunks, so that memory stays bounded however large the
directory is: the first chunk is appended, later ones are merged in sorted order, which costs more time and
disk for each row.  Must not know transactions or former routes.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

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

CHUNK_ROWS = 2_000_000  # rows of entries and indexes together: about 360 MB of memory


class Load:
    """One load into databases that are empty when it begins; `users` is the number of records with a user."""

    def __init__(self, txn: Txn, databases: Databases, keys_of: KeysOf) -> None:
        self._txn = txn
        self._db = databases
        self._keys_of = keys_of
        self._entries: dict[bytes, bytes] = {}
        self._addresses = _Rows()
        self._routes = _Rows()
        self._logins = _Rows()
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
        owner = one_owner(inner, keys.direct.encode())
        self._addresses.take(keys.addresses, inner, owner)
        self._routes.take(keys.routes, inner, owner)
        self._logins.take(keys.logins, inner, one_owner(inner))
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
        entries.clear()
        self._write(self._db.addresses, self._addresses)
        self._write(self._db.routes, self._routes)
        self._write(self._db.logins, self._logins)
        self._first = False
        self._room = CHUNK_ROWS

    def _write(self, index: lmdb._Database, collected: "_Rows") -> None:
        rows = collected.joined()
        keys = sorted(rows)
        sorted_rows = zip(keys, map(rows.__getitem__, keys), strict=True)
        consumed, added = self._txn.cursor(index).putmulti(sorted_rows, overwrite=False, append=self._first)
        if added < consumed:  # a key that an earlier chunk has was passed over
            for key, value in rows.items():
                there = self._txn.get(key, value, index)
                if there != value:
                    self._txn.put(key, with_owners(there, owners(value)), db=index)
        collected.clear()


class _Rows:
    """The rows of one index: for each key its first owner, and apart from that the few keys that have more.

    Those are joined once: thousands may share a key.
    """

    __slots__ = ("_first", "_further")

    def __init__(self) -> None:
        self._first: dict[bytes, bytes] = {}
        self._further: defaultdict[bytes, list[bytes]] = defaultdict(list)

    def take(self, keys: Sequence[str], inner: bytes, owner: bytes) -> None:
        """Adds an owner, by its inner id and as the row of one, to each of the keys."""
        first = self._first
        for name in map(key_bytes, keys):
            if first.setdefault(name, owner) is not owner:
                self._further[name].append(inner)

    def joined(self) -> dict[bytes, bytes]:
        """Each key with its row."""
        rows = self._first
        for name, inners in self._further.items():
            rows[name] = with_owners(rows[name], inners)
        self._further.clear()
        return rows

    def clear(self) -> None:
        """Forgets the rows."""
        self._first.clear()
