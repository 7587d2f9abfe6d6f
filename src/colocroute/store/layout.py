"""How a mirror is laid out in LMDB: its named databases and the form of their keys and values.

Owns every byte that is a key, and the packing of owners.  Rule: any change here that an older mirror does not
follow raises `LAYOUT`; a mirror of another layout is set aside, never read.

    meta       b"meta" -> Meta, b"tag" -> Tag
    entries    inner id -> Record
    names      inner id -> id, where that is not the inner id itself
    addresses  folded address -> its owners
    routes     folded route address -> its residents
    logins     folded login -> those who have it
    former     folded route address nobody has now -> Former
    removed    inner id -> Kept
    times      b"f" time hash -> key in `former`; b"r" time inner id -> nothing: both by age
    sites      inner id -> SiteEntry
    domains    b"s" site domain, b"d" domain, b"r" domain of a route, b"f" of a former one -> count and name;
               b"S" site domain and b"D" domain known before the mirror was emptied -> 0 and name

An inner id is 16 bytes: an entryUUID itself, of any other id (a DN) the first half of its SHA-256.

The owners of a key are `ONE`, the inner id and, where `Keys.direct` has it, the route that answers lookups
without a look at the record; or `MANY` and at least two inner ids, ascending.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from hashlib import sha256
from struct import Struct
from typing import TypeAlias

import lmdb
import msgspec

from colocroute.model import Keys, Record, SiteEntry
from colocroute.store.meta import Former, Kept, Meta, Tag

LAYOUT = 2

META_KEY = b"meta"
TAG_KEY = b"tag"
INNER_ID = 16  # bytes of an entryUUID (RFC 4530)
LONGEST_KEY = 511  # LMDB 0.9, mdb.c: MDB_MAXKEYSIZE
ONE, MANY = b"\x01", b"\x02"
ROUTE_AT = 1 + INNER_ID  # where the route begins in the row of one owner
HASHED = b"\xff"  # occurs nowhere in UTF-8, so a hashed key is never mistaken for a written one

SITE, DOMAIN, ROUTE_DOMAIN, FORMER_DOMAIN = b"s", b"d", b"r", b"f"
KNOWN_SITE, KNOWN_DOMAIN = b"S", b"D"
FORMER, REMOVED = b"f", b"r"

COUNT = Struct(">I")
_TIME = Struct(">Q")
_LATEST = 2**63

encode = msgspec.msgpack.Encoder().encode
decode_record = msgspec.msgpack.Decoder(Record).decode
decode_site = msgspec.msgpack.Decoder(SiteEntry).decode
decode_meta = msgspec.msgpack.Decoder(Meta).decode
decode_former = msgspec.msgpack.Decoder(Former).decode
decode_kept = msgspec.msgpack.Decoder(Kept).decode
decode_tag = msgspec.msgpack.Decoder(Tag).decode

KeysOf = Callable[[Record], Keys]
Txn: TypeAlias = "lmdb.Transaction[bytes]"  # only the stub is generic


class Databases(msgspec.Struct, frozen=True):
    """The handles of the named databases of one environment, and `where` that is for messages."""

    where: str
    meta: lmdb._Database
    entries: lmdb._Database
    names: lmdb._Database
    addresses: lmdb._Database
    routes: lmdb._Database
    logins: lmdb._Database
    former: lmdb._Database
    removed: lmdb._Database
    times: lmdb._Database
    sites: lmdb._Database
    domains: lmdb._Database


DATABASES = tuple(name for name in Databases.__struct_fields__ if name != "where")


class KeyBytes(msgspec.Struct, frozen=True):
    """`model.Keys` as the index has them, each key once; `route_domains` stay text, `direct` is empty for none."""

    addresses: tuple[bytes, ...] = ()
    routes: tuple[bytes, ...] = ()
    logins: tuple[bytes, ...] = ()
    route_domains: tuple[str, ...] = ()
    direct: bytes = b""


NO_KEYS = KeyBytes()


def key_bytes(key: str) -> bytes:
    """The index key of a folded key, whatever its length."""
    data = key.encode("utf-8", "surrogatepass")
    if 0 < len(data) <= LONGEST_KEY:
        return data
    return HASHED + sha256(data).digest()


def domain_key(kind: bytes, domain: str) -> bytes:
    """The key of a domain of one kind in `domains`."""
    data = kind + domain.encode("utf-8", "surrogatepass")
    if len(data) <= LONGEST_KEY:
        return data
    return kind + HASHED + sha256(data).digest()


def domain_of(route: bytes) -> str:
    """The domain of a route by its key; empty for one that is hashed, which no mail server would take."""
    if route.startswith(HASHED):
        return ""
    return route.rpartition(b"@")[2].decode("utf-8", "surrogatepass")


def inner_id(entry_id: bytes) -> bytes:
    """The 16 bytes that stand for an id."""
    return entry_id if len(entry_id) == INNER_ID else sha256(entry_id).digest()[:INNER_ID]


def index_keys(keys: Keys) -> KeyBytes:
    """The keys of a record as the index has them."""
    return KeyBytes(
        tuple(dict.fromkeys(map(key_bytes, keys.addresses))),
        tuple(dict.fromkeys(map(key_bytes, keys.routes))),
        tuple(dict.fromkeys(map(key_bytes, keys.logins))),
        tuple(dict.fromkeys(keys.route_domains)),
        keys.direct.encode(),
    )


def owner_count(value: bytes) -> int:
    """How many owners an index value has.

    Raises `msgspec.ValidationError` if it is none, as does all that follows, save `owner_at`.
    """
    if value[:1] == ONE and len(value) >= ROUTE_AT:
        return 1
    number, rest = divmod(len(value) - 1, INNER_ID)
    if value[:1] != MANY or rest or number < 2:
        raise msgspec.ValidationError(f"{len(value)} bytes are no owners of a key")
    return number


def owner_at(value: bytes, number: int) -> bytes:
    """The inner id of one of the owners, of whom the first is 0; does not look at the rest."""
    begin = 1 + number * INNER_ID
    return value[begin : begin + INNER_ID]


def owners(value: bytes) -> list[bytes]:
    """The inner ids of an index value."""
    return [owner_at(value, number) for number in range(owner_count(value))]


def has_owner(value: bytes, inner: bytes) -> bool:
    """Whether this is one of the owners."""
    return owner_at(value, _place(value, inner)) == inner


def one_owner(inner: bytes, direct: bytes = b"") -> bytes:
    """The index value of a key that one has."""
    return ONE + inner + direct


def with_owners(value: bytes | None, inners: Iterable[bytes]) -> bytes:
    """An index value with more owners, at least one; for a single one more, `with_owner` is quicker."""
    ids = {*(() if value is None else owners(value)), *inners}
    return one_owner(*ids) if len(ids) == 1 else MANY + b"".join(sorted(ids))


def with_owner(value: bytes | None, inner: bytes) -> bytes:
    """An index value with this owner; the very same one if he is among its many."""
    if value is None or value[:1] != MANY:
        return with_owners(value, (inner,))
    place = _place(value, inner)
    if owner_at(value, place) == inner:
        return value
    rows, begin = memoryview(value), 1 + place * INNER_ID
    return b"".join((rows[:begin], inner, rows[begin:]))


def without_owner(value: bytes, inner: bytes) -> bytes | None:
    """An index value with an owner less, None if nobody is left; raises `ValueError` if he is not there."""
    place, number = _place(value, inner), owner_count(value)
    if owner_at(value, place) != inner:
        raise ValueError(f"{inner.hex()} is no owner")
    if number <= 2:
        return one_owner(owner_at(value, 1 - place)) if number == 2 else None
    rows, begin = memoryview(value), 1 + place * INNER_ID
    return b"".join((rows[:begin], rows[begin + INNER_ID :]))


def _place(value: bytes, inner: bytes) -> int:
    """Where an owner is or would be; many can share a key, so none but those on the way are looked at."""
    return bisect_left(range(owner_count(value)), inner, key=lambda number: owner_at(value, number))


def time_key(kind: bytes, at: float, tail: bytes = b"") -> bytes:
    """A key of `times`; `at` is an age of the mirror in seconds, kept to the microsecond."""
    return kind + _TIME.pack(int(min(max(at, 0.0) * 1e6, _LATEST))) + tail


def former_tail(route: bytes) -> bytes:
    """What tells the former routes of one microsecond apart."""
    return sha256(route).digest()[:INNER_ID]
