"""What is said of the mirror as a whole, and what its operations hand back.

Owns these values and their stored form (msgpack maps, so that a field may be added with a default).
"""

import msgspec

from colocroute.model import Record

HELD_LISTED = 1000  # names in `Held.entries`; more help nobody


class Held(msgspec.Struct, frozen=True):
    """The guard refused something: `since` is wall clock seconds.

    `would_remove` is a number of entries, those included that would stay and lose all their addresses.
    """

    since: float
    reason: str
    would_remove: int
    entries: tuple[str, ...] = ()
    """The DNs of the first `HELD_LISTED` of them."""


class Meta(msgspec.Struct, frozen=True, omit_defaults=True):
    """The mirror as a whole.  Times, but not `age`, are wall clock seconds, 0.0 for never.

    `generation`, `topology`, `changed`, `users` and `age` are kept by the transaction itself.
    """

    complete: bool = False
    """A complete refresh has been committed: only then may an absent key be denied."""
    generation: int = 0
    """Grows with every commit that changed an entry."""
    changed: float = 0.0
    """The last such commit."""
    topology: int = 0
    """Changes only when the sites, the domains of any kind, or what is said of their servers does."""
    cookie: bytes = b""
    """The position in the directory that the data stand for (RFC 4533, 2.1.1)."""
    refreshed: float = 0.0
    held: Held | None = None
    accept: int = 0
    """How many removals the operator has approved (`colocroute accept`); 0 for none."""
    here: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    """The addresses of all sites' servers."""
    unresolved: bool = False
    """Some of these addresses are not known."""
    unplaced: tuple[str, ...] = ()
    """The site domains of which it is not known whether they are here."""
    differences: int = 0
    """Entries in which a full refresh differed from what replication had told."""
    users: int = 0
    """Records with a user, disabled ones included."""
    age: float = 0.0
    """For how many seconds it has had a writer, at least, whatever the wall clock said meanwhile.

    What is kept for a time is stamped with it.  Whoever dies takes with him what he has not written, so all is
    kept longer, never shorter.
    """


OWN_FIELDS = frozenset({"generation", "topology", "changed", "users", "age"})
"""The fields of `Meta` that `update_meta` does not take."""


class Counts(msgspec.Struct, frozen=True):
    """How much there is: records, records with a user, address keys, records with a site, former routes."""

    entries: int = 0
    users: int = 0
    addresses: int = 0
    sites: int = 0
    former: int = 0


class Removal(msgspec.Struct, frozen=True):
    """A record that was removed.

    `lost`: mail or lookups miss it.  Not lost is what others serve as well: every address key has another
    owner (an entry reloaded under a new id), every site domain and domain another record; and a disabled
    user, whose keys nobody could ask for.
    """

    record: Record
    lost: bool


class Person(msgspec.Struct, frozen=True, array_like=True):
    """By what somebody is known again under another id: keys of addresses and logins, without a login the DN."""

    addresses: tuple[bytes, ...]
    logins: tuple[bytes, ...]
    dn: str


class Former(msgspec.Struct, frozen=True, array_like=True):
    """Who left a route: inner id, who that was, and the age of the mirror then."""

    owner: bytes
    person: Person
    at: float


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """A removed record kept aside: its id and the age of the mirror when it was removed."""

    id: bytes
    at: float
    record: Record


class Tag(msgspec.Struct, frozen=True, array_like=True):
    """Whose mirror it is: `mirror` is a random number, new whenever a mirror is started empty."""

    layout: int
    fingerprint: str
    mirror: int
