"""How Postfix is wired to the maps: the lines of main.cf and master.cf, each with its reason.

Owns the choice of parameters (DESIGN.md section 7, POSTFIX.md).  Its rule: the lines are the same on every
server of the company, each domain is in one address class, and no line may lose mail.  Pure: what this
machine's Postfix says already comes in.  Must not know postconf(1), sockets or the mirror.
"""

import re
from collections.abc import Iterator

from colocroute.cli.domains import all_forms
from colocroute.cli.wiring_advice import is_homeless, warnings
from colocroute.cli.wiring_earlier import taken_back
from colocroute.cli.wiring_listeners import is_hidden, policy_endpoint
from colocroute.cli.wiring_model import (
    FLUSH,
    LATER,
    RELAY,
    STATUS_FILTER,
    WAIT,
    Installed,
    Parameter,
    Wanted,
    Wiring,
)
from colocroute.cli.wiring_outbound import OUTBOUND, outbound
from colocroute.cli.wiring_policy import with_policy, without_policy
from colocroute.routing.policy import INTERNAL

IN_TRANSITION = rf"regexp:{{{{/^5(\.4\.6 .*loops back to myself.*|\.7\.1 .*{INTERNAL}.*)/ 4$$1}}}}"
"""`smtp_delivery_status_filter`: what fails for good, if it fails because not all sites know the same yet."""


def wire(wanted: Wanted, installed: Installed) -> Wiring:
    """The lines, in the order in which a person would read them."""
    tables = _Tables(wanted, installed)
    parameters = (
        *_classes(wanted, installed, tables),
        *_maps(wanted, tables),
        *_unknown(wanted),
        *_deliveries(wanted, installed),
        *_restrictions(wanted, installed),
        *_lookups(installed, tables),
        *taken_back(wanted, installed),
    )
    return Wiring(parameters, outbound(wanted, installed), tuple(warnings(wanted, installed)))


class _Tables:
    """Spells maps for the asking services; remembers those that go through proxymap(8), by parameter."""

    def __init__(self, wanted: Wanted, installed: Installed) -> None:
        self._socketmap = wanted.socketmap
        self._prefix = "proxy:" if is_hidden(wanted.socketmap, installed) else ""
        self.proxied: dict[str, str] = {}

    def of(self, map_name: str, parameter: str) -> str:
        """The value that makes `parameter` ask `map_name`."""
        table = f"{self._prefix}socketmap:{self._socketmap}:{map_name}"
        if self._prefix:
            self.proxied[parameter] = table
        return table


def _listed(domains: tuple[str, ...]) -> str:
    return ", ".join(all_forms(domains))


def _classes(wanted: Wanted, installed: Installed, tables: _Tables) -> Iterator[Parameter]:
    yield _local_class(wanted, installed)
    yield _alias_class(wanted, tables)
    yield _mailbox_class(wanted, tables)
    yield _relay_class(wanted, tables)
    yield Parameter(
        "parent_domain_matches_subdomains",
        ",".join(word for word in re.split(r"[\s,]+", installed.parent_matches) if word != "relay_domains"),
        "Without relay_domains: a host below one of them is no part of it, and its mail would be refused.",
    )
    yield Parameter(
        "fast_flush_domains",
        ", ".join(word for word in re.split(r"[\s,]+", installed.fast_flush) if word != FLUSH),
        "Without $relay_domains: ETRN would tell any stranger which site domains there are, and would start "
        "deliveries for him.",
    )


def _local_class(wanted: Wanted, installed: Installed) -> Parameter:
    names = ["$myhostname", "localhost.$mydomain", "localhost"]
    if installed.hostname in wanted.public + wanted.sites:
        names.remove("$myhostname")
    return Parameter(
        "mydestination",
        ", ".join(names),
        "Only the mail of this host itself (root, cron) is local. No public and no site domain may be in "
        "this list, which comes before all others.",
    )


def _alias_class(wanted: Wanted, tables: _Tables) -> Parameter:
    name = "virtual_alias_domains"
    if not wanted.rewriting:
        return Parameter(name, "", "No domain is rewritten. Left out, it would be $virtual_alias_maps.")
    if wanted.maps:
        return Parameter(name, tables.of(name, name), "The public domains.")
    return Parameter(
        name,
        _listed(wanted.public),
        "The public domains: every address in them is rewritten or refused. A list and not a map, because "
        "smtpd remembers a failed look-up of a domain for the rest of its life.",
    )


def _mailbox_class(wanted: Wanted, tables: _Tables) -> Parameter:
    name = "virtual_mailbox_domains"
    if wanted.maps:
        return Parameter(name, tables.of(name, name), "The site domains that are here.")
    return Parameter(name, "", "None: the site domain that is here is a relay domain like the others.")


