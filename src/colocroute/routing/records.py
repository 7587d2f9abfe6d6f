"""From a directory entry to what the mirror keeps of it, and to the keys that find it.

Owns which values of an entry are usable and how they are spelled from then on.  Its rule: a value that is no
address never becomes an answer, and is kept for diagnosis instead of being lost.  Every entry of a refresh
passes here, so values that are plain already (the bulk of any directory) are not taken apart.  Must not know
which domains are public or a site's: that may change after the entry was stored.

Blanks around a value do not count, as in LDAP's matching rules (RFC 4518 section 2.6.1).
"""

from collections.abc import Callable, Iterable, Sequence

from colocroute.model import Entry, Keys, Record, SiteEntry, User, UserEntry
from colocroute.routing.address import (
    VALUE_LIMIT,
    all_plain,
    all_plain_logins,
    domain_of,
    fold,
    fold_domain,
    fold_login,
    is_plain_but_for_case,
    parse,
    render,
)

_NO_KEYS = Keys()


def record(entry: Entry) -> Record:
    """What the mirror keeps of an entry: values in the answered form, unusable ones set aside."""
    return Record(
        dn=entry.dn,
        user=None if entry.user is None else _user(entry.user),
        site=None if entry.site is None else SiteEntry(_domains(entry.site.domains), entry.site.nexthops),
        domains=_domains(entry.domains) if entry.domains else (),
    )


def keys(record: Record) -> Keys:
    """The folded keys of a record that `record` made, each once, in its order; none while disabled."""
    user = record.user
    if user is None or not user.enabled:
        return _NO_KEYS
    text = " ".join((*user.addresses, *user.routes, *user.logins))
    written_one_way = text.isascii() and '"' not in text
    if written_one_way and text == text.lower():
        addresses, routes, logins = user.addresses, user.routes, user.logins
    else:
        addresses = _each_once(map(address_key, user.addresses))
        routes = _each_once(map(fold, user.routes))
        logins = _each_once(map(fold_login, user.logins))
    domains = map(domain_of, routes)
    if len(routes) != 1:
        return Keys(addresses, routes, logins, _each_once(domains))
    has_catch_all = text[:1] == "@" or " @" in text
    is_direct = written_one_way and not has_catch_all and user.routes[0] == routes[0]
    direct = routes[0] if is_direct else ""
    return Keys(addresses, routes, logins, tuple(domains), direct)


def address_key(value: str) -> str | None:
    """The key of an address value: `@domain` for a catch-all."""
    return value if value.startswith("@") else fold(value)


def _user(entry: UserEntry) -> User:
    unusable: list[str] = []
    addresses, routes, logins = entry.addresses, entry.routes, entry.logins
    values = addresses + routes
    if not all_plain(values) or len(frozenset(values)) < len(values):
        addresses = _usable(addresses, _address_value, address_key, unusable)
        routes = _usable(routes, _route_value, fold, unusable)
    if len(logins) > 1 or not all_plain_logins(logins):
        logins = _usable(logins, _login_value, fold_login, unusable)
    return User(
        addresses=addresses,
        routes=routes,
        logins=logins,
        imap_server=_server(entry.imap_server, unusable),
        smtp_server=_server(entry.smtp_server, unusable),
        enabled=entry.enabled,
        unusable=tuple(unusable),
    )


def _usable(
    values: Sequence[str],
    answered_form: Callable[[str], str | None],
    key_form: Callable[[str], str | None],
    unusable: list[str],
) -> tuple[str, ...]:
    """The values in their answered form, one for each key: the first; the others go to `unusable`."""
    usable: dict[str, str] = {}
    for value in values:
        answered = answered_form(value)
        key = answered and key_form(answered)
        if not answered or not key or max(len(answered.encode()), len(key.encode())) > VALUE_LIMIT:
            unusable.append(value)
        else:
            usable.setdefault(key, answered)
    return tuple(usable.values())


def _address_value(value: str) -> str | None:
    text = value.strip(" ")
    if not text.startswith("@"):
        return _route_value(text)
    domain = fold_domain(text[1:])
    return None if domain is None else f"@{domain}"


def _route_value(value: str) -> str | None:
    """The answered form of an address.

    A quotation mark or backslash outside a quoted string is refused: it is a slip, or the mark of bytes that
    were not UTF-8 (`model.Entry`), and would name a mailbox that nobody has.
    """
    if is_plain_but_for_case(value):
        local, _, domain = value.rpartition("@")
        return f"{local}@{domain.lower()}"
    text = value.strip(" ")
    address = parse(text)
    if address is None:
        return None
    is_as_written = text.startswith(f"{address.local}@")
    if is_as_written and ('"' in address.local or "\\" in address.local):
        return None
    return render(address)


def _login_value(value: str) -> str | None:
    text = value.strip(" ")
    return None if fold_login(text) is None else text


def _server(value: str, unusable: list[str]) -> str:
    """A host for web front ends; not judged but for what would break a line-oriented reply."""
    text = value.strip(" ")
    if text.isprintable() and len(text) <= VALUE_LIMIT:
        return text
    unusable.append(value)
    return ""


def _domains(values: Iterable[str]) -> tuple[str, ...]:
    return _each_once(map(fold_domain, values))


def _each_once(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, values)))
