"""Which sites are here, with a DNS server on the loopback and invented interfaces."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from colocroute.daemon.here import FORMER_SECONDS, HereFinder, own_addresses
from colocroute.daemon.names import HostNames
from colocroute.replicate.whereabouts import Whereabouts
from colocroute.routing.view import Site, Topology
from tests.lab.dns import DnsServer

CENTRAL, EXTERNAL = "central.test.tux", "external.test.tux"
NUMBERED = {CENTRAL: "smtp:[10.1.0.1]", EXTERNAL: "smtp:[10.2.0.1]"}
NAMED = {CENTRAL: "smtp:[mx.central.test.tux]", EXTERNAL: "smtp:[mx.external.test.tux]"}


class World:
    """This machine and its DNS; `now` is the clock."""

    def __init__(self, server: DnsServer, directory: Path) -> None:
        self.server = server
        self.own: set[str] | None = {"127.0.0.1", "10.1.0.1"}
        self.now = 0.0
        self.names = HostNames(directory / "hosts", server.resolver, lambda: self.now)
        server.records = {
            ("mx.central.test.tux", "A"): ["10.1.0.1"],
            ("mx.external.test.tux", "A"): ["10.2.0.1"],
        }

    def addresses(self) -> set[str]:
        if self.own is None:
            raise OSError("no netlink")
        return self.own

    def finder(self, *proxies: str, before: Whereabouts = Whereabouts()) -> HereFinder:  # noqa: B008 - immutable
        return HereFinder(
            proxies, before=before, names=self.names, own=self.addresses, clock=lambda: self.now
        )

    def tick(self) -> float:
        """A clock that goes on by itself."""
        self.now += 0.1
        return self.now

    def later(self, seconds: float = 1000.0) -> None:
        self.now += seconds


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with DnsServer() as server:
        yield World(server, tmp_path)


def sites(nexthops: dict[str, str]) -> Topology:
    return Topology(
        public=frozenset({"test.tux"}),
        sites={
            domain: Site(domain, nexthop=nexthop, problem="", here=False)
            for domain, nexthop in nexthops.items()
        },
    )


@pytest.mark.parametrize("nexthops", [NUMBERED, NAMED])
def test_the_site_with_our_address_is_here(world: World, nexthops: dict[str, str]) -> None:
    found = world.finder().find(sites(nexthops))
    assert found == Whereabouts(here=(CENTRAL,), servers=("10.1.0.1", "10.2.0.1"))


def test_nobody_is_here(world: World) -> None:
    world.own = {"127.0.0.1", "10.3.0.1"}
    assert world.finder().find(sites(NAMED)).here == ()


def test_the_operator_overrides(world: World) -> None:
    found = world.finder().find(sites(NAMED), (EXTERNAL,))
    assert found == Whereabouts(here=(EXTERNAL,), servers=("10.1.0.1", "10.2.0.1"))
    assert world.finder().find(sites(NAMED), ()).here == ()


def test_an_address_in_front_of_us_is_ours(world: World) -> None:
    assert world.finder("10.2.0.1").find(sites(NAMED)).here == (CENTRAL, EXTERNAL)


def test_a_changed_address_of_this_machine_is_seen(world: World) -> None:
    finder = world.finder()
    finder.find(sites(NUMBERED))
    world.own = {"10.2.0.1"}
    assert finder.find(sites(NUMBERED)).here == (EXTERNAL,)


def test_unreadable_interfaces_change_nothing(world: World) -> None:
    finder = world.finder()
    finder.find(sites(NUMBERED))
    world.own = None
    assert finder.find(sites(NUMBERED)).here == (CENTRAL,)


@pytest.mark.parametrize("failure", ["SERVFAIL", "NXDOMAIN"])
def test_a_dead_dns_flips_nothing(world: World, failure: str) -> None:
    finder = world.finder()
    before = finder.find(sites(NAMED))
    world.server.failure = failure
    world.later()
    assert finder.find(sites(NAMED)) == before


def test_a_dead_dns_after_a_restart_keeps_what_was_found_before(world: World) -> None:
    before = world.finder().find(sites(NAMED))
    world.server.failure = "SERVFAIL"
    world.later()
    fresh_names = HostNames(Path("/nonexistent"), world.server.resolver, lambda: world.now)
    finder = HereFinder(before=before, names=fresh_names, own=world.addresses, clock=lambda: world.now)
    unsure = msgspec.structs.replace(before, unresolved=True, unplaced=(EXTERNAL,))
    assert finder.find(sites(NAMED)) == unsure
    world.server.failure = None
    world.server.records["mx.central.test.tux", "A"] = ["10.9.0.1"]
    world.later(FORMER_SECONDS)
    assert finder.find(sites(NAMED)) == Whereabouts(here=(), servers=("10.2.0.1", "10.9.0.1"))


def test_a_dead_dns_from_the_start_says_nobody(world: World) -> None:
    world.server.failure = "SERVFAIL"
    unsure = Whereabouts(unresolved=True, unplaced=(CENTRAL, EXTERNAL))
    assert world.finder().find(sites(NAMED)) == unsure


def test_a_dead_dns_does_not_touch_numbered_sites(world: World) -> None:
    finder = world.finder()
    mixed = sites({CENTRAL: NAMED[CENTRAL], EXTERNAL: NUMBERED[EXTERNAL]})
    finder.find(mixed)
    world.server.failure = "SERVFAIL"
    world.own = {"10.2.0.1"}
    world.later()
    assert finder.find(mixed).here == (EXTERNAL,)


def test_a_site_that_got_another_server_is_no_longer_here_even_with_a_dead_dns(world: World) -> None:
    finder = world.finder()
    finder.find(sites(NAMED))
    world.server.failure = "SERVFAIL"
    moved = sites({**NAMED, CENTRAL: "smtp:[mx2.central.test.tux]"})
    assert finder.find(moved).here == ()


def test_a_name_that_leads_elsewhere_now_is_no_longer_here(world: World) -> None:
    finder = world.finder()
    finder.find(sites(NAMED))
    world.server.records["mx.central.test.tux", "A"] = ["10.4.0.1"]
    world.later()
    assert finder.find(sites(NAMED)) == Whereabouts(here=(), servers=("10.1.0.1", "10.2.0.1", "10.4.0.1"))


def test_a_former_address_of_a_server_is_its_own_for_a_day(world: World) -> None:
    finder = world.finder()
    finder.find(sites(NUMBERED))
    moved = sites({**NUMBERED, EXTERNAL: "smtp:[10.2.0.2]"})
    assert finder.find(moved).servers == ("10.1.0.1", "10.2.0.1", "10.2.0.2")
    world.later(FORMER_SECONDS - 1)
    assert "10.2.0.1" in finder.find(moved).servers
    world.later(1)
    assert finder.find(moved).servers == ("10.1.0.1", "10.2.0.2")


def test_many_silent_names_take_one_deadline(world: World) -> None:
    """Time passes while the server is silent; what is not reached is asked at the next look."""
    world.server.failure = "SERVFAIL"
    many = sites({f"s{i}.test.tux": f"smtp:[mx{i}.test.tux]" for i in range(20)})
    slow_names = HostNames(Path("/nonexistent"), world.server.resolver, world.tick)
    finder = HereFinder(names=slow_names, own=world.addresses, clock=lambda: world.now)
    finder.find(many)
    first = world.server.queries.total()
    assert 0 < first < 40, "two questions for each name, had there been time"
    finder.find(many)
    assert world.server.queries.total() > first


def test_this_machine_has_a_loopback() -> None:
    assert "127.0.0.1" in own_addresses()
