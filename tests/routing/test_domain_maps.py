"""What the vectors do not reach: the transport of odd sites, and site against public."""

import pytest

from colocroute.model import NOT_FOUND, Found, State, TempFail
from colocroute.routing.maps import answer
from colocroute.routing.memory import MemoryView
from tests.routing.worlds import SITES, company, person, rules, site, value, world


def test_a_site_that_is_here_needs_no_usable_nexthop() -> None:
    view = MemoryView(
        [site("w.test", "smtp:a:b:c")], rules=rules(local_transport="lmtp:unix:x"), here=("w.test",)
    )
    assert value(view, "transport", "x@w.test") == "lmtp:unix:x"
    assert value(view, "mydestination", "w.test") == "w.test"
    assert answer(view, "relay_domains", "w.test") == NOT_FOUND


def test_one_bad_value_stops_one_site() -> None:
    view = world(site("bad.test", "smtp:bogus:host:9"))
    said = answer(view, "transport", "x@bad.test")
    assert isinstance(said, TempFail)
    assert said.reason.startswith("site <bad.test>: nexthop 'smtp:bogus:host:9': ")
    assert value(view, "transport", "x@west.test.tux") == "smtp:[10.2.0.1]"


def test_a_public_domain_with_a_transport_entry_and_routes_is_a_site() -> None:
    view = world(
        site("test.tux", "[10.9.0.1]"),
        person("a", ["a@test.tux"], ["b@west.test.tux"]),
        person("c", [], ["c@test.tux"]),
    )
    assert answer(view, "virtual_alias_domains", "test.tux") == NOT_FOUND
    assert value(view, "relay_domains", "test.tux") == "test.tux"
    assert answer(view, "virtual_alias", "a@test.tux") == NOT_FOUND
    assert value(view, "transport", "a@test.tux") == "smtp:[10.9.0.1]"


def test_a_mistyped_route_does_not_take_the_main_domain_away() -> None:
    view = world(
        person("a", ["a@test.tux"], ["a@test.tux"]), person("b", ["b@test.tux"], ["b@west.test.tux"])
    )
    assert value(view, "virtual_alias_domains", "test.tux") == "test.tux"
    assert value(view, "virtual_alias", "b@test.tux") == "b@west.test.tux"
    for map_name in ("virtual_alias", "transport", "recipient"):
        assert isinstance(answer(view, map_name, "a@test.tux"), TempFail)


@pytest.mark.parametrize("state", [State.STALE, State.HELD])
def test_routing_between_sites_goes_on_when_the_directory_is_silent(state: State) -> None:
    view = company(state)
    assert value(view, "transport", "anyone@external.test.tux") == "smtp:[10.2.0.1]"
    assert answer(view, "transport", "anyone@central.test.tux") == NOT_FOUND
    assert value(view, "relay_domains", "external.test.tux") == "external.test.tux"
    assert answer(view, "transport", "x@new.test.tux") == NOT_FOUND


def test_the_dns_may_be_the_fallback() -> None:
    view = MemoryView([*SITES, site("b.test")], rules=rules(dns_fallback=True))
    assert answer(view, "transport", "x@b.test") == NOT_FOUND
    assert answer(view, "relay_domains", "b.test") == Found("b.test")
    assert isinstance(answer(world(site("b.test")), "transport", "x@b.test"), TempFail)
