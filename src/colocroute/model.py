"""The values that travel between the layers: immutable, without behaviour, without I/O.

Owns the meaning of the words of the contract: what the directory says of an entry, what the mirror keeps of
it, what a lookup is answered.  Must not know any other module of the package.

The values cannot be part of a cycle, so the garbage collector is spared them (`gc=False`): a refresh makes
millions.
"""

from enum import Enum

import msgspec


class State(Enum):
    """How far the mirror can be trusted; decides whether an absent key may be denied."""

    EMPTY = "empty"
    LIVE = "live"
    STALE = "stale"
    HELD = "held"


class Found(msgspec.Struct, frozen=True, gc=False):
    """The key exists; `value` is what Postfix is told, never empty."""

    value: str


class NotFound(msgspec.Struct, frozen=True, gc=False):
    """The key does not exist, and it may be said so."""


class TempFail(msgspec.Struct, frozen=True, gc=False):
    """It cannot be said now; `reason` is one line for the log of the asker."""

    reason: str


Answer = Found | NotFound | TempFail
NOT_FOUND = NotFound()


class UserEntry(msgspec.Struct, frozen=True, gc=False):
    """A mail user as the directory spells it.  `addresses` in the order of the configured attributes."""

    addresses: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    logins: tuple[str, ...] = ()
    imap_server: str = ""
    smtp_server: str = ""
    enabled: bool = True


class SiteEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A transport as the directory spells it: the domains it serves and its `nexthops` (one is right)."""

    domains: tuple[str, ...]
    nexthops: tuple[str, ...]


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One directory entry after the schema mapping, values not yet judged.

    `id` is the 16 bytes of entryUUID, or the normalised DN in UTF-8 where the directory has no entryUUID (never
    16 bytes: a comma follows a DN of that length).
    Values that are not UTF-8 are decoded with `backslashreplace`.
    """

    id: bytes
    dn: str
    user: UserEntry | None = None
    site: SiteEntry | None = None
    domains: tuple[str, ...] = ()


class User(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A mail user as the mirror keeps it.

    `addresses` and `routes` are in the form that is answered: domain in lower case as A-label, local part as
    the directory has it, quoted where RFC 5321 needs it; a catch-all is `@domain`.  `unusable` are the values
    that are not addresses, kept for diagnosis.
    """

    addresses: tuple[str, ...]
    routes: tuple[str, ...]
    logins: tuple[str, ...]
    imap_server: str
    smtp_server: str
    enabled: bool
    unusable: tuple[str, ...] = ()


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the mirror keeps of one directory entry.  Domains are lower-case A-labels."""

    dn: str
    user: User | None = None
    site: SiteEntry | None = None
    domains: tuple[str, ...] = ()


class Keys(msgspec.Struct, frozen=True, gc=False):
    """The folded keys a record is found by; all empty for a disabled user.

    `route_domains` are the domains of `routes`.  `direct` is the only route of a user where lookups may be answered
    with it by comparing bytes: it is written as its key, no address, route or login has a character that can be
    written in several ways (quoted, or not ASCII), and no address is a catch-all.
    """

    addresses: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    logins: tuple[str, ...] = ()
    route_domains: tuple[str, ...] = ()
    direct: str = ""
