"""The policy service: whether an SMTP client may use an internal domain, and whether a recipient exists.

Owns the decision on one request of Postfix's `check_policy_service` (SMTPD_POLICY_README) as a pure function.
Must not know the framing of requests, sockets, or how the sites' servers were found.

A refusal is only given by a live mirror that knows the addresses of all sites' servers: the mail of a site whose
address is missing must wait rather than bounce.  A sender or recipient counts in whatever protocol state it is
sent: Postfix leaves the recipient empty where it has none, and at DATA and END-OF-MESSAGE where it has several
(`smtpd_check.c`).
"""

import ipaddress
from collections.abc import Collection, Iterable, Mapping

from colocroute.model import NotFound, State
from colocroute.routing.here import is_loopback, normal_address
from colocroute.routing.resolve import absent, question, resolve_or_catch_all
from colocroute.routing.view import View

DUNNO = "DUNNO"
DEFER = "DEFER_IF_PERMIT 4.3.0 Mail directory is not available, try again later"
UNKNOWN_USER = "REJECT 5.1.1 User unknown"
INTERNAL = "is an internal mail domain"
"""By these words our own servers know that one of them was taken for a stranger (`cli.wiring`)."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def action(
    view: View,
    attributes: Mapping[str, str],
    *,
    servers: Collection[str],
    trusted: Iterable[Network],
    unresolved: bool = False,
) -> str:
    """The access(5) action for one request.

    `servers` are the addresses of the sites' servers as `here.server_addresses` gives them, `trusted` the
    networks of `policy.trusted`; `unresolved` says that some server's addresses are missing.
    """
    sender, recipient = attributes.get("sender", ""), attributes.get("recipient", "")
    for deed, address in (("sent from", sender), ("sent to", recipient)):
        asked = question(view, address)
        if asked is None or asked.domain_class != "site" or not _is_outsider(attributes, servers, trusted):
            continue
        if view.state is not State.LIVE or unresolved:
            return DEFER
        return (
            f"REJECT 5.7.1 {asked.domain} {INTERNAL}: "
            f"nothing may be {deed} it but by our own servers and authenticated users"
        )
    return _judge_recipient(view, recipient)


def _judge_recipient(view: View, recipient: str) -> str:
    """Only public domains are judged; an address with several owners does exist."""
    asked = question(view, recipient)
    if asked is None or asked.domain_class != "public":
        return DUNNO
    if view.state is not State.EMPTY and resolve_or_catch_all(view, asked) is not None:
        return DUNNO
    return UNKNOWN_USER if isinstance(absent(view, asked.key), NotFound) else DEFER


def _is_outsider(attributes: Mapping[str, str], servers: Collection[str], trusted: Iterable[Network]) -> bool:
    if attributes.get("sasl_username"):
        return False
    client = normal_address(attributes.get("client_address", ""))
    if not client:
        return True
    if is_loopback(client) or client in servers:
        return False
    address = ipaddress.ip_address(client)
    return not any(address in network for network in trusted)
