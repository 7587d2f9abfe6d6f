"""The transport of a site: a `transport(5)` value, judged before Postfix sees it.

Owns what a usable nexthop is, its one normalised spelling, and which hosts it leads to.  Its rule: whatever
makes smtp(8) or lmtp(8) die ("bad command startup, throttling", which stops all mail of that transport) is
refused here (`smtp_connect.c`, `host_port.c`).  Must not know sites, DNS or which machine this is.

Decisions: a value without a transport name is one for `smtp`, unless it is itself the name of a transport.  A
list of destinations is written with commas (Postfix 3.5 and later); blanks alone do not separate, since they
are more often a slip.  A transport that is not one of Postfix's own is taken for a clone of smtp(8).
"""

import ipaddress
import re
from collections.abc import Collection

import msgspec

from colocroute.routing.address import fold_domain

FREE_TEXT = frozenset({"error", "retry", "discard", "local", "virtual", "uucp"})
"""Transports whose nexthop is no host that smtp(8) connects to: any text will do."""

DELIVERS_HERE = frozenset({"local", "virtual"})
"""Transports that deliver on the machine that asks."""

KNOWN_SERVICES = frozenset({"lmtp", "smtp", "smtps", "submission", "submissions"})
"""Port names that Postfix knows on every machine (`known_tcp_ports` in main.cf); others kill smtp(8)."""

NEXTHOP_LIMIT = 1_000
"""Octets; a tcp_table reply, %-encoded, must stay within 4,096 bytes (`dict_tcp.c`)."""

_control = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]").search
_destination = re.compile(
    r"\[(?P<literal>[^\[\]]+)\](?::(?P<port>.*))?|(?P<name>[^\[\]:]+)(?::(?P<service>.*))?"
)


class Destination(msgspec.Struct, frozen=True):
    """One host to connect to: a lower-case name or an address, without its brackets.

    `port` is a number or a service name, empty for the transport's own.  A name that is not `bracketed` makes
    smtp(8) look for its MX records first; an address is always bracketed.
    """

    host: str
    port: str
    bracketed: bool


class Nexthop(msgspec.Struct, frozen=True):
    """A usable transport: `text` is its normalised form.

    Without `destinations` an smtp transport leads to the recipient's domain.  `delivers_here` says that mail
    does not leave the machine that asks (local, virtual, or a unix-domain socket).
    """

    text: str
    transport: str
    destinations: tuple[Destination, ...] = ()
    delivers_here: bool = False


class Unusable(msgspec.Struct, frozen=True):
    """A value that must not reach Postfix; `reason` is one line and names the value."""

    reason: str


def choose(values: Collection[str], transports: Collection[str]) -> Nexthop | Unusable:
    """The one nexthop of a transport entry; spellings of the same nexthop count once."""
    parsed = {value: parse(value, transports) for value in values}
    distinct = {
        outcome.text if isinstance(outcome, Nexthop) else outcome.reason for outcome in parsed.values()
    }
    if not distinct:
        return Unusable("no nexthop")
    if len(distinct) > 1:
        return Unusable("several nexthops: " + ", ".join(sorted(map(_shown, parsed))))
    return next(iter(parsed.values()))


def parse(value: str, transports: Collection[str]) -> Nexthop | Unusable:
    """Judges and normalises one value; `transports` are the names that master.cf is known to have."""
    text = value.strip(" ")
    if not text or _control(text) or len(text.encode()) > NEXTHOP_LIMIT:
        return Unusable(f"nexthop {_shown(value)} is empty, too long or has control characters")
    name, rest = _split_transport(text, transports)
    if name not in transports:
        name = name.lower()
    if name not in transports:
        return Unusable(f"nexthop {_shown(value)}: transport {_shown(name)} is not one of routing.transports")
    if name in FREE_TEXT:
        return Nexthop(f"{name}:{rest}", name, delivers_here=name in DELIVERS_HERE)
    outcome = _parse_destinations(name, rest)
    return Unusable(f"nexthop {_shown(value)}: {outcome}") if isinstance(outcome, str) else outcome


def _split_transport(text: str, transports: Collection[str]) -> tuple[str, str]:
    if text.startswith("["):
        return "smtp", text
    name, colon, rest = text.partition(":")
    if colon or name in transports:
        return name, rest.strip(" ")
    return "smtp", text


def _parse_destinations(name: str, rest: str) -> Nexthop | str:
    """The nexthop of a transport that is smtp(8) or lmtp(8), or what is wrong with it."""
    prefix = ""
    if name == "lmtp" and rest.startswith("unix:"):
        return _socket(name, rest)
    if name == "lmtp" and rest.startswith("inet:"):
        prefix, rest = "inet:", rest.removeprefix("inet:")
    if not rest and not prefix:
        return Nexthop(f"{name}:", name)
    destinations = []
    for part in rest.split(","):
        destination = _parse_destination(part.strip(" "))
        if isinstance(destination, str):
            return destination
        destinations.append(destination)
    text = ", ".join(map(_spelled, destinations))
    return Nexthop(f"{name}:{prefix}{text}", name, tuple(destinations))


def _socket(name: str, rest: str) -> Nexthop | str:
    if " " in rest or rest == "unix:":
        return "a unix-domain socket needs a path without blanks"
    return Nexthop(f"{name}:{rest}", name, delivers_here=True)


def _parse_destination(text: str) -> Destination | str:
    form = _destination.fullmatch(text)
    if form is None:
        return f"{_shown(text)} is neither host, host:port, [address] nor [address]:port"
    name, service = form["literal"] or form["name"], form["port"] or form["service"] or ""
    port = _parse_port(service)
    if port is None:
        return f"{_shown(service)} is neither a port nor a service that Postfix knows"
    address = _parse_literal(name)
    host = address or fold_domain(name)
    if host is None:
        return f"{_shown(name)} is neither a host name nor an address"
    return Destination(host, port, bracketed=bool(address or form["literal"]))


def _parse_literal(text: str) -> str:
    """The canonical spelling of an address that Postfix takes (`valid_hostname.c`), else empty."""
    bare = text[5:] if text[:5].lower() == "ipv6:" else text
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address) if bare is text and address.packed[0] else ""
    return "" if address.scope_id else str(address)


def _parse_port(text: str) -> str | None:
    if not text or text in KNOWN_SERVICES:
        return text
    if text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) <= 65535:
        return str(int(text))
    return None


def _spelled(destination: Destination) -> str:
    host = f"[{destination.host}]" if destination.bracketed else destination.host
    return f"{host}:{destination.port}" if destination.port else host


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 100 else text[:100] + "...")
