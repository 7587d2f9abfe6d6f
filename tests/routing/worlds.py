"""Views for the tests of routing, and their questions."""

from collections.abc import Mapping, Sequence

import msgspec

from colocroute.model import Entry, Found, Record, SiteEntry, State, User, UserEntry
from colocroute.routing.maps import answer
from colocroute.routing.memory import MemoryView
from colocroute.routing.records import record
from colocroute.routing.topology import empty_topology
from colocroute.routing.view import Rules, View
from tests.vectors import HERE, RULES, company_records


def company(
    state: State = State.LIVE, rules: Rules = RULES, former: Mapping[str, Sequence[str]] | None = None
) -> MemoryView:
    """The company of the vectors."""
    return MemoryView(company_records(), rules=rules, here=HERE, state=state, former=former)


def rules(**changes: object) -> Rules:
    """The company's rules with changes."""
    return msgspec.structs.replace(RULES, **changes)


def person(
    name: str, addresses: Sequence[str], routes: Sequence[str], logins: Sequence[str] = (), server: str = ""
) -> Record:
    """The record of a user; its DN is `name`."""
    user = UserEntry(tuple(addresses), tuple(routes), tuple(logins), server)
    return record(Entry(name.encode(), name, user))


def site(domain: str, *nexthops: str) -> Record:
    """The record of a transport entry."""
    return record(Entry(domain.encode(), domain, site=SiteEntry((domain,), nexthops)))


SITES = (site("east.test.tux", "smtp:[10.1.0.1]"), site("west.test.tux", "smtp:[10.2.0.1]"))


def world(*records: Record, state: State = State.LIVE, **changes: object) -> MemoryView:
    """`records` and two sites, of which `east.test.tux` is here."""
    return MemoryView((*SITES, *records), rules=rules(**changes), here=("east.test.tux",), state=state)


def value(view: View, map_name: str, key: str) -> str:
    """The value that is found."""
    given = answer(view, map_name, key)
    assert isinstance(given, Found), given
    return given.value


class UnreadableView:
    """Knows its state, rules and topology, and raises when asked for users."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.rules = RULES
        self.topology = empty_topology(RULES) if state is State.EMPTY else company().topology

    def _raise(self, key: str) -> Sequence[User]:
        raise AssertionError(f"the mirror was touched for {key!r}")

    owners = residents = former_residents = users_by_login = _raise
