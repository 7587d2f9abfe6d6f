"""Every map by its name: the one door from a request to an answer.

Owns the names of the maps (the Postfix parameter without `_maps`).  To add a map, write its function
`(view, key) -> answer` and name it here.  Must not know the wire, sockets, clocks or what holds the data.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from colocroute.model import Answer, TempFail
from colocroute.routing import address_maps, domain_maps
from colocroute.routing.view import View

MAPS: Mapping[str, Callable[[View, str], Answer]] = MappingProxyType(
    {
        "virtual_alias": address_maps.virtual_alias,
        "transport": domain_maps.transport,
        "virtual_mailbox": address_maps.mailbox,
        "local_recipient": address_maps.mailbox,
        "relay_recipient": address_maps.relay_recipient,
        "recipient": address_maps.recipient,
        "generic": address_maps.generic,
        "sender_login": address_maps.sender_login,
        "imap_server": address_maps.imap_server,
        "smtp_server": address_maps.smtp_server,
        "virtual_alias_domains": domain_maps.virtual_alias_domains,
        "virtual_mailbox_domains": domain_maps.here_domains,
        "mydestination": domain_maps.here_domains,
        "relay_domains": domain_maps.relay_domains,
    }
)

NAME_LIMIT = 100
"""Characters of an unknown map's name that are repeated in the reason."""


def answer(view: View, map_name: str, key: str) -> Answer:
    """What Postfix is told of `key` in the map; TempFail for a map that does not exist.

    Every text is a key with an answer: nothing is raised for its sake.
    """
    function = MAPS.get(map_name)
    if function is None:
        return unknown(map_name)
    return function(view, key)


def unknown(map_name: str) -> TempFail:
    """What is said of every key of a map that does not exist."""
    short = map_name if len(map_name) <= NAME_LIMIT else map_name[:NAME_LIMIT] + "..."
    return TempFail(f"unknown map '{short}'" if short.isprintable() else f"unknown map {short!a}")
