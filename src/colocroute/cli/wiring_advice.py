"""What the lines of main.cf and master.cf alone cannot put right.

Owns the warnings, and the questions behind them that `wiring` asks too.  Pure.
"""

from collections.abc import Iterator

from colocroute.cli.wiring_listeners import is_cut_off, policy_endpoint
from colocroute.cli.wiring_model import RELAY, VIRTUAL, WAIT, Installed, Wanted


def is_homeless(wanted: Wanted, installed: Installed) -> bool:
    """Whether nothing says how mail of the site that is here is delivered."""
    if wanted.local_transport or wanted.relay_only:
        return False
    if wanted.maps and wanted.rewriting:
        return installed.virtual_transport == VIRTUAL
    return installed.relay_transport in (RELAY, WAIT)


def warnings(wanted: Wanted, installed: Installed) -> Iterator[str]:
    """Each one line: what is wrong, what comes of it, what to do."""
    yield from _of_names(wanted, installed)
    yield from _of_ways(wanted, installed)
    yield from _of_listeners(wanted, installed)


def _of_names(wanted: Wanted, installed: Installed) -> Iterator[str]:
    domains = wanted.public + wanted.sites
    if installed.hostname in domains:
        yield (
            f"myhostname is {installed.hostname}, a domain of users: it is left out of mydestination, and "
            "mail of this host itself (root, cron) has no address; give the server a name of its own"
        )
    elif installed.hostname.endswith(tuple(f".{site}" for site in wanted.sites)):
        yield (
            f"myhostname is {installed.hostname}: the name of the site shows in HELO, Received and "
            "Message-Id; give the server a name outside of its site domain"
        )
    if installed.origin in domains and installed.origin != installed.hostname:
        yield (
            f"myorigin is {installed.origin}, a domain of users: mail of this host itself goes to "
            f"root@{installed.origin}, which the directory has to know; or set myorigin = $myhostname"
        )


def _of_ways(wanted: Wanted, installed: Installed) -> Iterator[str]:
    if is_homeless(wanted, installed):
        yield (
            "routing.local_transport is not set: mail of the site that is here is not delivered; set it, for "
            'example to "lmtp:unix:private/dovecot-lmtp"'
        )
    if installed.fallback_relay:
        yield (
            f"smtp_fallback_relay is {installed.fallback_relay}: it gets mail between the sites, too, when a "
            "site cannot be reached; set it in master.cf, for the service outbound alone"
        )
    if installed.sender_dependent:
        yield (
            f"sender_dependent_default_transport_maps is {installed.sender_dependent}: the senders named there "
            "do without the service outbound, and their site domain is not hidden; let these transports have "
            "the smtp_generic_maps of outbound"
        )


def _of_listeners(wanted: Wanted, installed: Installed) -> Iterator[str]:
    if not wanted.policy:
        yield (
            "listen.policy is empty: strangers may write to the site domains; set it, for example to "
            '["inet:127.0.0.1:2527"]'
        )
    elif is_cut_off(wanted.policy, installed):
        yield f"{_cut_off(wanted.policy, installed)}; no policy service is wired"
    elif not policy_endpoint(wanted.policy, installed):
        yield (
            f"smtpd is chrooted and cannot reach {wanted.policy}: no policy service is wired; listen on "
            f"inet:127.0.0.1:2527 or on a socket below {installed.queue_directory}"
        )
    if is_cut_off(wanted.socketmap, installed):
        yield f"{_cut_off(wanted.socketmap, installed)}; all mail will be deferred"


def _cut_off(listener: str, installed: Installed) -> str:
    return f"Postfix cannot reach {listener}: its inet_protocols is {installed.protocols}"
