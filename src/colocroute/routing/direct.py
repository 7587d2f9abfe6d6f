"""The short way to an answer: for the keys that nearly all mail has, one row of an index says everything.

Owns which maps are answered so, and when.  Rule: what is said is what the function of the map says; None where
that takes a look at the users.  Must not know what holds the rows.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from colocroute.model import NOT_FOUND, Answer, Found
from colocroute.routing.address import VALUE_LIMIT
from colocroute.routing.view import Topology


class Rows(Protocol):
    """Whatever holds the rows.  Keys are folded, in UTF-8; both answer with nothing where there is more to it."""

    def direct_owner(self, key: bytes) -> bytes:
        """`Keys.direct` of the one user who has this address."""
        ...

    def direct_resident(self, key: bytes) -> bytes:
        """`Keys.direct` of the one user who has this route address."""
        ...


class Direct:
    """Answers in one topology, for any state but `EMPTY`."""

    def __init__(self, topology: Topology) -> None:
        self._public = frozenset(domain.encode() for domain in topology.public)
        self._here = {domain.encode(): site.here for domain, site in topology.sites.items()}

    def answer(self, map_name: bytes, key: bytes, rows: Callable[[], Rows]) -> Answer | None:
        """What the map answers to any key, None if that takes more; `rows` is called for domains of ours only."""
        say = _SAY.get(map_name)
        if say is None or len(key) > VALUE_LIMIT:
            return None
        # Of a key that is not ASCII this is not the folded form, but then there is no row to be found by it.
        key = key.lower()
        _, at, domain = key.rpartition(b"@")
        if not at:
            return None
        if domain in self._public:
            route, public = rows().direct_owner(key), True
        elif domain in self._here:
            route, public = rows().direct_resident(key), False
        else:
            return None
        here = self._here.get(route.rpartition(b"@")[2])
        return None if here is None else say(route.decode(), public, here)


def _virtual_alias(route: str, public: bool, _here: bool) -> Answer:
    return Found(route) if public else NOT_FOUND


def _mailbox(route: str, public: bool, here: bool) -> Answer:
    return Found(route.rpartition("@")[0]) if here and not public else NOT_FOUND


def _relay_recipient(route: str, public: bool, here: bool) -> Answer:
    return NOT_FOUND if here or public else Found(route)


def _recipient(route: str, _public: bool, _here: bool) -> Answer:
    return Found(route)


_SAY: Mapping[bytes, Callable[[str, bool, bool], Answer]] = {
    b"virtual_alias": _virtual_alias,
    b"virtual_mailbox": _mailbox,
    b"local_recipient": _mailbox,
    b"relay_recipient": _relay_recipient,
    b"recipient": _recipient,
}
