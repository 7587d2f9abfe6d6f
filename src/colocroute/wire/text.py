"""What may stand in a value and in a reason, whatever the protocol that carries them.

Owns the rules the codecs share: which values can be told to Postfix, how a reason becomes one printable
line.  Must not know any protocol, nor any other module of the package.
"""

import re

# Longest reason that Postfix logs (dict_sockmap.c: `%.200s`).
REASON_LIMIT = 200

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_PRINTABLE = bytes(byte if 0x20 <= byte <= 0x7E else ord("?") for byte in range(256))


def sendable(value: str) -> bytes | None:
    """The value in UTF-8, or None if Postfix must not get it.

    An empty result pages the postmaster, NUL ends a C string, a newline is the frame of two of the
    protocols, no other control character is allowed in an address (RFC 5321, 4.1.2), and a lone surrogate
    has no UTF-8.
    """
    if value.isprintable() and value.strip(" "):
        return value.encode()
    try:
        data = value.encode()
    except UnicodeEncodeError:
        return None
    if not data.strip() or _CONTROL.search(data):
        return None
    return data


def printable(text: str, limit: int = REASON_LIMIT) -> bytes:
    """One line of printable ASCII, at most `limit` bytes: control characters as `?`, others as `\\xNN`."""
    return text.encode("ascii", "backslashreplace").translate(_PRINTABLE)[:limit]
