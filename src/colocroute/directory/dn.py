"""Distinguished names in one spelling, so that two writings of one name compare equal.

Owns the string form of RFC 4514 and its normalisation: attribute types in lower case, no spaces around
separators, values case-folded with runs of spaces made one, escapes in one form.  Must not know LDAP
messages, files or the schema.

Known limit: every value is compared without regard to case, whatever the directory's schema says.
"""

import re
from functools import lru_cache

ESCAPED_IN_VALUE = re.compile(r'[,+"\\<>;=\x00]')  # RFC 4514, 2.4 (and "=", which may be escaped)
PLAIN = re.compile(r"[A-Za-z0-9@._-]*")
HEX_PAIR = re.compile(r"[0-9A-Fa-f]{2}")
UNUSUAL = re.compile(r'[\\"+;]')  # what makes a DN more than a list of attribute=value
TYPE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)*")  # RFC 4512, 1.4: oid


def split(dn: str) -> tuple[str, ...]:
    """The normalised relative names of `dn`, the entry's own first.  Raises ValueError on bad syntax."""
    if not dn.strip(" "):
        return ()
    if not UNUSUAL.search(dn):
        own, comma, superior = dn.partition(",")
        return (_assertion(own), *_superior(superior)) if comma else (_assertion(own),)
    rdns: list[str] = []
    parts: list[str] = []
    for assertion, separator in _assertions(dn):
        parts.append(_assertion(assertion))
        if separator != "+":
            rdns.append("+".join(sorted(parts)))
            parts = []
    return tuple(rdns)


def normalise(dn: str) -> str:
    """`dn` in the one spelling.  Raises ValueError on bad syntax."""
    return ",".join(split(dn))


def is_below(rdns: tuple[str, ...], base: tuple[str, ...]) -> bool:
    """Whether the entry (both as from `split`) is the base itself or lies below it."""
    return not base or rdns[-len(base) :] == base


@lru_cache(maxsize=1000)
def _superior(dn: str) -> tuple[str, ...]:
    """The normalised names of a plain DN: many entries have the same superior."""
    return tuple(map(_assertion, dn.split(",")))


def _assertions(dn: str) -> list[tuple[str, str]]:
    """`dn` cut at its unescaped separators, each piece with the separator that follows it."""
    pieces: list[tuple[str, str]] = []
    start = position = 0
    quoted = False
    while position < len(dn):
        char = dn[position]
        if char == "\\":
            position += 1
        elif char == '"':
            quoted = not quoted
        elif char in ",;+" and not quoted:
            pieces.append((dn[start:position], "+" if char == "+" else ","))
            start = position + 1
        position += 1
    if quoted:
        raise ValueError(f"quote not closed in the DN {dn!r}")
    pieces.append((dn[start:], ""))
    return pieces


def _assertion(text: str) -> str:
    kind, equals, value = text.partition("=")
    kind = kind.strip(" ").lower()
    if not equals or not TYPE.fullmatch(kind):
        raise ValueError(f"expected attribute=value in the DN, found {text.strip()!r}")
    if PLAIN.fullmatch(value):
        return f"{kind}={value.lower()}"
    return f"{kind}={_value(value)}"


def _value(text: str) -> str:
    """The value unescaped, folded, and escaped again in the one way."""
    stripped = text.strip(" ")
    if len(stripped) > 1 and stripped[0] == stripped[-1] == '"':  # RFC 4514, 3: the form of RFC 1779
        text = stripped[1:-1]
    plain = bytearray()
    position = 0
    while position < len(text):
        char = text[position]
        position += 1
        if char != "\\":
            plain += char.encode("utf-8", "surrogateescape")
        elif HEX_PAIR.fullmatch(text, position, position + 2):
            plain.append(int(text[position : position + 2], 16))
            position += 2
        elif position < len(text):
            plain += text[position].encode("utf-8", "surrogateescape")
            position += 1
        else:
            raise ValueError("the DN ends with a backslash")
    folded = " ".join(plain.decode("utf-8", "backslashreplace").casefold().split())
    return ESCAPED_IN_VALUE.sub(lambda match: f"\\{ord(match[0]):02x}", folded)
