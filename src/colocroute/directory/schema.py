"""From a directory entry to the model: which entries are asked for, and what their attributes mean.

Owns the `[schema]` section, the search filter and attribute list that follow from it, and the mapping, which
runs for every entry of a refresh and is built once for that.  Must not know LDAP messages, files or the
store; values are not judged here.

Known limits: those of `match`.  An entry that the directory chose though none of the filters matches it here
is taken for what its attributes say, and counted in `Mapper.doubtful`.
"""

import itertools
from collections.abc import Callable

import msgspec

from colocroute.directory import filter as filters
from colocroute.directory.filter import FilterError
from colocroute.directory.identity import UUID_KEY
from colocroute.directory.match import Attributes, Predicate, canonical, compile_filter, standard_names
from colocroute.model import Entry, SiteEntry, UserEntry

DISABLED = frozenset({b"NONE", b"FALSE", b"NO"})
MEANING = 1  # counts up when entries come to mean something else with the same configuration


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """The `[schema]` section; the defaults are the preset `open-xchange`.  An empty filter finds nothing."""

    user_filter: str = "(colocRouteAddress=*)"
    route: str = "colocRouteAddress"
    addresses: tuple[str, ...] = ("mail", "alias")
    login: str = "uid"
    imap_server: str = "imapServer"
    smtp_server: str = "smtpServer"
    enabled: str = "mailEnabled"
    site_filter: str = "(objectClass=suseMailTransport)"
    site_domain: str = "suseMailTransportDestination"
    site_nexthop: str = "suseMailTransportNexthop"
    domain_filter: str = "(&(relativeDomainName=@)(zoneName=*))"
    domain: str = "zoneName"

    def mistakes(self) -> list[str]:
        """One line for each value that cannot be used, `schema.key: reason`; empty when all is well."""
        found: list[str] = []
        for key in FILTER_KEYS:
            try:
                if text := getattr(self, key):
                    filters.parse(text)
            except FilterError as error:
                found.append(f"schema.{key}: {error}")
        if not any(getattr(self, key) for key in FILTER_KEYS):
            found.append("schema.user_filter: at least one of the filters must be set")
        named = [(key, getattr(self, key)) for key in ATTRIBUTE_KEYS if getattr(self, key)]
        named += [("addresses", name) for name in self.addresses]
        bad = [(key, name) for key, name in named if not filters.NAME.fullmatch(name)]
        found.extend(f"schema.{key}: {name!r} is not the plain name of an attribute" for key, name in bad)
        return found

    def search_filter(self) -> str:
        """One filter that finds users, sites and domains alike.  Raises `FilterError`."""
        parts = self._filters()
        return filters.render(parts[0] if len(parts) == 1 else filters.Or(tuple(parts)))

    def attributes(self) -> tuple[str, ...]:
        """The attributes to ask for: those that are mapped, and those that the filters name."""
        wanted = [getattr(self, key) for key in ATTRIBUTE_KEYS]
        wanted[1:1] = self.addresses
        named = itertools.chain.from_iterable(map(filters.names, self._filters()))
        unique = {name.lower(): name for name in [*wanted, *named] if name}
        return tuple(unique.values())

    def fingerprint(self, base: str) -> str:
        """All that decides what entries become: mirrors of one directory with the same text mean the same."""
        lines = [f"meaning = {MEANING}", f"base = {base}"]
        for key, value in msgspec.structs.asdict(self).items():
            shown = filters.render(filters.parse(value)) if key in FILTER_KEYS and value else value
            lines.append(f"{key} = {' '.join(shown) if isinstance(shown, tuple) else shown}")
        return "\n".join(lines)

    def mapper(self) -> "Mapper":
        """The mapping, built.  Raises `FilterError`."""
        return Mapper(self)

    def _filters(self) -> list[filters.Filter]:
        found = [filters.parse(text) for key in FILTER_KEYS if (text := getattr(self, key))]
        if not found:
            raise FilterError("no filter is set: nothing could be found")
        return found


FILTER_KEYS = ("user_filter", "site_filter", "domain_filter")
ATTRIBUTE_KEYS = (
    "route",
    "login",
    "imap_server",
    "smtp_server",
    "enabled",
    "site_domain",
    "site_nexthop",
    "domain",
)


