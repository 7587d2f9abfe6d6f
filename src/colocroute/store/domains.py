"""What is known of domains: how many records use each as what, and which were known before.

Owns the rows of `domains`.  Rule: a domain that had a transport is not forgotten as long as somebody's route points
into it: nobody may be told that it is none of ours because an entry is missing.  A former route is no reason: all
mail to the domain would wait for as long as moves are remembered, which is longer than mail is queued.  The same
holds for every domain of a mirror that was emptied, until a complete refresh says what there is.  Must not know
records.
"""

from collections.abc import Callable, Iterator

import lmdb

from colocroute.store.failures import damaged
from colocroute.store.layout import (
    COUNT,
    DOMAIN,
    FORMER_DOMAIN,
    KNOWN_DOMAIN,
    KNOWN_SITE,
    ROUTE_DOMAIN,
    SITE,
    Databases,
    Txn,
    domain_key,
)

Get = Callable[[bytes, bytes | None, lmdb._Database], bytes | None]
Rows = Callable[[lmdb._Database, bytes], Iterator[tuple[bytes, bytes]]]

_KNOWN_AS = {SITE: KNOWN_SITE, KNOWN_SITE: KNOWN_SITE, DOMAIN: KNOWN_DOMAIN, KNOWN_DOMAIN: KNOWN_DOMAIN}


def listed(rows: Rows, databases: Databases, kind: bytes) -> Iterator[tuple[str, int]]:
    """The domains of one kind, each once, with the number of records that use it so."""
    for key, value in rows(databases.domains, kind):
        if not key.startswith(kind):
            return
        yield _row_says(value)


def is_routed(get: Get, databases: Databases, domain: str) -> bool:
    """Whether current routes point into the domain."""
    return get(domain_key(ROUTE_DOMAIN, domain), None, databases.domains) is not None


def rows_to_keep(txn: Txn, databases: Databases) -> list[tuple[bytes, bytes]]:
    """What is left of all rows when the mirror is emptied, former routes excepted: names known before."""
    kept: dict[bytes, bytes] = {}
    for key, value in txn.cursor(databases.domains):
        kind, (name, _) = key[:1], _row_says(value)
        if kind == FORMER_DOMAIN:
            kept[key] = value
        elif kind in _KNOWN_AS:
            kept[domain_key(_KNOWN_AS[kind], name)] = _row(0, name)
    return sorted(kept.items())


class DomainRows:
    """The rows in one write transaction; `note_topology` is called before each change of what there is."""

    __slots__ = ("_db", "_note_topology", "_rows", "_txn")

    def __init__(self, txn: Txn, databases: Databases, rows: Rows, note_topology: Callable[[], None]) -> None:
        self._txn = txn
        self._db = databases
        self._rows = rows
        self._note_topology = note_topology

    def users(self, kind: bytes, domain: str) -> int:
        """How many records use the domain as this kind."""
        value = self._txn.get(domain_key(kind, domain), None, self._db.domains)
        return 0 if value is None else _row_says(value)[1]

    def count(self, kind: bytes, domain: str, more: int) -> None:
        """So many more records use the domain as this kind."""
        before = self.users(kind, domain)
        after = before + more
        if after < 0:
            raise damaged(self._db.where, f"the domain {domain!r} is counted wrong")
        if not before or not after:
            self._note_topology()
        key = domain_key(kind, domain)
        # Of a site the name stays until `settle`: whether routes point into it is known only then.
        if after or kind == SITE:
            self._txn.put(key, _row(after, domain), db=self._db.domains)
        else:
            self._txn.delete(key, db=self._db.domains)

    def settle(self, *, complete: bool) -> None:
        """Before a commit: forgets the names that do not matter any more."""
        if complete:
            for domain, _ in listed(self._rows, self._db, KNOWN_SITE):
                self.count(SITE, domain, 0)
                self._txn.delete(domain_key(KNOWN_SITE, domain), db=self._db.domains)
            for domain, _ in listed(self._rows, self._db, KNOWN_DOMAIN):
                self._txn.delete(domain_key(KNOWN_DOMAIN, domain), db=self._db.domains)
        for domain, users in listed(self._rows, self._db, SITE):
            if not users and not is_routed(self._txn.get, self._db, domain):
                self._txn.delete(domain_key(SITE, domain), db=self._db.domains)


def _row_says(value: bytes) -> tuple[str, int]:
    return value[COUNT.size :].decode("utf-8", "surrogatepass"), COUNT.unpack_from(value)[0]


def _row(users: int, domain: str) -> bytes:
    return COUNT.pack(users) + domain.encode("utf-8", "surrogatepass")
