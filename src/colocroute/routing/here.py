"""Which site domains this very server is responsible for, and which machines are the sites' servers.

Owns the comparison of nexthops with addresses, once somebody else has found the addresses.  Must not resolve
names or ask for this machine's addresses itself.

Where a nexthop lists several destinations, the first decides: a machine that is only a later one is a
fallback and has no mailboxes of that site.  All of them are the site's servers.
"""

import ipaddress
from collections.abc import Collection, Mapping

import msgspec

from colocroute.routing.nexthop import FREE_TEXT, Destination, Nexthop, Unusable, parse
from colocroute.routing.view import Site


class Host(msgspec.Struct, frozen=True):
    """A name to be resolved; with `mx`, to the addresses of its most preferred MX hosts if it has any."""

    name: str
    mx: bool


Resolved = Mapping[Host, Collection[str]]


def hosts_to_resolve(sites: Mapping[str, Site]) -> frozenset[Host]:
    """The host names among all nexthops whose addresses `here` and `server_addresses` want to be told."""
    found = {
        _host(nexthop, destination)
        for nexthop, destinations in map(_destinations, sites.values())
        for destination in destinations
        if not normal_address(destination.host)
    }
    return frozenset(host for host in found if not _is_loopback_name(host.name))


def here(sites: Mapping[str, Site], own: Collection[str], resolved: Resolved) -> tuple[str, ...]:
    """The site domains whose nexthop leads to this machine, sorted.

    `own` are the addresses of this machine and of proxies in front of it.  A name missing in `resolved` is
    nobody's.
    """
    ours = frozenset(filter(None, map(normal_address, own)))
    return tuple(sorted(domain for domain, site in sites.items() if _leads_here(site, ours, resolved)))


def server_addresses(sites: Mapping[str, Site], resolved: Resolved) -> frozenset[str]:
    """The addresses of all sites' servers, in the spelling of `normal_address`."""
    return frozenset(
        address
        for nexthop, destinations in map(_destinations, sites.values())
        for destination in destinations
        for address in _addresses(nexthop, destination, resolved)
    )


def normal_address(text: str) -> str:
    """The one spelling of an IP address, IPv4-mapped IPv6 as IPv4, scope dropped; empty if it is none."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def is_loopback(address: str) -> bool:
    """Whether an address in the spelling of `normal_address` is this machine's own by definition."""
    return address == "::1" or address.startswith("127.")


def _leads_here(site: Site, ours: frozenset[str], resolved: Resolved) -> bool:
    nexthop, destinations = _destinations(site)
    if nexthop is None:
        return False
    if nexthop.delivers_here or not destinations:
        return nexthop.delivers_here
    first = destinations[0]
    if _is_loopback_name(first.host):
        return True
    return any(address in ours or is_loopback(address) for address in _addresses(nexthop, first, resolved))


def _destinations(site: Site) -> tuple[Nexthop | None, tuple[Destination, ...]]:
    """A site's nexthop taken apart; one without a destination leads to the site domain itself."""
    if not site.nexthop:
        return None, ()
    nexthop = parse(site.nexthop, (site.nexthop.partition(":")[0],))
    if isinstance(nexthop, Unusable):
        return None, ()
    if nexthop.destinations or nexthop.delivers_here or nexthop.transport in FREE_TEXT:
        return nexthop, nexthop.destinations
    return nexthop, (Destination(site.domain, "", bracketed=False),)


def _host(nexthop: Nexthop | None, destination: Destination) -> Host:
    looks_up_mx = nexthop is not None and nexthop.transport != "lmtp" and not destination.bracketed
    return Host(destination.host, mx=looks_up_mx)


def _addresses(nexthop: Nexthop | None, destination: Destination, resolved: Resolved) -> frozenset[str]:
    literal = normal_address(destination.host)
    if literal:
        return frozenset({literal})
    found = resolved.get(_host(nexthop, destination), ())
    return frozenset(filter(None, map(normal_address, found)))


def _is_loopback_name(name: str) -> bool:
    """RFC 6761 section 6.3."""
    return name == "localhost" or name.endswith(".localhost")
