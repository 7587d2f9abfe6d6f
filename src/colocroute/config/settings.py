"""Every key of the configuration file, declared once: type, default, unit and help.

Owns the sections and their keys; a field's default is the key's default.  `[directory]` and `[schema]` are in
`sources`, what a value may be is in `kinds`, what values go together is in `rules`.  Must not know sockets.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from colocroute.config import kinds, units
from colocroute.config.kinds import Network
from colocroute.config.setting import Setting
from colocroute.config.sources import Directory, Schema

WhenStale = Literal["defer", "reject"]

TRANSPORT = kinds.text("a transport name", "smtp", r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
DOMAIN = kinds.spelled("", kinds.read_domain, str)
SOCKETS = kinds.many(
    'a list of "unix:PATH" (absolute) and "inet:HOST:PORT"', kinds.spelled("", kinds.read_socket, str)
)
ENDPOINT = kinds.spelled('HOST:PORT such as "127.0.0.1:2526" or "[::1]:2526"', kinds.read_endpoint, str)


class Routing(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered."""

    domains: Annotated[
        tuple[str, ...],
        Setting(
            kinds.many('a list of domains such as ["test.tux"]', DOMAIN, least=1),
            "The public domains. Those that `schema.domain_filter` finds are added; only those named here "
            "are known while the mirror is empty, so name them all.",
            required=True,
            example='["test.tux"]',
        ),
    ] = ()
    here: Annotated[
        tuple[str, ...] | Literal["auto"],
        Setting(
            kinds.auto(kinds.many('a list of site domains such as ["external.test.tux"]', DOMAIN)),
            "The site domains this server is responsible for. `auto`: those whose nexthop is an address of "
            "this machine.",
        ),
    ] = "auto"
    proxy_addresses: Annotated[
        tuple[str, ...],
        Setting(
            kinds.many('a list of IP addresses such as ["192.0.2.1"]', kinds.spelled("", kinds.read_ip, str)),
            "More addresses of this machine, those a NAT or a proxy has for it, as in `proxy_interfaces`.",
        ),
    ] = ()
    recipient_delimiter: Annotated[
        str,
        Setting(
            kinds.spelled('characters such as "+" or "+-", or ""', kinds.read_delimiters, str),
            "As in `main.cf`: each of the characters may part a local part from its extension. Empty: no "
            "extensions.",
        ),
    ] = "+"
    propagate_extension: Annotated[
        bool, Setting(kinds.flag(), "Whether a route address gets the extension of the address asked for.")
    ] = True
    local_transport: Annotated[
        str,
        Setting(
            kinds.text(
                "transport or transport:nexthop",
                "lmtp:unix:private/lmtp",
                r"[A-Za-z0-9_][A-Za-z0-9_.-]*(:.*)?",
                empty=True,
            ),
            "The answer of `transport` for a site domain that is here. Empty: not found, `main.cf` decides.",
        ),
    ] = ""
    transports: Annotated[
        tuple[str, ...],
        Setting(
            kinds.many('a list of transport names such as ["smtp", "lmtp"]', TRANSPORT, least=1),
            "The transports a nexthop may name: those that `master.cf` has.",
        ),
    ] = ("smtp", "lmtp", "relay", "virtual", "local", "error", "retry", "discard", "uucp")
    dns_fallback: Annotated[
        bool,
        Setting(
            kinds.flag(),
            "Leave a site without a usable nexthop to the DNS, instead of letting its mail wait.",
        ),
    ] = False
    unknown_when_stale: Annotated[
        WhenStale,
        Setting(
            kinds.choice(WhenStale),
            "What to say of an address that is not there while the mirror is stale: `defer` (temporary "
            "failure) or `reject` (it does not exist; mail for new users may be lost).",
        ),
    ] = "defer"
    stale_after: Annotated[
        float,
        Setting(kinds.duration("1s"), "Silence of the directory after which the mirror counts as stale."),
    ] = 300.0
    remember_moves: Annotated[
        float, Setting(kinds.duration("0s"), "How long a former route address leads to the new one.")
    ] = 2592000.0


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """When a change is too big to be believed. Both limits must be exceeded."""

    max_shrink_percent: Annotated[
        int, Setting(kinds.integer(0, 100), "Share of the entries that may vanish within `window`.")
    ] = 10
    max_shrink_entries: Annotated[
        int, Setting(kinds.integer(0, 1_000_000_000), "Number of entries that may vanish within `window`.")
    ] = 20
    window: Annotated[
        float, Setting(kinds.duration("1s"), "Removals within this time add up, and can be taken back.")
    ] = 600.0


