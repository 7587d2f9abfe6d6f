"""Which domains there are, and whose."""

import pytest

from colocroute.model import SiteEntry, State
from colocroute.routing.topology import PROBLEM_LIMIT, classify, empty_topology, topology
from colocroute.routing.view import Rules, Site, Topology
from tests.routing.worlds import UnreadableView, company, rules

RULES = Rules(domains=("test.tux",))


def made(
    *sites: SiteEntry,
    route_domains: tuple[str, ...] = (),
    directory_domains: tuple[str, ...] = (),
    here: tuple[str, ...] = (),
) -> Topology:
    return topology(
        RULES, sites=sites, route_domains=route_domains, directory_domains=directory_domains, here=here
    )


def test_the_company() -> None:
    known = company().topology
    assert known.public == {"test.tux", "xn--bcher-kva.test", "second.test"}
    assert {domain: site.nexthop for domain, site in known.sites.items()} == {
        "berlin.test.tux": "",
        "central.test.tux": "smtp:[10.1.0.1]",
        "external.test.tux": "smtp:[10.2.0.1]",
        "lima.test.tux": "",
        "oslo.test.tux": "",
        "paris.test.tux": "smtp:[mail.paris.test.tux]:2525",
        "rome.test.tux": "",
    }
    assert [site.domain for site in known.sites.values() if site.here] == ["central.test.tux"]
    assert known.sites["lima.test.tux"].problem == "no transport entry"
    assert known.sites["berlin.test.tux"].problem == "no nexthop"
    assert "'smtp:a:b:c'" in known.sites["rome.test.tux"].problem
    assert known.sites["oslo.test.tux"].problem == (
        "transport entries disagree: smtp:[10.5.0.1] or smtp:[10.5.0.2]"
    )


def test_site_wins_over_a_domain_entry() -> None:
    known = made(
        SiteEntry(("west.test.tux",), ("[10.2.0.1]",)),
        route_domains=("east.test.tux",),
        directory_domains=("west.test.tux", "east.test.tux", "second.test"),
    )
    assert known.public == {"test.tux", "second.test"}
    assert list(known.sites) == ["east.test.tux", "west.test.tux"]


def test_a_route_into_a_configured_domain_does_not_take_it_away() -> None:
    known = made(route_domains=("test.tux", "west.test.tux"))
    assert known.public == {"test.tux"}
    assert list(known.sites) == ["west.test.tux"]


def test_the_public_domains_cannot_be_changed() -> None:
    assert isinstance(made(SiteEntry(("west.test.tux",), ("[10.2.0.1]",))).public, frozenset)


def test_a_transport_entry_alone_does_not_either() -> None:
    known = made(SiteEntry(("Test.Tux",), ("[10.2.0.1]",)))
    assert known.public == {"test.tux"}
    assert not known.sites


def test_a_transport_entry_and_a_route_do() -> None:
    known = made(SiteEntry(("Test.Tux",), ("[10.2.0.1]",)), route_domains=("test.tux",))
    assert known.public == set()
    assert known.sites == {"test.tux": Site("test.tux", "smtp:[10.2.0.1]", "", here=False)}


def test_entries_that_agree_are_one() -> None:
    known = made(
        SiteEntry(("west.test.tux",), ("[10.2.0.1]",)), SiteEntry(("West.Test.Tux",), ("smtp:[10.2.0.1]",))
    )
    assert known.sites["west.test.tux"] == Site("west.test.tux", "smtp:[10.2.0.1]", "", here=False)


@pytest.mark.parametrize(
    "nexthops", [("smtp:[10.2.0.2]",), ("smtp:a:b:c",), (), ("smtp:[10.2.0.1]", "smtp:[10.2.0.2]")]
)
def test_entries_that_disagree_are_unusable(nexthops: tuple[str, ...]) -> None:
    site = made(SiteEntry(("w.test",), ("smtp:[10.2.0.1]",)), SiteEntry(("w.test",), nexthops)).sites[
        "w.test"
    ]
    assert site.nexthop == ""
    assert "smtp:[10.2.0.1]" in site.problem


def test_one_entry_may_serve_several_domains() -> None:
    known = made(SiteEntry(("w.test", "e.test"), ("[10.2.0.1]",)), here=("E.Test",))
    assert [(site.domain, site.nexthop, site.here) for site in known.sites.values()] == [
        ("e.test", "smtp:[10.2.0.1]", True),
        ("w.test", "smtp:[10.2.0.1]", False),
    ]


