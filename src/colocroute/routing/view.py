"""What a map function sees of the world: one immutable snapshot, the topology and the operator's rules.

Owns the interface between routing and whatever holds the data.  Must not know LMDB, LDAP, clocks, sockets.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from colocroute.model import State, User


class Rules(msgspec.Struct, frozen=True):
    """The operator's choices that bear on answers: the `[routing]` section, parsed."""

    domains: tuple[str, ...] = ()
    recipient_delimiter: str = "+"
    propagate_extension: bool = True
    local_transport: str = ""
    transports: tuple[str, ...] = (
        "smtp", "lmtp", "relay", "virtual", "local", "error", "retry", "discard", "uucp",
    )  # fmt: skip
    dns_fallback: bool = False
    reject_when_stale: bool = False


class Site(msgspec.Struct, frozen=True):
    """One site domain.  `nexthop` is normalised, empty if there is no usable one: `problem` then says why."""

    domain: str
    nexthop: str
    problem: str
    here: bool


class Topology(msgspec.Struct, frozen=True):
    """Which domains there are.  Keys are lower-case A-labels; no domain is both public and a site's."""

    public: frozenset[str]
    sites: Mapping[str, Site]


class View(Protocol):
    """A snapshot.  Keys are folded (`address.fold`); disabled users are never returned.

    Thousands may share a key, and be read only when they are looked at: look at no more than the answer takes.
    """

    @property
    def state(self) -> State: ...
    @property
    def topology(self) -> Topology: ...
    @property
    def rules(self) -> Rules: ...
    def owners(self, address: str) -> Sequence[User]:
        """The users that have this address value (`@domain` for a catch-all), whatever its domain."""
        ...

    def residents(self, route: str) -> Sequence[User]:
        """The users whose current route address this is."""
        ...

    def former_residents(self, route: str) -> Sequence[User]:
        """The users whose route address this was, as long as that is remembered."""
        ...

    def users_by_login(self, login: str) -> Sequence[User]:
        """The users with this login."""
        ...
