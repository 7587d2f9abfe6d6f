"""What `check` finds: the codes, how bad each is, and what to do about it.

Owns this table, which is the contract with those who read `check --json`.
"""

from typing import Literal

import msgspec

Level = Literal["error", "warning"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to be put right.  `subject` is an entry, address, domain, key of the configuration or socket."""

    level: Level
    code: str
    subject: str
    message: str
    remedy: str


CODES: dict[str, tuple[Level, str]] = {
    # mail is lost, delayed or goes round in circles
    "duplicate-owner": ("error", "remove the address from all entries but one, or give them the same route"),
    "route-without-transport": ("error", "add a transport entry for the domain, or correct the route"),
    "bad-nexthop": ("error", "give its transport entry one nexthop such as smtp:[10.2.0.1]"),
    "no-site-here": (
        "error",
        "set routing.here, or routing.proxy_addresses behind a NAT; routing.here = [] if no site is here",
    ),
    "alias-loop": ("error", "let the route point into the domain of a site"),
    "route-in-public-domain": ("error", "let the route point into the domain of a site"),
    "no-route": ("error", "give the entry a route, or disable it"),
    "several-routes": ("error", "leave one route in the entry"),
    "public-domain-is-site": ("error", "remove its transport entry, or take it out of routing.domains"),
    "socket-unreachable": ("error", ""),
    "policy-unreachable": ("error", "run 'colocroute postconf --apply' and 'postfix reload'"),
    "unlisted-domain": ("error", "run 'colocroute postconf --apply' and 'postfix reload'"),
    "mirror-empty": ("error", "see 'colocroute status'; start the service"),
    "mirror-held": ("error", "see 'colocroute accept', or let the directory come back"),
    "file-unreadable": ("error", ""),
    "postfix-unreadable": (
        "error",
        "correct what postconf complains of; nothing else was checked of Postfix",
    ),
    # something is not as somebody meant it to be
    "foreign-address": ("warning", "remove the value, or add its domain to routing.domains"),
    "address-in-site-domain": ("warning", "remove the value: only routes belong into a site domain"),
    "unusable-value": ("warning", "correct or remove the value"),
    "imap-server-mismatch": ("warning", "correct the server or the route"),
    "entrycsn-unreadable": ("warning", "grant the bind DN search on entryCSN"),
    "mirror-stale": ("warning", "see 'colocroute status'; the rest of this may have changed since"),
    "service-stopped": ("warning", "start the service; the rest of this may have changed since"),
    "directory-unreachable": ("warning", "see directory.uri, and the log of the directory"),
    "directory-warning": ("warning", "see the message"),
    "obsolete-domain": (
        "warning",
        "run 'colocroute postconf --apply' and 'postfix reload', unless it is meant",
    ),
    "unconfigured-domain": ("warning", "add it to routing.domains on every server"),
    "site-outside-domains": (
        "warning",
        "move the site below a public domain, or add the domain above it to routing.domains if that is yours",
    ),
    "delimiter-mismatch": ("warning", "set routing.recipient_delimiter as in main.cf, or run postconf -e"),
}


def finding(
    code: str, subject: str, message: str, *, remedy: str = "", level: Level | None = None
) -> Finding:
    """A finding with the level and remedy of its code, unless others are given."""
    usual, advice = CODES[code]
    return Finding(level=level or usual, code=code, subject=subject, message=message, remedy=remedy or advice)
