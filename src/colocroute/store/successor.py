"""Who somebody is under another id: a directory that is loaded anew from a file gives every entry one.

Owns the evidence.  Rule: what another person can come by does not count: addresses pass from hand to hand when
somebody leaves, a function address has several owners in turn.  So it takes the login, or the DN where there is no
login, and an address that nobody else has.  Who cannot be told is nobody: his mail must not be disclosed.

Known limit: who is hired within `remember_moves` and is given both the login and an address of one who left.
"""

from collections.abc import Callable

import lmdb

from colocroute.model import Record
from colocroute.store.layout import ONE, ROUTE_AT, Databases, KeyBytes, decode_record, owners
from colocroute.store.meta import Person

Get = Callable[[bytes, bytes | None, lmdb._Database], bytes | None]


def person(record: Record, keys: KeyBytes) -> Person:
    """What the person of a record will be known by."""
    return Person(keys.addresses, keys.logins, "" if keys.logins else record.dn.casefold())


def successor(get: Get, databases: Databases, gone: Person) -> bytes | None:
    """The inner id of the one enabled user that is this person now."""
    rows = (get(address, None, databases.addresses) for address in gone.addresses)
    sole = {row[1:ROUTE_AT] for row in rows if row is not None and row[:1] == ONE}
    same = [inner for inner in sole if _is_same(get, databases, gone, inner)]
    return same[0] if len(same) == 1 else None


def is_still(get: Get, databases: Databases, left: Person, inner: bytes) -> bool:
    """Whether an entry that is known by its DN is this person's: a DN may have been given to somebody else."""
    index, keys = (databases.logins, left.logins) if left.logins else (databases.addresses, left.addresses)
    rows = (get(key, None, index) for key in keys)
    return any(row is not None and inner in owners(row) for row in rows)


def _is_same(get: Get, databases: Databases, gone: Person, inner: bytes) -> bool:
    if gone.logins:
        rows = [get(login, None, databases.logins) for login in gone.logins]
        return all(row is not None and inner in owners(row) for row in rows)
    raw = get(inner, None, databases.entries)
    if raw is None:
        return False
    record = decode_record(raw)
    return record.user is not None and not record.user.logins and record.dn.casefold() == gone.dn
