"""The kinds of value a setting may have, each with what it accepts and how it is written.

Owns the checks that need one value only; what depends on two settings is in `rules`.  Must not know LDAP:
a filter or a DN is text here.  Strings are taken as they are, never stripped.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Literal, TypeVar, get_args
from urllib.parse import unquote, urlsplit

from colocroute.config import units
from colocroute.config.setting import Kind, WrongValueError
from colocroute.config.units import quote

T = TypeVar("T")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAPPED_PREFIX = 96  # bits in front of the IPv4 address (RFC 4291, 2.5.5.2)

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def toml_string(text: str) -> str:
    """A TOML basic string."""
    inner = "".join(_ESCAPES.get(c, f"\\u{ord(c):04X}" if _CONTROL.match(c) else c) for c in text)
    return f'"{inner}"'


def of_text(raw: object) -> str:
    """`raw` if it is a string without control characters."""
    if not isinstance(raw, str):
        raise ValueError(f"{shown(raw)} is not a string")
    if _CONTROL.search(raw):
        raise ValueError(f"{quote(raw)} has a control character")
    return raw


def shown(raw: object) -> str:
    """A TOML value of any type, short enough for an error message."""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, str):
        return quote(raw)
    if isinstance(raw, dict):
        return "a table"
    return "a list" if isinstance(raw, list) else str(raw)[:80]


def text(noun: str, example: str, pattern: str = "", *, empty: bool = False) -> Kind[str]:
    """A string, matching `pattern` if there is one; the empty string only where it has a meaning."""

    def parse(raw: object) -> str:
        value = of_text(raw)
        if not value and not empty:
            raise ValueError("is empty")
        if value and pattern and re.fullmatch(pattern, value) is None:
            raise ValueError(f"{quote(value)} is not {noun}")
        return value

    either = '"" or ' if empty else ""
    return Kind(f"{either}{noun} such as {toml_string(example)}", parse, toml_string)


def spelled(expects: str, read: Callable[[str], T], show: Callable[[T], str]) -> Kind[T]:
    """A value that is written as a string and read by a function of its own."""
    return Kind(expects, lambda raw: read(of_text(raw)), lambda value: toml_string(show(value)))


def flag() -> Kind[bool]:
    """A truth value."""

    def parse(raw: object) -> bool:
        if not isinstance(raw, bool):
            raise ValueError(f"{shown(raw)} is not a truth value")
        return raw

    return Kind("true or false, without quotes", parse, lambda value: "true" if value else "false")


def integer(least: int, most: int) -> Kind[int]:
    """A whole number within bounds."""

    def parse(raw: object) -> int:
        if not isinstance(raw, int) or isinstance(raw, bool):
            raise ValueError(f"{shown(raw)} is not a whole number")
        if not least <= raw <= most:
            raise ValueError(f"{shown(raw)} is out of range")
        return raw

    return Kind(f"a whole number from {least} to {most}", parse, str)


def duration(least: str, most: str = "3650d") -> Kind[float]:
    """A span of time within bounds, in seconds."""
    low, high = units.parse_duration(least), units.parse_duration(most)

    def read(value: str) -> float:
        seconds = units.parse_duration(value)
        if not low <= seconds <= high:
            raise ValueError(f"{quote(value)} is out of range")
        return seconds

    expects = f'a duration from "{least}" to "{most}", a whole number with us, ms, s, m, h or d'
    return spelled(expects, read, units.show_duration)


def choice(literal: object) -> Kind[str]:
    """One of the words of a `Literal`."""
    words: tuple[str, ...] = get_args(literal)

    def read(value: str) -> str:
        if value not in words:
            raise ValueError(f"{quote(value)} is not known")
        return value

    return spelled("one of " + ", ".join(map(toml_string, words)), read, str)


def auto(kind: Kind[T]) -> Kind[T | Literal["auto"]]:
    """The word `auto`, or something else."""

    def parse(raw: object) -> T | Literal["auto"]:
        return "auto" if raw == "auto" else kind.parse(raw)

    def show(value: T | Literal["auto"]) -> str:
        return '"auto"' if value == "auto" else kind.show(value)

    return Kind(f'"auto" or {kind.expects}', parse, show)


def optional(kind: Kind[str]) -> Kind[str]:
    """Something, or the empty string for none."""
    return Kind(f'"" or {kind.expects}', lambda raw: "" if raw == "" else kind.parse(raw), toml_string)


def many(expects: str, kind: Kind[T], *, least: int = 0, bare: bool = False) -> Kind[tuple[T, ...]]:
    """A list without repetition of at least `least`; if `bare`, one element may stand without brackets."""

    def parse(raw: object) -> tuple[T, ...]:
        items = [raw] if bare and isinstance(raw, str) else raw
        if not isinstance(items, list):
            raise ValueError(f"{shown(raw)} is not a list")
        values, mistakes = _parsed([(shown(item), item) for item in items], kind)
        mistakes += [f"{kind.show(value)} is there twice" for value in _repeated(values)]
        if len(items) < least:
            mistakes.append("the list is empty")
        if mistakes:
            raise WrongValueError(*mistakes)
        return tuple(values)

    def show(values: tuple[T, ...]) -> str:
        parts = [kind.show(value) for value in values]
        return parts[0] if bare and len(parts) == 1 else f"[{', '.join(parts)}]"

    return Kind(expects, parse, show)


def table(expects: str, kind: Kind[T]) -> Kind[Mapping[str, T]]:
    """A table of values of one kind."""

    def parse(raw: object) -> Mapping[str, T]:
        if not isinstance(raw, dict):
            raise ValueError(f"{shown(raw)} is not a table")
        values, mistakes = _parsed(list(raw.items()), kind, named=True)
        if mistakes:
            raise WrongValueError(*mistakes)
        return dict(zip(raw, values, strict=True))

    def show(values: Mapping[str, T]) -> str:
        inner = ", ".join(f"{name} = {kind.show(value)}" for name, value in values.items())
        return "{ " + inner + " }" if inner else "{}"

    return Kind(expects, parse, show)


def read_domain(value: str) -> str:
    """A domain as lower-case A-labels."""
    name = value.lower()
    if not name.isascii():
        name = _a_labels(value)
    labels = name.split(".")
    if len(name) > 253 or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit():
        raise ValueError(f"{quote(value)} is not a domain")
    return name


def read_network(value: str) -> Network:
    """A single address or CIDR; IPv4-mapped IPv6 as IPv4, which is how clients are compared with it."""
    try:
        interface = ipaddress.ip_interface(value)
        if isinstance(interface, ipaddress.IPv6Interface) and interface.ipv4_mapped:
            length = interface.network.prefixlen - MAPPED_PREFIX
            if length < 0:
                raise ValueError("its prefix reaches beyond IPv4, write it as IPv4")
            return ipaddress.IPv4Network((interface.ipv4_mapped, length))
        return ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError(f"{quote(value)} is not a network: {error}") from None


def read_ip(value: str) -> str:
    """An IP address in its shortest form."""
    try:
        return ipaddress.ip_address(value).compressed
    except ValueError:
        raise ValueError(f"{quote(value)} is not an IP address") from None


def read_delimiters(value: str) -> str:
    """A set of characters that may part a local part from its extension; Postfix's `recipient_delimiter`."""
    for character in value:
        if character.isalnum() or character in '@" ' or not character.isascii():
            raise ValueError(f"{quote(character)} cannot be a delimiter")
    return value


