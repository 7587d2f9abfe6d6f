"""The answering that a worker is handed: bytes of a request to an answer, out of the mirror.

Owns the joint between server, store and routing: converts keys to text once, keeps the topology of the newest
commit, opens at most one read transaction for a lookup and none for a foreign domain; lookups under the same
stamp share one.  Rule: a mirror that cannot be read is as good as none, so nothing is denied for its sake.
"""

from collections.abc import Mapping, Sequence
from time import CLOCK_BOOTTIME, clock_gettime
from types import TracebackType

import msgspec

from colocroute.errors import StoreError
from colocroute.model import NOT_FOUND, Answer, State, TempFail, User
from colocroute.routing import maps, policy
from colocroute.routing.address import decode_key
from colocroute.routing.direct import Direct
from colocroute.routing.topology import empty_topology, topology
from colocroute.routing.view import Rules, Topology
from colocroute.store.mirror import Mirror
from colocroute.store.snapshot import Snapshot

_LIVE, _EMPTY = State.LIVE, State.EMPTY
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

    def snapshot(self) -> Snapshot:
        """The mirror from the first question on; raises `StoreError`."""
        if self._snapshot is None:
            self._snapshot = self._mirror.snapshot()
        return self._snapshot

    @property
    def opened(self) -> bool:
        """Whether the mirror was asked anything."""
        return self._snapshot is not None

    def owners(self, address: str) -> Sequence[User]:
        """See `View`."""
        return self.snapshot().owners(address)

    def residents(self, route: str) -> Sequence[User]:
        """See `View`."""
        return self.snapshot().residents(route)

    def former_residents(self, route: str) -> Sequence[User]:
        """See `View`."""
        return self.snapshot().former_residents(route)

    def users_by_login(self, login: str) -> Sequence[User]:
        """See `View`."""
        return self.snapshot().users_by_login(login)

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
        self._direct = Direct(self._topology)
        self._failures = 0
        self._trouble = ""
        # A view that holds under this stamp as a whole, its snapshot included.
        self._shared: MirrorView | None = None
        self._shared_stamp = -1

    def stamp(self) -> int:
        """Changes with every commit, change of state and failure to read; negative during a commit."""
        number = self._pulse.stamp()
        if number & 1:
            return -1
        # Between two stamps of the pulse time alone changes the state, from live to stale and back.
        now = clock_gettime(CLOCK_BOOTTIME)
        return self._failures + (number << 1 | (self._pulse.state(now, self._stale_after) is _LIVE))

    def holds(self, stamp: int) -> bool:
        """Whether the last answer may be repeated as long as this is the stamp, which was read before."""
        return self._shared_stamp == stamp or self.stamp() == stamp

    def rest(self) -> None:
        """Ends the transaction that lookups share: one that lives long keeps the store from using room again."""
        if self._shared is not None:
            self._shared.close()
            self._shared = None
            self._shared_stamp = -1

    def view(self) -> MirrorView:
        """A view of now; use it as a context manager."""
        self.rest()
        state = self._pulse.state(clock_gettime(CLOCK_BOOTTIME), self._stale_after)
        if self._pulse.topology() != self._topology_number and not self._read_topology():
            state = State.EMPTY
        # What was not stored must not be denied, whatever the operator says of a silent directory.
        rules = self._deferring if self._pulse.unwritable() else self._rules
        return MirrorView(self._mirror, state, self._topology, rules)

    def _read_topology(self) -> bool:
        """`read_topology`; returns whether it could."""
        try:
            self.read_topology()
        except StoreError as error:
            self._failures += _ONE_FAILURE
            self._trouble = str(error)
            return False
        self._trouble = ""
        return True

    def read_topology(self) -> None:
        """Takes the domains of the newest commit; raises `StoreError`, and the last good ones stay."""
        with self._mirror.snapshot() as snapshot:
            meta = snapshot.meta()
            public, former_sites = snapshot.domains(), snapshot.former_sites()
            if not meta.complete:
                # What was known stays known until there is something to say otherwise.
                public += self._topology.public
                former_sites += self._topology.sites
            self._topology = topology(
                self._rules,
                sites=snapshot.sites(),
                route_domains=[*snapshot.route_domains(), *snapshot.former_domains()],
                directory_domains=public,
                here=meta.here,
                unplaced=meta.unplaced,
                former_sites=former_sites,
            )
            self._direct = Direct(self._topology)
            self._servers = frozenset(meta.servers)
            self._unresolved = meta.unresolved
            self._topology_number = meta.topology

    def answer(self, map_name: bytes, key: bytes, stamp: int = -1) -> Answer:
        """The answer to one request that came after `stamp` was read; any bytes have one."""
        view = self._shared
        if view is not None and self._shared_stamp == stamp:
            return self._answer(view, map_name, key)
        view = self.view()
        try:
            answer = self._answer(view, map_name, key)
            if stamp >= 0 and view.opened and self.stamp() == stamp:
                self._shared, self._shared_stamp = view, stamp
            return answer
        finally:
            if view is not self._shared:
                view.close()

    def _answer(self, view: MirrorView, map_name: bytes, key: bytes) -> Answer:
        try:
            if view.state is not _EMPTY:
                answer = self._direct.answer(map_name, key, view.snapshot)
                if answer is not None:
                    return answer
            function = _FUNCTIONS.get(map_name)
            if function is None:
                return maps.unknown(map_name.decode("ascii", "backslashreplace"))
            text = decode_key(key)
            answer = NOT_FOUND if text is None else function(view, text)
            if self._trouble and view.state is _EMPTY and isinstance(answer, TempFail):
                return TempFail(f"mirror unreadable: {self._trouble}")
            return answer
        except StoreError as error:
            self._failures += _ONE_FAILURE
            self.rest()
            return NOT_FOUND if map_name == _NEVER_FAILS else TempFail(f"mirror unreadable: {error}")

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
