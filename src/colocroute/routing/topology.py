"""Which domains there are, and whose they are: public, a site's, or none of ours.

Owns the meaning of "site domain" and "public domain" and the judgement of each site's nexthop.  Its rule: one
bad value in the directory must never stop all mail.  Must not know users beyond the domains of their routes.

A site domain is one that has a transport entry, or that a user's route points into and that lies below a public
domain; site wins over public.  A route alone makes no other domain a site's: one that is mistyped must not take
the company's main domain away from everybody, nor make all mail to somebody else's domain wait.  Nor does a
transport entry alone make a site of a domain that the operator named as public.  A domain that had a transport
entry stays a site's as long as current routes point into it: its mail waits for another one.
"""

from collections.abc import Collection, Iterable
from typing import Literal

from colocroute.model import SiteEntry, State
from colocroute.routing.address import fold_domain
from colocroute.routing.nexthop import Nexthop, Unusable, choose
from colocroute.routing.view import Rules, Site, Topology, View

PROBLEM_LIMIT = 1_000
"""Characters of what is wrong with a site: a directory may hold any number of bad values."""

DomainClass = Literal["public", "site", "foreign"]


def topology(
    rules: Rules,
    *,
    sites: Iterable[SiteEntry],
    route_domains: Iterable[str],
    directory_domains: Iterable[str],
    here: Collection[str],
    unplaced: Collection[str] = (),
    former_sites: Iterable[str] = (),
) -> Topology:
    """Puts the transport entries, the domains of routes and the domain entries together.

    `former_sites` are domains that had a transport entry, into which current routes still point.
    `here` names the site domains that this server is responsible for, `unplaced` those of which it is not known:
    their mail waits, for it must never be sent to oneself.  What is no domain name is ignored.

    A configured domain with a transport entry is a site's only if a route points into it: an entry made for the
    company's main domain must not take it away from everybody.
    """
    configured = _folded(rules.domains)
    declared = configured | _folded(directory_domains)
    routed = _folded(route_domains)
    outcomes: dict[str, list[Nexthop | Unusable]] = {
        domain: [] for domain in routed if domain not in configured and _is_below(domain, declared)
    }
    for entry in sites:
        outcome = choose(entry.nexthops, rules.transports)
        for domain in _folded(entry.domains):
            if domain not in configured or domain in routed:
                outcomes.setdefault(domain, []).append(outcome)
    for domain in _folded(former_sites) - configured:
        if not outcomes.get(domain):
            outcomes[domain] = [Unusable("its transport entry is gone")]
    for domain in _folded(unplaced) & outcomes.keys():
        outcomes[domain] = [Unusable("the name of its server has not been resolved yet")]
    ours = _folded(here)
    return Topology(
        public=declared.difference(outcomes),
        sites={domain: _site(domain, outcomes[domain], here=domain in ours) for domain in sorted(outcomes)},
    )


def empty_topology(rules: Rules) -> Topology:
    """What is known before the first refresh: the configured public domains."""
    return topology(rules, sites=(), route_domains=(), directory_domains=(), here=())


def classify(view: View, domain: str) -> DomainClass:
    """Whose a domain (a lower-case A-label) is.

    While the mirror is empty, sites are not known yet: every sub-domain of a public domain counts as one.
    """
    known = view.topology
    if domain in known.sites:
        return "site"
    if domain in known.public:
        return "public"
    if view.state is State.EMPTY and _is_below(domain, known.public):
        return "site"
    return "foreign"


def _is_below(domain: str, parents: Collection[str]) -> bool:
    while domain:
        domain = domain.partition(".")[2]
        if domain in parents:
            return True
    return False


def _site(domain: str, outcomes: list[Nexthop | Unusable], *, here: bool) -> Site:
    """One site from the outcomes of all its transport entries, which must agree."""
    nexthops = sorted({outcome.text for outcome in outcomes if isinstance(outcome, Nexthop)})
    reasons = sorted({outcome.reason for outcome in outcomes if isinstance(outcome, Unusable)})
    if len(nexthops) == 1 and not reasons:
        return Site(domain, nexthop=nexthops[0], problem="", here=here)
    if not outcomes:
        return Site(domain, nexthop="", problem="no transport entry", here=here)
    if nexthops:
        reasons.insert(0, "transport entries disagree: " + " or ".join(nexthops))
    return Site(domain, nexthop="", problem="; ".join(reasons)[:PROBLEM_LIMIT], here=here)


def _folded(domains: Iterable[str]) -> frozenset[str]:
    return frozenset(filter(None, map(fold_domain, domains)))
