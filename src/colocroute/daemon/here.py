"""Finding out which sites are here: this machine's addresses and those of the sites' servers, at the moment.

Owns the asking (interfaces, hosts file, DNS) and the memory between two askings.  Its rule: what cannot be
found out now stays as it was.  What the addresses mean is `routing.here`'s.  For one thread at a time.
"""

import logging
import time
from collections.abc import Callable, Collection
from typing import Literal

import ifaddr

from colocroute.daemon.names import HostNames
from colocroute.replicate.whereabouts import Whereabouts
from colocroute.routing.here import Host, here, hosts_to_resolve, server_addresses
from colocroute.routing.view import Site, Topology

log = logging.getLogger(__name__)

FIND_SECONDS = 5.0  # for all names of one `find` together; those not reached have their turn at the next

# A server that gets another address goes on sending from the former one until that is taken from it, and what it
# sends must not be refused as a stranger's.  Counted from the change; a restart of the service forgets it.
FORMER_SECONDS = 86400.0


def own_addresses() -> frozenset[str]:
    """The IP addresses of this machine's interfaces, without scope; raises `OSError`."""
    return frozenset(
        ip.ip if isinstance(ip.ip, str) else ip.ip[0]
        for adapter in ifaddr.get_adapters()
        for ip in adapter.ips
    )


class HereFinder:
    """Finds, and remembers.  `before`: what an earlier process found, believed until there is better."""

    def __init__(
        self,
        proxy_addresses: Collection[str] = (),
        *,
        before: Whereabouts = Whereabouts(),  # noqa: B008 - immutable
        names: HostNames | None = None,
        own: Callable[[], Collection[str]] = own_addresses,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._proxies = frozenset(proxy_addresses)
        self._names = names if names is not None else HostNames()
        self._own = own
        self._clock = clock
        self._ours: frozenset[str] = frozenset()
        self._servers = dict.fromkeys(before.servers, clock())
        self._verdicts = dict.fromkeys(before.here, _ANY_NEXTHOP)

    def find(self, topology: Topology, configured: tuple[str, ...] | Literal["auto"] = "auto") -> Whereabouts:
        """Where the sites are; `configured` are the site domains that are here by the operator's word.

        Takes up to `FIND_SECONDS` when the DNS is slow.  Never raises.
        """
        sites = topology.sites
        hosts = hosts_to_resolve(sites)
        deadline = self._clock() + FIND_SECONDS
        found = {host: self._names.addresses(host.name, mx=host.mx, deadline=deadline) for host in hosts}
        resolved = {host: addresses for host, addresses in found.items() if addresses}
        unknown = hosts - resolved.keys()
        self._remember_servers(server_addresses(sites, resolved), complete=not unknown)
        ours = here(sites, self._own_addresses(), resolved)
        self._verdicts = {
            domain: site.nexthop
            for domain, site in sites.items()
            if domain in ours or (self._was_here(site) and hosts_to_resolve({domain: site}) & unknown)
        }
        servers = tuple(sorted(self._servers))
        if configured != "auto":
            return Whereabouts(tuple(sorted(configured)), servers, bool(unknown))
        unplaced = tuple(sorted(filter(lambda domain: self._is_unplaced(sites[domain], unknown), sites)))
        return Whereabouts(tuple(sorted(self._verdicts)), servers, bool(unknown), unplaced)

    def _is_unplaced(self, site: Site, unknown: Collection[Host]) -> bool:
        """Whether nothing is known of where it is, now or from before."""
        hosts = hosts_to_resolve({site.domain: site})
        return bool(hosts) and hosts <= frozenset(unknown) and site.domain not in self._verdicts

    def _remember_servers(self, servers: Collection[str], *, complete: bool) -> None:
        """Notes when each address was last a server's; forgets the old ones, if all servers are known."""
        now = self._clock()
        self._servers.update(dict.fromkeys(servers, now))
        if complete:
            kept = (item for item in self._servers.items() if now - item[1] < FORMER_SECONDS)
            self._servers = dict(kept)

    def _was_here(self, site: Site) -> bool:
        """Whether it was found here, with the nexthop it has now."""
        return self._verdicts.get(site.domain) in (site.nexthop, _ANY_NEXTHOP)

    def _own_addresses(self) -> frozenset[str]:
        try:
            self._ours = frozenset(self._own())
        except OSError as error:
            log.warning("the addresses of this machine cannot be read, the last ones stand: %s", error)
        return self._ours | self._proxies


_ANY_NEXTHOP = ""
