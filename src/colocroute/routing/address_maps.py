"""The maps whose key is an address (or, for web front ends, a login): who is meant, and what is said of them.

Owns one function per map, `(view, key) -> answer`, each a line of the table in DESIGN.md section 5.  Who is
meant is found by `resolve`, the same for all.  Must not know the wire, clocks or what holds the data.
"""

from collections.abc import Callable

from colocroute.model import NOT_FOUND, Answer, Found, State, TempFail, User
from colocroute.routing.address import Address, domain_of, fold, fold_login, parse, render
from colocroute.routing.resolve import (
    How,
    Match,
    Question,
    absent,
    owners_disagree,
    question,
    resolve,
    resolve_or_catch_all,
    route_of,
    shown,
)
from colocroute.routing.view import View

EXPANSION_LIMIT = 1_000
"""Octets of an expanded address that cleanup(8) takes: `virtual_alias_address_length_limit`."""

DEFAULT_SERVER = "localhost"
"""What a web front end is told of a user without `imapServer` or `smtpServer`."""

Resolver = Callable[[View, Question], Match | None]


def virtual_alias(view: View, key: str) -> Answer:
    """Public address or former route address: the current route address.

    A current route address is NotFound, which ends Postfix's recursion (`cleanup_map1n.c`); so is a bare
    domain, for `virtual_alias_domains` defaults to this map.
    """
    return _look_up(view, key, resolve_or_catch_all, _expand)


def mailbox(view: View, key: str) -> Answer:
    """Route address of a site that is here: the mailbox name, unquoted."""
    return _look_up(view, key, resolve, _mailbox)


def relay_recipient(view: View, key: str) -> Answer:
    """Route address of a site that is elsewhere: the route address."""
    return _look_up(view, key, resolve, _relay_recipient)


def recipient(view: View, key: str) -> Answer:
    """Public or route address: the current route address."""
    return _look_up(view, key, resolve_or_catch_all, _recipient)


def generic(view: View, key: str) -> Answer:
    """Route address, current or former: the primary public address.

    Never TempFail, for smtp(8) dies of it (`smtp_map11.c`).
    """
    asked = question(view, key)
    match = None if asked is None or view.state is State.EMPTY else resolve(view, asked)
    if match is None or match.how not in (How.ROUTE, How.FORMER):
        return NOT_FOUND
    candidates = [address for user in match.users if (address := primary_address(view, user))]
    return Found(min(candidates)) if candidates else NOT_FOUND


def sender_login(view: View, key: str) -> Answer:
    """Public or route address: the logins of every owner, comma separated."""
    return _look_up(view, key, resolve, _logins)


def imap_server(view: View, key: str) -> Answer:
    """Public address, route address or login: the IMAP server of the user."""
    return _server(view, key, lambda user: user.imap_server)


def smtp_server(view: View, key: str) -> Answer:
    """Public address, route address or login: the SMTP server of the user."""
    return _server(view, key, lambda user: user.smtp_server)


def primary_address(view: View, user: User) -> str | None:
    """The first address value of a user that is an address in a public domain; None if there is none."""
    public = view.topology.public
    return next((a for a in user.addresses if a[0] != "@" and domain_of(a) in public), None)


def _look_up(view: View, key: str, resolver: Resolver, say: Callable[[View, Match], Answer]) -> Answer:
    asked = question(view, key)
    if asked is None:
        return NOT_FOUND
    match = None if view.state is State.EMPTY else resolver(view, asked)
    return absent(view, asked.key) if match is None else say(view, match)


def _expand(view: View, match: Match) -> Answer:
    if match.how is How.ROUTE:
        return NOT_FOUND
    route = route_of(view, match)
    if isinstance(route, TempFail):
        return route
    if match.extension and view.rules.propagate_extension:
        return Found(_extended(view, route, match.extension))
    return Found(route)


def _extended(view: View, route: str, extension: str) -> str:
    """The route with an extension, or without it where Postfix would refuse the length for ever.

    Also without it where the longer address would not lead back to the route: with `+-` as delimiters
    `anna-maria+news@...` is one of `anna`, and with `owner-` in front it is nobody's.
    """
    address = parse(route)
    if address is None:
        return route
    extended = render(Address(address.local + extension, address.domain))
    if len(extended.encode()) > EXPANSION_LIMIT:
        return route
    asked = question(view, extended)
    found = resolve(view, asked) if asked else None
    leads_back = found is not None and found.how is How.ROUTE and found.key == fold(route)
    return extended if leads_back else route


def _mailbox(view: View, match: Match) -> Answer:
    if match.how is How.ADDRESS:
        return NOT_FOUND
    route = route_of(view, match)
    if isinstance(route, TempFail):
        return route
    address = parse(route)
    return Found(address.local) if address and view.topology.sites[address.domain].here else NOT_FOUND


def _relay_recipient(view: View, match: Match) -> Answer:
    if match.how is How.ADDRESS:
        return NOT_FOUND
    route = route_of(view, match)
    if isinstance(route, TempFail):
        return route
    return NOT_FOUND if view.topology.sites[domain_of(route)].here else Found(route)


def _recipient(view: View, match: Match) -> Answer:
    route = route_of(view, match)
    return route if isinstance(route, TempFail) else Found(route)


def _logins(_view: View, match: Match) -> Answer:
    logins = sorted({login for user in match.users for login in user.logins})
    return Found(",".join(logins)) if logins else NOT_FOUND


def _server(view: View, key: str, server_of: Callable[[User], str]) -> Answer:
    asked = question(view, key)
    login = fold_login(key)
    if asked is None and (login is None or "@" in login):
        return NOT_FOUND
    name = asked.key if asked else key
    if view.state is State.EMPTY:
        return absent(view, name)
    match = resolve(view, asked) if asked else None
    if match is not None and owners_disagree(match.users):
        return TempFail(f"{shown(match.key)} has several routes")
    users = match.users if match is not None else view.users_by_login(login or "")
    servers = {server_of(user) or DEFAULT_SERVER for user in users}
    if len(servers) > 1:
        return TempFail(f"{shown(name)} has several servers: {', '.join(sorted(servers))}")
    return Found(servers.pop()) if servers else absent(view, name)