class Mapper:
    """Called with id, DN and attributes (keys in lower case) of an entry; returns it as the model has it.

    `doubtful` counts the entries that no filter matched here, `doubtful_dn` is the last of them.
    """

    def __init__(self, schema: Schema) -> None:
        self.doubtful = 0
        self.doubtful_dn = ""
        self._is_user = _predicate(schema.user_filter)
        self._is_site = _predicate(schema.site_filter)
        self._is_domain = _predicate(schema.domain_filter)
        self._known = frozenset(map(canonical, schema.attributes())) | {UUID_KEY}
        self._addresses = tuple(map(canonical, schema.addresses))
        self._route = canonical(schema.route)
        self._login = canonical(schema.login)
        self._imap_server = canonical(schema.imap_server)
        self._smtp_server = canonical(schema.smtp_server)
        self._enabled = canonical(schema.enabled)
        self._site_domain = canonical(schema.site_domain)
        self._site_nexthop = canonical(schema.site_nexthop)
        self._domain = canonical(schema.domain)

    def __call__(self, entry_id: bytes, dn: bytes, attributes: Attributes) -> Entry:
        """An entry that the directory chose by `Schema.search_filter`."""
        if not self._known.issuperset(attributes):
            attributes = standard_names(attributes)
        entry = self._map(entry_id, dn, attributes)
        if entry.user is None and entry.site is None and not entry.domains:
            return self._by_attributes(entry, attributes)
        return entry

    def choose(self, entry_id: bytes, dn: bytes, attributes: Attributes) -> Entry | None:
        """Any entry, where there is no directory to choose; None if it has no part in routing."""
        entry = self._map(entry_id, dn, standard_names(attributes))
        return entry if entry.user is not None or entry.site is not None or entry.domains else None

    def _map(
        self,
        entry_id: bytes,
        dn: bytes,
        entry: Attributes,
        decode: Callable[[bytes], str] = bytes.decode,
    ) -> Entry:
        domains = entry.get(self._domain)
        try:
            return Entry(
                entry_id,
                decode(dn),
                self._user(entry, decode) if self._is_user(entry) else None,
                self._site(entry, decode) if self._is_site(entry) else None,
                tuple(map(decode, domains)) if domains and self._is_domain(entry) else (),
            )
        except UnicodeDecodeError:
            return self._map(entry_id, dn, entry, _decode_any)

    def _user(self, entry: Attributes, decode: Callable[[bytes], str]) -> UserEntry:
        get = entry.get
        addresses: list[bytes] = []
        for key in self._addresses:
            if values := get(key):
                addresses += values
        routes, logins = get(self._route, ()), get(self._login, ())
        imap_server, smtp_server = get(self._imap_server), get(self._smtp_server)
        enabled = get(self._enabled)
        # One route and one login are the rule, and quicker to decode without `map`.
        return UserEntry(
            tuple(map(decode, addresses)),
            (decode(routes[0]),) if len(routes) == 1 else tuple(map(decode, routes)),
            (decode(logins[0]),) if len(logins) == 1 else tuple(map(decode, logins)),
            decode(imap_server[0]) if imap_server else "",
            decode(smtp_server[0]) if smtp_server else "",
            not enabled or not any(value.strip().upper() in DISABLED for value in enabled),
        )

    def _site(self, entry: Attributes, decode: Callable[[bytes], str]) -> SiteEntry:
        return SiteEntry(
            tuple(map(decode, entry.get(self._site_domain, ()))),
            tuple(map(decode, entry.get(self._site_nexthop, ()))),
        )

    def _by_attributes(self, entry: Entry, attributes: Attributes) -> Entry:
        self.doubtful += 1
        self.doubtful_dn = entry.dn
        is_user = self._route in attributes or any(key in attributes for key in self._addresses)
        is_site = self._site_domain in attributes and self._site_nexthop in attributes
        return Entry(
            entry.id,
            entry.dn,
            self._user(attributes, _decode_any) if is_user else None,
            self._site(attributes, _decode_any) if is_site else None,
        )


def _predicate(text: str) -> Predicate:
    if not text:
        return lambda entry: False  # noqa: ARG005  an unset filter finds nothing
    return compile_filter(filters.parse(text))


def _decode_any(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
