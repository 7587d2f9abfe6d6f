"""The values of wiring: what Postfix says, what is wanted, and the lines that come of it.

Owns their meaning.  Pure, without behaviour.
"""

import msgspec

# postconf(5), Postfix 3.7 to 3.12
PARENT_MATCHES = (
    "debug_peer_list,fast_flush_domains,mynetworks,permit_mx_backup_networks,"
    "qmqpd_authorized_clients,relay_domains,smtpd_access_maps"
)
FLUSH = "$relay_domains"
RELAY = "relay"
VIRTUAL = "virtual"
LATER = "450"
STATUS_FILTER = "$default_delivery_status_filter"

WAIT = "retry:4.3.5 routing.local_transport is not set in colocroute.toml"


class Installed(msgspec.Struct, frozen=True):
    """What this machine's Postfix says; the defaults are those of a fresh one that is not chrooted.

    `chrooted` are commands of master.cf, `protocols` is inet_protocols.  `proxy_read_maps` is empty for the
    compiled-in default, which admits whatever the other parameters name.  `sender_dependent` is
    sender_dependent_default_transport_maps, `outbound` the entry of master.cf that has the name of ours.
    `earlier` has, if main.cf sets them, the parameters that not every wiring sets.
    """

    hostname: str = ""
    origin: str = ""
    queue_directory: str = "/var/spool/postfix"
    chrooted: frozenset[str] = frozenset()
    protocols: str = "all"
    proxy_read_maps: str = ""
    parent_matches: str = PARENT_MATCHES
    fast_flush: str = FLUSH
    relay_transport: str = RELAY
    virtual_transport: str = VIRTUAL
    recipient_restrictions: str = ""
    status_filter: str = STATUS_FILTER
    fallback_relay: str = ""
    sender_dependent: str = ""
    outbound: str = ""
    earlier: dict[str, str] = {}


class Wanted(msgspec.Struct, frozen=True):
    """What is to be wired.

    `socketmap` and `policy` (may be empty) are addresses as in `[listen]`, domains lower-case A-labels.
    `maps`: each list of domains a map.  `rewriting`: public addresses become route addresses.
    `relay_only`: by the operator's word no site is here.
    """

    socketmap: str
    public: tuple[str, ...]
    sites: tuple[str, ...]
    recipient_delimiter: str = "+"
    local_transport: str = ""
    policy: str = ""
    maps: bool = False
    rewriting: bool = True
    relay_only: bool = False


class Parameter(msgspec.Struct, frozen=True):
    """A line of main.cf and its reason."""

    name: str
    value: str
    why: str


class Service(msgspec.Struct, frozen=True):
    """An entry of master.cf and its reason; `fields` are the columns after the type."""

    name: str
    type: str
    fields: str
    options: tuple[str, ...]
    why: str

    @property
    def line(self) -> str:
        """The entry on one line."""
        return " ".join([self.name, self.type, self.fields, *(f"-o {option}" for option in self.options)])


class Wiring(msgspec.Struct, frozen=True):
    """The result; `warnings` say what these lines alone cannot put right."""

    parameters: tuple[Parameter, ...]
    service: Service
    warnings: tuple[str, ...]
