"""Search filters as values: the string form of RFC 4515 into a tree and back.

Owns the grammar, the names a filter mentions and the escaping of values.  What a filter means for an entry is
in `match`.  Must not know LDAP messages or the schema.

Known limits: extensible matches, attribute options, numeric attribute names and the empty `(&)` and `(|)` of
RFC 4526 are refused, because they cannot be evaluated here as the directory would.  Spaces between
parentheses are allowed, as in OpenLDAP's tools.
"""

import re
from collections.abc import Iterator

import msgspec

MAX_DEPTH = 50  # ours; OpenLDAP filter.c: SLAP_MAX_FILTER_DEPTH is 1000
NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")  # RFC 4512, 1.4: descr
OPERATOR = re.compile(r"\s*(~=|>=|<=|:[^=()]*:?=|=)")
VALUE = re.compile(r"(?:[^()\\*\0]|\\[0-9A-Fa-f]{2})*")
HEX_ESCAPE = re.compile(rb"\\([0-9A-Fa-f]{2})")
PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@.-_=,:/+")
SPACE = re.compile(r"\s*")


class FilterError(ValueError):
    """The text is not a usable filter; says what is wrong and at which character (from 1)."""


class And(msgspec.Struct, frozen=True):
    """All of the parts."""

    parts: tuple["Filter", ...]


class Or(msgspec.Struct, frozen=True):
    """At least one of the parts."""

    parts: tuple["Filter", ...]


class Not(msgspec.Struct, frozen=True):
    """Not the part."""

    part: "Filter"


class Present(msgspec.Struct, frozen=True):
    """The attribute (as written) has a value."""

    name: str


class Compare(msgspec.Struct, frozen=True):
    """A value of the attribute compares so; `operator` is `=`, `~=`, `>=` or `<=`."""

    name: str
    operator: str
    value: bytes


class Substrings(msgspec.Struct, frozen=True):
    """A value begins with the first piece, has the middle ones in order and ends with the last.

    The first and the last may be empty.
    """

    name: str
    pieces: tuple[bytes, ...]


Filter = And | Or | Not | Present | Compare | Substrings


def parse(text: str) -> Filter:
    """The filter that `text` spells.  Raises `FilterError`."""
    parser = _Parser(text)
    found = parser.filter(0)
    parser.skip_space()
    if parser.at < len(text):
        raise parser.error("nothing may follow the last parenthesis")
    return found


def render(node: Filter) -> str:
    """The filter as text in one spelling, which every parser of RFC 4515 reads alike."""
    if isinstance(node, And | Or):
        sign = "&" if isinstance(node, And) else "|"
        return f"({sign}{''.join(map(render, node.parts))})"
    if isinstance(node, Not):
        return f"(!{render(node.part)})"
    if isinstance(node, Present):
        return f"({node.name}=*)"
    if isinstance(node, Compare):
        return f"({node.name}{node.operator}{_escape(node.value)})"
    return f"({node.name}={'*'.join(map(_escape, node.pieces))})"


def names(node: Filter) -> Iterator[str]:
    """The attributes that the filter mentions, as written, in order, with repetitions."""
    if isinstance(node, And | Or):
        for part in node.parts:
            yield from names(part)
    elif isinstance(node, Not):
        yield from names(node.part)
    else:
        yield node.name


def _escape(value: bytes) -> str:
    return "".join(chr(byte) if byte in PLAIN else f"\\{byte:02x}" for byte in value)


def _unescape(text: str) -> bytes:
    return HEX_ESCAPE.sub(
        lambda match: bytes.fromhex(match[1].decode()), text.encode("utf-8", "surrogateescape")
    )


class _Parser:
    """A position in the text; each method reads one production and moves on."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def error(self, what: str) -> FilterError:
        return FilterError(f"filter {self.text!r}, character {self.at + 1}: {what}")

    def skip_space(self) -> None:
        match = SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def next_is(self, char: str) -> bool:
        return self.text.startswith(char, self.at)

    def expect(self, char: str) -> None:
        if not self.next_is(char):
            found = repr(self.text[self.at]) if self.at < len(self.text) else "the end"
            raise self.error(f"expected {char!r}, found {found}")
        self.at += 1

    def filter(self, depth: int) -> Filter:
        if depth > MAX_DEPTH:
            raise self.error(f"more than {MAX_DEPTH} parentheses inside each other")
        self.skip_space()
        self.expect("(")
        self.skip_space()
        sign = self.text[self.at : self.at + 1]
        found: Filter
        if sign in {"&", "|", "!"}:
            self.at += 1
            parts = self.parts(depth + 1)
            if sign == "!":
                if len(parts) > 1:
                    raise self.error("only one filter may follow '!'")
                found = Not(parts[0])
            else:
                found = And(parts) if sign == "&" else Or(parts)
        else:
            found = self.item()
        self.expect(")")
        return found

    def parts(self, depth: int) -> tuple[Filter, ...]:
        parts = [self.filter(depth)]
        self.skip_space()
        while self.next_is("("):
            parts.append(self.filter(depth))
            self.skip_space()
        return tuple(parts)

    def item(self) -> Filter:
        name = self.name()
        match = OPERATOR.match(self.text, self.at)
        if not match:
            raise self.error(f"expected '=', '~=', '>=' or '<=' after {name!r}")
        operator = match[1]
        if operator.startswith(":"):
            raise self.error("extensible matches (:=) are not supported")
        self.at = match.end()
        pieces = self.pieces()
        if len(pieces) == 1:
            return Compare(name, operator, pieces[0])
        if operator != "=":
            raise self.error(f"'*' cannot be used with {operator!r}: write it as \\2a")
        if pieces == (b"", b""):
            return Present(name)
        if not all(pieces[1:-1]):
            raise self.error("two '*' in a row")
        return Substrings(name, pieces)

    def name(self) -> str:
        match = NAME.match(self.text, self.at)
        if not match:
            if self.next_is(":"):
                raise self.error("extensible matches (:rule:=value) are not supported")
            raise self.error("expected the name of an attribute")
        self.at = match.end()
        if self.next_is(";"):
            raise self.error(f"attribute options are not supported: write {match[0]!r} alone")
        return match[0]

    def pieces(self) -> tuple[bytes, ...]:
        """The value up to the closing parenthesis, cut at its stars."""
        pieces: list[bytes] = []
        while True:
            match = VALUE.match(self.text, self.at)
            self.at = match.end() if match else self.at
            pieces.append(_unescape(match[0] if match else ""))
            if self.next_is("\\"):
                raise self.error("a backslash must be followed by two hexadecimal digits")
            if not self.next_is("*"):
                return tuple(pieces)
            self.at += 1
