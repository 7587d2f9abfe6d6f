"""What is wrong with the directory's content: entries and sites that make mail wait, vanish or surprise.

Owns these checks.  One finding for each thing that somebody has to put right: a site is one, however many route
to it.  Goes through the records once, and once more only if addresses have several owners; keeps nothing of
those that are in order.  Pure: a view and the records of the same moment come in.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from colocroute.cli.finding import Finding, Level, finding
from colocroute.cli.serverhosts import ServerHosts
from colocroute.model import Keys, Record, User
from colocroute.routing.address import domain_of, fold
from colocroute.routing.records import keys
from colocroute.routing.resolve import owners_disagree, question, resolve_or_catch_all
from colocroute.routing.topology import classify, empty_topology
from colocroute.routing.view import View

HOPS = 100  # aliases that are followed in search of a loop
SHOWN_OWNERS = 10

Records = Callable[[], Iterable[Record]]


class Routed(msgspec.Struct):
    """How many entries route into a domain, and the first of them."""

    dn: str
    number: int = 0


def check_directory(
    view: View, records: Records, *, here: tuple[str, ...] | Literal["auto"] = "auto"
) -> Iterator[Finding]:
    """Everything about the content.  `here` is `routing.here`."""
    lint = _Lint(view)
    for record in records():
        yield from lint.look_at(record)
    yield from _owners(view, records, lint.shared)
    yield from _sites(view, lint.routed, lint.transports)
    yield from _domains(view, lint.transports)
    yield from _unknown_at_first(view, lint.transports)
    yield from _here(view, here)


class _Lint:
    """One walk through the records, and what it gathers for the whole."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._hosts = ServerHosts(view.topology.sites)
        self.shared: set[str] = set()
        self.routed: dict[str, Routed] = {}
        self.transports: set[str] = set()

    def look_at(self, record: Record) -> Iterator[Finding]:
        """What is wrong with one entry."""
        if record.site is not None:
            self.transports.update(record.site.domains)
        user = record.user
        if user is None or not user.enabled:
            return
        folded = keys(record)
        for value in user.unusable:
            yield finding("unusable-value", record.dn, f"{value!a} cannot be used and is left out")
        yield from self._addresses(record, user, folded)
        yield from self._routes(record, user, folded)
        yield from self._server(record, user, folded)

    def _addresses(self, record: Record, user: User, folded: Keys) -> Iterator[Finding]:
        public = self._view.topology.public
        has_public = False
        for value in user.addresses:
            if domain_of(value) in public:
                has_public = True
            else:
                yield from self._elsewhere(record, value, folded)
        for key in folded.addresses:
            if domain_of(key) in public and len(self._view.owners(key)) > 1:
                self.shared.add(key)
        if has_public and not folded.routes:
            yield finding("no-route", record.dn, "it has public addresses and no route: their mail waits")

    def _elsewhere(self, record: Record, value: str, folded: Keys) -> Iterator[Finding]:
        domain = domain_of(value)
        if classify(self._view, domain) == "foreign":
            message = f"{record.dn} has it, to no effect: {domain} is no public domain"
            yield finding("foreign-address", value, message)
        elif fold(value) not in folded.routes:
            message = f"{record.dn} has it, to no effect: {domain} is the domain of a site"
            yield finding("address-in-site-domain", value, message)

    def _routes(self, record: Record, user: User, folded: Keys) -> Iterator[Finding]:
        if len(folded.routes) > 1:
            message = (
                f"it has {len(folded.routes)} routes ({_list(user.routes)}): mail for its addresses waits"
            )
            yield finding("several-routes", record.dn, message)
        for route in folded.routes:
            domain = domain_of(route)
            if domain not in self._view.topology.public:
                self.routed.setdefault(domain, Routed(record.dn)).number += 1
            elif leads_back(self._view, route):
                message = f"the route {route} of {record.dn} leads back to itself"
                yield finding("alias-loop", route, message)
            else:
                message = f"it is the route of {record.dn}, and {domain} is no site's: mail waits"
                yield finding("route-in-public-domain", route, message)

    def _server(self, record: Record, user: User, folded: Keys) -> Iterator[Finding]:
        if not user.imap_server or len(folded.route_domains) != 1:
            return
        sites = self._hosts.sites_of(user.imap_server)
        if sites and folded.route_domains[0] not in sites:
            message = (
                f"its mail goes to {folded.route_domains[0]}, its IMAP server {user.imap_server} "
                f"is that of {_list(sorted(sites))}"
            )
            yield finding("imap-server-mismatch", record.dn, message)


