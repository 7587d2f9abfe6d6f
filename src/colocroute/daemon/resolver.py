"""The answering that a worker is handed: bytes of a request to an answer, out of the mirror.

Owns the joint between server, store and routing: converts keys to text once, keeps the topology of the newest
commit, opens at most one read transaction for a lookup and none for a foreign domain.  Rule: a mirror that
cannot be read is as good as none, so nothing is denied for its sake.
"""

from collections.abc import Mapping, Sequence
from time import CLOCK_BOOTTIME, clock_gettime
from types import TracebackType

import msgspec

from colocroute.errors import StoreError
from colocroute.model import NOT_FOUND, Answer, State, TempFail, User
from colocroute.routing import maps, policy
from colocroute.routing.address import decode_key
from colocroute.routing.topology import empty_topology, topology
from colocroute.routing.view import Rules, Topology
from colocroute.store.mirror import Mirror
from colocroute.store.snapshot import Snapshot

_LIVE = State.LIVE
_NEVER_FAILS = b"generic"  # smtp(8) dies of a TEMP
_ONE_FAILURE = 1 << 56  # more than a pulse ever counts
_FUNCTIONS = {name.encode(): function for name, function in maps.MAPS.items()}


class MirrorView:
    """A `routing.view.View` over one read transaction that begins with the first question."""

    __slots__ = ("_mirror", "_snapshot", "rules", "state", "topology")

    def __init__(self, mirror: Mirror, state: State, topology: Topology, rules: Rules) -> None:
        self.state = state
        self.topology = topology
        self.rules = rules
        self._mirror = mirror
        self._snapshot: Snapshot | None = None

    def _begin(self) -> Snapshot:
        if self._snapshot is None:
            self._snapshot = self._mirror.snapshot()
        return self._snapshot

    def owners(self, address: str) -> Sequence[User]:
        """See `View`."""
        return (self._snapshot or self._begin()).owners(address)

    def residents(self, route: str) -> Sequence[User]:
        """See `View`."""
        return (self._snapshot or self._begin()).residents(route)

    def former_residents(self, route: str) -> Sequence[User]:
        """See `View`."""
        return (self._snapshot or self._begin()).former_residents(route)

    def users_by_login(self, login: str) -> Sequence[User]:
        """See `View`."""
        return (self._snapshot or self._begin()).users_by_login(login)

    def __enter__(self) -> "MirrorView":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the read transaction, if there is one; closing twice does no harm."""
        if self._snapshot is not None:
            self._snapshot.close()
            self._snapshot = None


class Resolver:
    """Answers from one mirror under one set of rules.  Not for use across a fork."""

    def __init__(
        self,
        mirror: Mirror,
        rules: Rules,
        stale_after: float,
        trusted: Sequence[policy.Network] = (),
    ) -> None:
        self._mirror = mirror
        self._pulse = mirror.pulse
        self._rules = rules
        self._deferring = msgspec.structs.replace(rules, reject_when_stale=False)
        self._stale_after = stale_after
        self._trusted = tuple(trusted)
        self._servers: frozenset[str] = frozenset()
        self._unresolved = False
        self._topology = empty_topology(rules)
        self._topology_number = -1
        self._failures = 0

    def stamp(self) -> int:
        """Changes with every commit, change of state and failure to read; negative during a commit."""
        number = self._pulse.stamp()
        if number & 1:
            return -1
        # Between two stamps of the pulse time alone changes the state, from live to stale and back.
        now = clock_gettime(CLOCK_BOOTTIME)
        return self._failures + (number << 1 | (self._pulse.state(now, self._stale_after) is _LIVE))

    def view(self) -> MirrorView:
        """A view of now; use it as a context manager."""
        state = self._pulse.state(clock_gettime(CLOCK_BOOTTIME), self._stale_after)
        if self._pulse.topology() != self._topology_number and not self._read_topology():
            state = State.EMPTY
        # What was not stored must not be denied, whatever the operator says of a silent directory.
        rules = self._deferring if self._pulse.unwritable() else self._rules
        return MirrorView(self._mirror, state, self._topology, rules)

    def _read_topology(self) -> bool:
        """Takes the domains of the newest commit; returns whether it could, if not the last good ones stay."""
        try:
            with self._mirror.snapshot() as snapshot:
                meta = snapshot.meta()
                self._topology = topology(
                    self._rules,
                    sites=snapshot.sites(),
                    route_domains=[*snapshot.route_domains(), *snapshot.former_domains()],
                    directory_domains=snapshot.domains(),
                    here=meta.here,
                    unplaced=meta.unplaced,
                )
                self._servers = frozenset(meta.servers)
                self._unresolved = meta.unresolved
                self._topology_number = meta.topology
        except StoreError:
            self._failures += _ONE_FAILURE
            return False
        return True

    def answer(self, map_name: bytes, key: bytes) -> Answer:
        """The answer to one request; any bytes have one."""
        function = _FUNCTIONS.get(map_name)
        if function is None:
            return maps.unknown(map_name.decode("ascii", "backslashreplace"))
        text = decode_key(key)
        if text is None:
            return NOT_FOUND
        view = self.view()
        try:
            return function(view, text)
        except StoreError as error:
            self._failures += _ONE_FAILURE
            return NOT_FOUND if map_name == _NEVER_FAILS else TempFail(f"mirror unreadable: {error}")
        finally:
            view.close()

    def policy(self, attributes: Mapping[str, str]) -> str:
        """The action for one policy request."""
        try:
            with self.view() as view:
                return policy.action(
                    view,
                    attributes,
                    servers=self._servers,
                    trusted=self._trusted,
                    unresolved=self._unresolved,
                )
        except StoreError:
            return policy.DEFER