class Listen(msgspec.Struct, frozen=True, kw_only=True):
    """Where Postfix finds us. The protocols have no authentication."""

    socketmap: Annotated[tuple[str, ...], Setting(SOCKETS, "Sockets with all maps.")] = (
        "unix:/run/colocroute/map.sock",
    )
    tcp_table: Annotated[
        Mapping[str, str],
        Setting(
            kinds.table('a table such as { virtual_alias = "127.0.0.1:2526" }', ENDPOINT),
            "One map per port, for clients that know `tcp:` only.",
        ),
    ] = msgspec.field(default_factory=dict)
    policy: Annotated[tuple[str, ...], Setting(SOCKETS, "Sockets of the policy service.")] = ()
    http: Annotated[
        str, Setting(kinds.optional(ENDPOINT), "Metrics, health and a status page. Empty: none.")
    ] = ""
    socket_mode: Annotated[
        int,
        Setting(
            kinds.spelled('octal digits such as "0660"', units.parse_mode, units.show_mode),
            "Mode of `unix:` sockets.",
        ),
    ] = 0o660
    socket_group: Annotated[
        str,
        Setting(
            kinds.text("a group", "postfix", r"[A-Za-z0-9_][A-Za-z0-9_.-]*\$?", empty=True),
            "Group of `unix:` sockets, by name or number. Empty: the group of the process.",
        ),
    ] = ""
    allow_remote: Annotated[
        bool,
        Setting(kinds.flag(), "Allow sockets on addresses that are not the loopback: anybody there can ask."),
    ] = False


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The policy service."""

    trusted: Annotated[
        tuple[Network, ...],
        Setting(
            kinds.many(
                'a list of addresses and networks such as ["10.0.0.0/8"]',
                kinds.spelled("", kinds.read_network, str),
            ),
            "Clients that may use site domains, besides the servers of the sites: single addresses or CIDR.",
        ),
    ] = ()


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """How the work is done."""

    workers: Annotated[
        int | Literal["auto"],
        Setting(
            kinds.auto(kinds.integer(1, 256)),
            "Processes that answer. `auto`: one for each processor they may use.",
        ),
    ] = 1
    max_connections: Annotated[
        int,
        Setting(kinds.integer(1, 1_000_000), "Connections at the same time; more are told to come later."),
    ] = 2000
    spin: Annotated[
        float,
        Setting(
            kinds.duration("0us", "10ms"),
            "How long to look for the next request before sleeping, in busy times. `0us` turns it off.",
        ),
    ] = 0.00005


class Store(msgspec.Struct, frozen=True, kw_only=True):
    """The mirror on disk."""

    path: Annotated[
        str,
        Setting(
            kinds.text("an absolute path", "/var/lib/colocroute", r"/.*"), "The directory of the mirror."
        ),
    ] = "/var/lib/colocroute"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The whole configuration."""

    directory: Directory = Directory()
    schema: Schema = Schema()
    routing: Routing = Routing()
    guard: Guard = Guard()
    listen: Listen = Listen()
    policy: Policy = Policy()
    server: Server = Server()
    store: Store = Store()


# Keys whose feature this version lacks: declared, so that they are known words, and refused when used.
NOT_YET = {"listen.http": "not available in this version"}