def test_what_is_no_domain_is_ignored() -> None:
    known = made(
        SiteEntry(("bad domain", "@", ""), ("[10.2.0.1]",)),
        route_domains=("a b",),
        directory_domains=("[1.2.3.4]", "x..y"),
    )
    assert known == empty_topology(RULES) == Topology(frozenset({"test.tux"}), {})


def test_a_problem_is_short() -> None:
    nexthops = tuple(f"smtp:[10.2.{number}.1]" for number in range(250))
    assert len(made(SiteEntry(("w.test",), nexthops)).sites["w.test"].problem) == PROBLEM_LIMIT


@pytest.mark.parametrize("state", [State.LIVE, State.STALE, State.HELD])
def test_classify(state: State) -> None:
    view = company(state)
    assert classify(view, "test.tux") == "public"
    assert classify(view, "second.test") == "public"
    assert classify(view, "external.test.tux") == "site"
    assert classify(view, "lima.test.tux") == "site"
    assert classify(view, "nowhere.test.tux") == "foreign"
    assert classify(view, "example.com") == "foreign"


def test_classify_while_empty() -> None:
    view = UnreadableView(State.EMPTY)
    assert classify(view, "test.tux") == "public"
    assert classify(view, "xn--bcher-kva.test") == "public"
    assert classify(view, "external.test.tux") == "site"
    assert classify(view, "a.b.c.test.tux") == "site"
    assert classify(view, "x.xn--bcher-kva.test") == "site"
    assert classify(view, "second.test") == "foreign"
    assert classify(view, "nottest.tux") == "foreign"
    assert classify(view, "tux") == "foreign"


def test_the_rules_decide_about_transports() -> None:
    known = topology(
        rules(transports=("lmtp",)),
        sites=[SiteEntry(("w.test",), ("smtp:[10.2.0.1]",))],
        route_domains=(),
        directory_domains=(),
        here=(),
    )
    assert known.sites["w.test"].problem


def test_a_route_alone_makes_no_site_of_somebody_elses_domain() -> None:
    found = topology(RULES, sites=(), route_domains=["gmail.example"], directory_domains=(), here=())
    assert "gmail.example" not in found.sites
    with_transport = SiteEntry(("gmail.example",), ("smtp:[10.9.0.1]",))
    found = topology(
        RULES, sites=[with_transport], route_domains=["gmail.example"], directory_domains=(), here=()
    )
    assert "gmail.example" in found.sites


def test_a_route_below_a_domain_of_the_directory_makes_a_site() -> None:
    found = topology(
        RULES, sites=(), route_domains=["a.second.test"], directory_domains=["second.test"], here=()
    )
    assert "a.second.test" in found.sites


def test_a_site_that_may_be_here_is_sent_nothing() -> None:
    entry = SiteEntry(("a.test.tux",), ("smtp:[mx.a.test.tux]",))
    known = topology(
        RULES,
        sites=[entry],
        route_domains=(),
        directory_domains=(),
        here=(),
        unplaced=("a.test.tux", "b.test.tux"),
    )
    assert list(known.sites) == ["a.test.tux"]
    assert (known.sites["a.test.tux"].nexthop, known.sites["a.test.tux"].here) == ("", False)
    assert "not been resolved yet" in known.sites["a.test.tux"].problem


def test_a_site_whose_transport_is_gone_stays_one_and_its_mail_waits() -> None:
    known = topology(
        RULES,
        sites=[SiteEntry(("a.internal",), ("[10.2.0.1]",))],
        route_domains=["west.test.tux", "mail.internal"],
        directory_domains=["mail.internal"],
        here=("mail.internal",),
        former_sites=("a.internal", "Mail.Internal", "west.test.tux", "bad domain"),
    )
    gone = "its transport entry is gone"
    assert known.sites == {
        "a.internal": Site("a.internal", "smtp:[10.2.0.1]", "", here=False),
        "mail.internal": Site("mail.internal", "", gone, here=True),
        "west.test.tux": Site("west.test.tux", "", gone, here=False),
    }
    assert known.public == {"test.tux"}


def test_a_configured_domain_is_public_again_without_its_transport() -> None:
    known = topology(
        RULES,
        sites=(),
        route_domains=["test.tux"],
        directory_domains=(),
        here=(),
        former_sites=["test.tux"],
    )
    assert known == Topology(frozenset({"test.tux"}), {})
