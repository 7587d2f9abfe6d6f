"""The maps whose answer depends on a domain: the four address classes, and the transport.

Owns one function per map, `(view, key) -> answer`, each a line of the table in DESIGN.md section 5.  A domain
that is known to be of another class is denied in every state but `empty`: what is known is not absent.  Must
not know the wire, sockets, clocks or where the view comes from.
"""

from colocroute.model import NOT_FOUND, Answer, Found, State, TempFail
from colocroute.routing.address import domain_of, fold_domain
from colocroute.routing.resolve import How, absent, question, resolve_or_catch_all, route_of, shown
from colocroute.routing.topology import classify
from colocroute.routing.view import View


def virtual_alias_domains(view: View, key: str) -> Answer:
    """Public domain: the domain.  Configured ones are known in every state."""
    domain = fold_domain(key)
    if domain is not None and domain in view.topology.public:
        return Found(domain)
    return _not_of_this_class(view, domain)


def here_domains(view: View, key: str) -> Answer:
    """Site domain that is here: the domain."""
    return _site_domain(view, key, here=True)


def relay_domains(view: View, key: str) -> Answer:
    """Site domain that is elsewhere: the domain, with a usable nexthop or not (its mail must wait)."""
    return _site_domain(view, key, here=False)


def transport(view: View, key: str) -> Answer:
    """Address in a site domain, existing or not, or the bare site domain: the way to that site.

    A former route address goes where the current one goes, a public address to the site of its owner.
    """
    asked = question(view, key)
    if asked is None:
        return _transport_of_domain(view, key)
    if view.state is State.EMPTY:
        return absent(view, asked.key)
    match = resolve_or_catch_all(view, asked)
    if asked.domain_class == "site" and (match is None or match.how is How.ROUTE):
        return _way_to(view, asked.domain)
    if match is None:
        return absent(view, asked.key)
    route = route_of(view, match)
    return route if isinstance(route, TempFail) else _way_to(view, domain_of(route))


def _transport_of_domain(view: View, key: str) -> Answer:
    domain = fold_domain(key)
    if domain is not None and view.state is not State.EMPTY and domain in view.topology.sites:
        return _way_to(view, domain)
    return _not_of_this_class(view, domain)


def _way_to(view: View, domain: str) -> Answer:
    site, rules = view.topology.sites[domain], view.rules
    if site.here:
        return Found(rules.local_transport) if rules.local_transport else NOT_FOUND
    if site.nexthop:
        return Found(site.nexthop)
    return NOT_FOUND if rules.dns_fallback else TempFail(f"site {shown(domain)}: {site.problem}")


def _site_domain(view: View, key: str, *, here: bool) -> Answer:
    domain = fold_domain(key)
    site = None if domain is None or view.state is State.EMPTY else view.topology.sites.get(domain)
    if site is not None and site.here is here:
        return Found(site.domain)
    return _not_of_this_class(view, domain)


def _not_of_this_class(view: View, domain: str | None) -> Answer:
    """A foreign domain or one known to be of another class; while the mirror is empty, nothing of ours is."""
    if domain is None or view.state is not State.EMPTY or classify(view, domain) == "foreign":
        return NOT_FOUND
    return absent(view, domain)
