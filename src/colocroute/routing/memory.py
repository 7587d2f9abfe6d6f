"""A view held in memory, made from records.

Owns the reference for what a view must answer; serves comparisons with the live directory and tests.  Must
not know the store.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from colocroute.model import Record, State, User
from colocroute.routing.address import fold
from colocroute.routing.records import keys
from colocroute.routing.topology import empty_topology, topology
from colocroute.routing.view import Rules, Topology


class MemoryView:
    """A `View` of `records`; `former` names the DNs of those who had a route address in the past.

    Limit: records say nothing of the past, so a domain whose transport entry is gone is no site's here, unless
    it lies below a public domain.
    """

    def __init__(
        self,
        records: Iterable[Record] = (),
        *,
        rules: Rules,
        here: Collection[str] = (),
        unplaced: Collection[str] = (),
        state: State = State.LIVE,
        former: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.rules = rules
        self.state = state
        held = () if state is State.EMPTY else tuple(records)
        self._owners: dict[str, list[User]] = defaultdict(list)
        self._residents: dict[str, list[User]] = defaultdict(list)
        self._logins: dict[str, list[User]] = defaultdict(list)
        route_domains: set[str] = set()
        for record in held:
            route_domains.update(self._index(record))
        self.topology: Topology = empty_topology(rules)
        if state is not State.EMPTY:
            self.topology = topology(
                rules,
                sites=[record.site for record in held if record.site],
                route_domains=route_domains,
                directory_domains=[domain for record in held for domain in record.domains],
                here=here,
                unplaced=unplaced,
            )
        by_dn = {record.dn: record.user for record in held if record.user and record.user.enabled}
        self._former = {
            fold(route): [by_dn[dn] for dn in dns if dn in by_dn] for route, dns in (former or {}).items()
        }

    def _index(self, record: Record) -> Sequence[str]:
        found = keys(record)
        if record.user is not None:
            for index, folded in (
                (self._owners, found.addresses),
                (self._residents, found.routes),
                (self._logins, found.logins),
            ):
                for key in folded:
                    index[key].append(record.user)
        return found.route_domains

    def owners(self, address: str) -> Sequence[User]:
        """The users that have this address value, whatever its domain."""
        return self._owners.get(address, ())

    def residents(self, route: str) -> Sequence[User]:
        """The users whose current route address this is."""
        return self._residents.get(route, ())

    def former_residents(self, route: str) -> Sequence[User]:
        """The users whose route address this was."""
        return self._former.get(route, ())

    def users_by_login(self, login: str) -> Sequence[User]:
        """The users with this login."""
        return self._logins.get(login, ())
