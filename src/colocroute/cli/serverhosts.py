"""Which sites a server's name belongs to, as far as names alone can tell.

Owns that guess.  A name below a site domain is that site's, and so is the host of its nexthop.  Pure: asks no DNS.
"""

import re
from collections import defaultdict
from collections.abc import Mapping

from colocroute.routing.nexthop import Nexthop, parse
from colocroute.routing.view import Site

_server = re.compile(r"(?:[a-z]+://)?\[?(?P<host>[^\[\]/]+?)\]?(?::\d+)?/?", re.IGNORECASE)


class ServerHosts:
    """The hosts of these sites."""

    def __init__(self, sites: Mapping[str, Site]) -> None:
        self._sites = sites
        self._hosts: dict[str, set[str]] = defaultdict(set)
        for domain, site in sites.items():
            nexthop = parse(site.nexthop, (site.nexthop.partition(":")[0],)) if site.nexthop else None
            if isinstance(nexthop, Nexthop):
                for destination in nexthop.destinations:
                    self._hosts[destination.host].add(domain)

    def sites_of(self, server: str) -> frozenset[str]:
        """The site domains that a server (`host`, `host:port` or a URL) belongs to; none if that is not plain."""
        form = _server.fullmatch(server.strip())
        host = form["host"].lower().rstrip(".") if form else ""
        found = set(self._hosts.get(host, ()))
        above = host
        while above:
            if above in self._sites:
                found.add(above)
                break
            above = above.partition(".")[2]
        return frozenset(found)