def read_uri(value: str) -> str:
    """Where a directory is: an LDAP server or an LDIF file."""
    try:
        usable = _is_uri(value)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"{quote(value)} is not the address of a directory")
    return value


def read_socket(value: str) -> str:
    """`unix:PATH` or `inet:HOST:PORT`, normalised."""
    return str(units.parse_address(value))


def read_endpoint(value: str) -> str:
    """`HOST:PORT`, normalised."""
    return units.show_endpoint(units.parse_endpoint(value))


def _is_uri(value: str) -> bool:
    """Whether it is an LDAP URL (RFC 4516) of a server alone, or an LDIF file; may raise `ValueError`."""
    parts = urlsplit(value)
    if parts.query or parts.fragment or not value.startswith(f"{parts.scheme}:"):
        return False
    if parts.scheme == "ldif":
        return not parts.netloc and parts.path.startswith("/")
    if parts.scheme == "ldapi":
        place = unquote(parts.netloc + parts.path)
        return value.startswith("ldapi://") and (not place or place.startswith("/"))
    server = bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    return parts.scheme in ("ldap", "ldaps") and server and parts.path in ("", "/")


def _a_labels(value: str) -> str:
    import idna  # its tables take time to load, and few domains need them

    try:
        return idna.encode(value, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError(f"{quote(value)} is not a domain: {error}") from None


def _parsed(
    items: list[tuple[str, object]], kind: Kind[T], *, named: bool = False
) -> tuple[list[T], list[str]]:
    """The values of those that can be parsed, and the mistakes of the others."""
    values, mistakes = [], []
    for name, item in items:
        try:
            values.append(kind.parse(item))
        except ValueError as error:
            mistakes.append(f"{name}: {error}" if named else str(error))
    return values, mistakes


def _repeated(values: list[T]) -> list[T]:
    return [
        value for at, value in enumerate(values) if value in values[:at] and value not in values[at + 1 :]
    ]
