"""What a directory tells its consumer, whatever it is (LDAP with or without syncprov, LDIF).

Owns the vocabulary between `directory` and `replicate`.  Must not know LDAP messages.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

import msgspec

from colocroute.model import Entry


class Upsert(msgspec.Struct, frozen=True, gc=False):
    """An entry was added or changed; `cookie` (merged) stands for the data up to and with it, or None."""

    entry: Entry
    cookie: bytes | None = None


class Present(msgspec.Struct, frozen=True, gc=False):
    """These entries exist unchanged (present phase of a refresh)."""

    ids: tuple[bytes, ...]


class Delete(msgspec.Struct, frozen=True, gc=False):
    """These entries do not exist (any more); unknown ids are normal."""

    ids: tuple[bytes, ...]
    cookie: bytes | None = None


class Cookie(msgspec.Struct, frozen=True, gc=False):
    """Nothing for us changed, and the position moved."""

    cookie: bytes


class RefreshKind(Enum):
    """What the end of a refresh says of entries that were not mentioned in it."""

    COMPLETE = "complete"  # no cookie was sent: what came is the content, everything else goes
    PRESENT = "present"  # what was neither sent nor listed goes
    DELETE = "delete"  # only what was listed in Delete goes


class RefreshBegin(msgspec.Struct, frozen=True, gc=False):
    """A refresh starts; what follows up to `RefreshDone` belongs to it and is committed whole."""


class RefreshDone(msgspec.Struct, frozen=True, gc=False):
    """The refresh is complete and authoritative; what follows is the stream."""

    kind: RefreshKind
    cookie: bytes | None = None


Event = Upsert | Present | Delete | Cookie | RefreshBegin | RefreshDone


class Session(Protocol):
    """One conversation with one directory.  Every method may raise `DirectoryError`; then close it."""

    uri: str
    mode: str
    """`syncrepl`, `poll` or `ldif`."""
    contact: float
    """CLOCK_BOOTTIME seconds of the last sign of life that counts (a dead base does not)."""
    position: str
    """The directory's contextCSN values as last seen, for display; empty if it has none."""
    warnings: list[str]
    """What the operator should know (entryCSN unreadable, ...), one line each."""

    def events(self, timeout: float) -> Sequence[Event]:
        """What has arrived, waiting at most `timeout` seconds for the first; bounded in size; may be empty.

        Sends and checks the heartbeat meanwhile.
        """
        ...

    def fileno(self) -> int:
        """A descriptor that becomes readable when there may be events, or -1."""
        ...

    def close(self) -> None:
        """Ends the conversation; never raises."""
        ...
