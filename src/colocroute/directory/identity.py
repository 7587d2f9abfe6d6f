"""What an entry is known by: its entryUUID, or its name where the directory has no UUIDs.

Owns the form of that key.  Must not know where the entry came from.
"""

from uuid import UUID

from colocroute.directory import dn as names
from colocroute.directory.match import Attributes

ENTRY_UUID = "entryUUID"  # RFC 4530
UUID_KEY = b"entryuuid"
UUID_BYTES = 16  # RFC 4122, 4.1 and RFC 4533, 2.1.1


def uuid_of(attributes: Attributes) -> bytes | None:
    """The 16 bytes of entryUUID, None if the entry has none.  Raises ValueError if it is malformed."""
    values = attributes.get(UUID_KEY)
    if not values:
        return None
    return UUID(values[0].decode("ascii", "replace")).bytes


def split_dn(dn: bytes) -> tuple[str, ...]:
    """The normalised relative names of a DN in bytes.  Raises ValueError."""
    return names.split(dn.decode("utf-8", "surrogateescape"))


def name_key(rdns: tuple[str, ...]) -> bytes:
    """The key of an entry without UUID, by its normalised names.

    Never of 16 bytes: a name may be given to somebody else, so it must not be taken for a UUID.
    """
    name = ",".join(rdns).encode()
    return name + b"," if len(name) == UUID_BYTES else name


def identity(dn: bytes, attributes: Attributes) -> bytes:
    """The id of the entry.  Raises ValueError if entryUUID or the DN is malformed."""
    return uuid_of(attributes) or name_key(split_dn(dn))