def leads_back(view: View, route: str) -> bool:
    """Whether whoever follows a route as if it were a public address comes to it again."""
    seen: set[str] = set()
    ahead = [route]
    while ahead and len(seen) < HOPS:
        asked = question(view, ahead.pop())
        match = resolve_or_catch_all(view, asked) if asked and asked.domain_class == "public" else None
        for user in match.users if match else ():
            for key in map(fold, user.routes):
                if key == route:
                    return True
                if key is not None and key not in seen:
                    seen.add(key)
                    ahead.append(key)
    return False


def _owners(view: View, records: Records, shared: set[str]) -> Iterator[Finding]:
    wrong = {key for key in shared if owners_disagree(view.owners(key))}
    holders: dict[str, list[str]] = {key: [] for key in sorted(wrong)}
    for record in records() if wrong else ():
        if record.user is not None:
            for key in wrong.intersection(keys(record).addresses):
                holders[key].append(f"{record.dn} ({_list(record.user.routes) or 'no route'})")
    for key, names in holders.items():
        message = f"{len(names)} entries have it, with different routes: {_list(names, '; ')}; its mail waits"
        yield finding("duplicate-owner", key, message)


def _sites(view: View, routed: Mapping[str, Routed], transports: set[str]) -> Iterator[Finding]:
    level: Level = "warning" if view.rules.dns_fallback else "error"
    for domain, routes in sorted(routed.items()):
        if domain not in transports:
            message = (
                f"no transport entry has it; entries that route into it: {routes.number}, "
                f"the first is {routes.dn}"
            )
            yield finding("route-without-transport", domain, message, level=level)
    for domain, site in sorted(view.topology.sites.items()):
        if site.problem and domain in transports:
            yield finding("bad-nexthop", domain, site.problem, level=level)


def _domains(view: View, transports: set[str]) -> Iterator[Finding]:
    for domain in view.rules.domains:
        if domain in view.topology.sites:
            message = "it is in routing.domains and is a site's: no address in it counts as a public one"
            yield finding("public-domain-is-site", domain, message)
        elif domain in transports:
            message = (
                "it is in routing.domains and has a transport entry, which is ignored: no route leads into it"
            )
            yield finding("public-domain-is-site", domain, message)


def _unknown_at_first(view: View, transports: set[str]) -> Iterator[Finding]:
    """Domains of ours that an empty mirror takes for somebody else's."""
    configured = empty_topology(view.rules).public
    consequence = "while the mirror is empty, its mail is treated as somebody else's, by the DNS"
    for domain in sorted(view.topology.public - configured):
        message = f"it is a public domain by the directory alone: {consequence}"
        yield finding("unconfigured-domain", domain, message)
    public = configured | view.topology.public
    for domain in sorted(transports & view.topology.sites.keys() - configured):
        if not any(domain.endswith(f".{parent}") for parent in public):
            message = f"it is the domain of a site, and below no public domain: {consequence}"
            yield finding("site-outside-domains", domain, message)


def _here(view: View, here: tuple[str, ...] | Literal["auto"]) -> Iterator[Finding]:
    sites = view.topology.sites
    if here == "auto":
        if sites and not any(site.here for site in sites.values()):
            message = (
                "no site's nexthop is an address of this machine: it would send its own site's mail away"
            )
            yield finding("no-site-here", "routing.here", message)
        return
    for domain in here:
        if domain not in sites:
            yield finding("no-site-here", domain, "routing.here names it, and it is no site's domain")


def _list(texts: Iterable[str], separator: str = ", ") -> str:
    all_texts = list(texts)
    shown = separator.join(all_texts[:SHOWN_OWNERS])
    more = len(all_texts) - SHOWN_OWNERS
    return f"{shown} and {more} more" if more > 0 else shown
