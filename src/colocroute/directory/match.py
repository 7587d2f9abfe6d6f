"""What a filter says of an entry: filters compiled to functions.

Owns matching as a directory does it, as far as that is possible without its schema; also the other names by
which standard attributes and classes go.  The directory has already chosen the entries: this decides only
which of several filters chose one.  Must not know LDAP messages.

Known limits: every value is compared as a directory string without regard to case (numbers by value in `>=`
and `<=`), `~=` is equality, and of inheritance among classes only the standard one of persons is known.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping

from colocroute.directory.filter import And, Compare, Filter, Not, Or, Present, Substrings

Attributes = Mapping[bytes, list[bytes]]
Predicate = Callable[[Attributes], bool]

SEPARATOR = re.compile(r" ?([,=+]) ?")
REMEMBERED = 1000  # values known not to match: an objectClass is folded once, not for each of its entries
NUMBER = re.compile(r"-?[0-9]{1,30}")

# RFC 4519 and RFC 2798: the name that a directory answers with for each that may be asked for.
CANONICAL = {
    "userid": "uid",
    "rfc822mailbox": "mail",
    "commonname": "cn",
    "surname": "sn",
    "gn": "givenname",
    "organizationname": "o",
    "organizationalunitname": "ou",
    "localityname": "l",
    "stateorprovincename": "st",
    "countryname": "c",
    "domaincomponent": "dc",
}
OTHER_NAMES = {name.encode(): standard.encode() for name, standard in CANONICAL.items()}

# RFC 4519, 3 and RFC 2798: an entry of the class on the right is one of the class on the left, listed or not.
SUBCLASSES = {
    "person": {"organizationalperson", "inetorgperson", "residentialperson"},
    "organizationalperson": {"inetorgperson"},
}


def canonical(name: str) -> bytes:
    """The key under which the attribute's values stand in an entry: lower case, the standard name."""
    lower = name.lower()
    return CANONICAL.get(lower, lower).encode("utf-8", "backslashreplace")


def standard_names(attributes: Attributes) -> Attributes:
    """The entry, whose keys are in lower case, with keys as from `canonical`.

    Options (RFC 4512, 2.5) are dropped, and the values of one name joined.
    """
    if OTHER_NAMES.keys().isdisjoint(attributes) and b";" not in b"".join(attributes):
        return attributes
    standard: dict[bytes, list[bytes]] = {}
    for name, values in attributes.items():
        key = name.partition(b";")[0]
        key = OTHER_NAMES.get(key, key)
        standard[key] = standard[key] + values if key in standard else values
    return standard


def compile_filter(node: Filter) -> Predicate:
    """A function that says whether an entry matches; the keys of an entry are as from `canonical`."""
    if isinstance(node, And | Or):
        # Presence first: it costs least, and the order does not change the outcome.
        ordered = sorted(node.parts, key=lambda part: not isinstance(part, Present))
        parts = [compile_filter(part) for part in ordered]
        return _all_of(parts) if isinstance(node, And) else _any_of(parts)
    if isinstance(node, Not):
        return _none_of(compile_filter(node.part))
    key = canonical(node.name)
    if isinstance(node, Present):
        return lambda entry: key in entry
    if isinstance(node, Substrings):
        return _substrings(key, node)
    if node.operator in {"=", "~="}:
        return _equality(key, node)
    return _ordering(key, node)


def fold(value: bytes) -> str:
    """The value as it is compared, after RFC 4518 but for every syntax.

    Case and compatibility are folded, spaces collapsed, those around the separators of a DN dropped.
    """
    return _fold(value).strip(" ")


def _fold(value: bytes) -> str:
    text = value.decode("utf-8", "backslashreplace")
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    text = re.sub(r"\s+", " ", text.lower())
    return SEPARATOR.sub(r"\1", text) if "=" in text else text


def _all_of(parts: list[Predicate]) -> Predicate:
    if len(parts) == 2:
        first, second = parts
        return lambda entry: first(entry) and second(entry)
    return lambda entry: all(part(entry) for part in parts)


def _any_of(parts: list[Predicate]) -> Predicate:
    return lambda entry: any(part(entry) for part in parts)


def _none_of(part: Predicate) -> Predicate:
    return lambda entry: not part(entry)


def _equality(key: bytes, node: Compare) -> Predicate:
    folded = fold(node.value)
    wanted = {folded}
    if key == b"objectclass":
        if folded == "top":
            return lambda entry: True  # noqa: ARG005  every entry is of this class
        wanted |= SUBCLASSES.get(folded, set())
    rejected: set[bytes] = set()

    def matches(entry: Attributes) -> bool:
        values = entry.get(key, ())
        if rejected.issuperset(values):
            return False
        for value in values:
            if value in rejected:
                continue
            if fold(value) in wanted:
                return True
            if len(rejected) < REMEMBERED:
                rejected.add(value)
        return False

    return matches


def _ordering(key: bytes, node: Compare) -> Predicate:
    limit = fold(node.value)
    upwards = node.operator == ">="

    def matches(entry: Attributes) -> bool:
        return any(_is_ordered(fold(value), limit, upwards) for value in entry.get(key, ()))

    return matches


def _is_ordered(value: str, limit: str, upwards: bool) -> bool:
    if NUMBER.fullmatch(value) and NUMBER.fullmatch(limit):
        return int(value) >= int(limit) if upwards else int(value) <= int(limit)
    return value >= limit if upwards else value <= limit


def _substrings(key: bytes, node: Substrings) -> Predicate:
    pieces = [_fold(piece) for piece in node.pieces]
    first, *middle, last = pieces
    first, last = first.lstrip(" "), last.rstrip(" ")

    def value_matches(value: str) -> bool:
        if not value.startswith(first):
            return False
        at = len(first)
        for piece in middle:
            found = value.find(piece, at)
            if found < 0:
                return False
            at = found + len(piece)
        return len(value) - at >= len(last) and value.endswith(last)

    def matches(entry: Attributes) -> bool:
        return any(value_matches(fold(value)) for value in entry.get(key, ()))

    return matches