def _relay_class(wanted: Wanted, tables: _Tables) -> Parameter:
    public = () if wanted.rewriting else wanted.public
    if wanted.maps:
        domains = ", ".join([*all_forms(public), tables.of("relay_domains", "relay_domains")])
        why = "The site domains that are elsewhere."
    else:
        domains = _listed(wanted.sites + public)
        why = "All site domains, the one that is here too, so that the list is the same on every server."
    if public:
        why += " And the public domains, routed as they are."
    return Parameter("relay_domains", domains, why)


def _maps(wanted: Wanted, tables: _Tables) -> Iterator[Parameter]:
    if wanted.rewriting:
        table = tables.of("virtual_alias", "virtual_alias_maps")
        why = "Public address to route address; former route address to the current one."
    else:
        table, why = "", "Nothing is rewritten."
    yield Parameter("virtual_alias_maps", table, why)
    if wanted.maps:
        yield Parameter(
            "virtual_mailbox_maps",
            tables.of("virtual_mailbox", "virtual_mailbox_maps"),
            "Which addresses exist here. For smtpd only: virtual(8) refuses such tables, so deliver by LMTP.",
        )
    recipients = "relay_recipient" if wanted.maps and wanted.rewriting else "recipient"
    yield Parameter(
        "relay_recipient_maps",
        tables.of(recipients, "relay_recipient_maps"),
        "Which addresses in the relay domains exist, so that the first server says no and not the last.",
    )
    yield Parameter(
        "transport_maps",
        tables.of("transport", "transport_maps"),
        "The server of each site; for the one that is here, routing.local_transport.",
    )
    yield Parameter(
        "smtpd_sender_login_maps",
        tables.of("sender_login", "smtpd_sender_login_maps"),
        "Who may send as whom; takes effect with reject_authenticated_sender_login_mismatch.",
    )


def _unknown(wanted: Wanted) -> Iterator[Parameter]:
    if wanted.rewriting:
        yield Parameter(
            "unknown_relay_recipient_reject_code",
            LATER,
            "Later and not no: the server that sent a mail here knew the user, and this one may have yet to hear "
            "of one who is new or has moved here. Public addresses that do not exist are refused with 550.",
        )
    if wanted.maps:
        yield Parameter("unknown_virtual_mailbox_reject_code", LATER, "As for the site domains elsewhere.")


def _deliveries(wanted: Wanted, installed: Installed) -> Iterator[Parameter]:
    yield Parameter(
        "default_transport",
        OUTBOUND,
        "Mail to the outside, and no other, takes the service of master.cf that hides the site domains. "
        "What main.cf says of smtp_destination_..., say it of outbound_destination_... too.",
    )
    yield Parameter(
        "smtp_generic_maps", "", "Not here: it would rewrite the recipients of mail between the sites, too."
    )
    if installed.relay_transport in (RELAY, WAIT):
        yield Parameter(
            "relay_transport",
            WAIT if is_homeless(wanted, installed) else RELAY,
            "For relay domains without an answer of the transport map: sites without a nexthop, if "
            "routing.dns_fallback is set; and the site that is here, if routing.local_transport is not: its "
            "mail would go round in circles, so it has to wait.",
        )
    if installed.status_filter in (STATUS_FILTER, IN_TRANSITION):
        yield Parameter(
            "smtp_delivery_status_filter",
            IN_TRANSITION,
            "When a site gets another address, its own server may learn of it last, and sends mail in circles; "
            "or the others may, and take it for a stranger. That mail has to wait, and not to bounce.",
        )
    yield Parameter("recipient_delimiter", wanted.recipient_delimiter, "As routing.recipient_delimiter.")
    yield Parameter(
        "enable_original_recipient", "no", "A mail to two addresses of one person arrives once, not twice."
    )


def _restrictions(wanted: Wanted, installed: Installed) -> Iterator[Parameter]:
    endpoint, before = policy_endpoint(wanted.policy, installed), installed.recipient_restrictions
    after = with_policy(before, endpoint, wanted.public) if endpoint else without_policy(before)
    if not endpoint and after == before:
        return
    yield Parameter(
        "smtpd_recipient_restrictions",
        after,
        "Who does not exist in a public domain is refused with 550. Then the policy service, before all "
        "permissions, so that it sees the local network too: a stranger may neither write to nor send from a "
        "site domain, and hears the same of everybody there. It never says OK, so all that follows still "
        "decides.",
    )
    if endpoint:
        yield Parameter(
            "smtpd_reject_unlisted_recipient",
            "yes",
            "At the end of these restrictions: who does not exist in a site domain. Not before, or strangers "
            "could tell by the replies.",
        )


def _lookups(installed: Installed, tables: _Tables) -> Iterator[Parameter]:
    allowed = re.split(r"[\s,]+", installed.proxy_read_maps)
    missing = [
        table for name, table in tables.proxied.items() if f"${name}" not in allowed and table not in allowed
    ]
    if installed.proxy_read_maps and missing:
        yield Parameter(
            "proxy_read_maps",
            " ".join([installed.proxy_read_maps, *missing]),
            "proxymap(8) opens only the tables named here.",
        )
