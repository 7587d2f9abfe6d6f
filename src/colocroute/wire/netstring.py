"""Netstrings: where one is in a buffer, and how to write one.

Owns the framing of socketmap and its limit (https://cr.yp.to/proto/netstrings.txt).  Rule: an error is
found at the first byte that no continuation can mend, so an oversize length is refused before its body
arrives.  Must not know what is in the netstring.

Stricter than Postfix's netstring.c, which also reads leading zeros and a missing length as numbers.
"""

from colocroute.errors import PeerError

# Longest netstring, without its frame (Postfix dict_sockmap.c: DICT_SOCKMAP_DEF_MAX_REPLY).
LIMIT = 100_000

_PREFIX = len(str(LIMIT)) + 1
_COMMA = ord(",")
_ZERO = ord("0")


def encode(payload: bytes) -> bytes:
    """The payload framed; whether it is within `LIMIT` is the caller's care."""
    return b"%d:%b," % (len(payload), payload)


def locate(data: bytes | bytearray, start: int = 0) -> tuple[int, int] | None:
    """Begin and end of the payload of the netstring at `start`; None if it is not all there yet.

    The netstring ends with the byte at the returned end, its comma.  Raises `PeerError`.
    """
    colon = data.find(b":", start, start + _PREFIX)
    digits = data[start : colon if colon >= 0 else start + _PREFIX]
    if not digits.isdigit() or (digits[0] == _ZERO and len(digits) > 1) or int(digits) > LIMIT:
        if colon < 0 and not digits:
            return None
        raise PeerError(_mistake(digits))
    if colon < 0:
        return None
    begin = colon + 1
    stop = begin + int(digits)
    if len(data) <= stop:
        return None
    if data[stop] != _COMMA:
        raise PeerError(
            f"byte 0x{data[stop]:02x} where the comma after {stop - begin} bytes of netstring should be"
        )
    return begin, stop


def _mistake(digits: bytes | bytearray) -> str:
    """What is wrong with the first byte of a length that is wrong."""
    length = 0
    for index, byte in enumerate(digits):
        if not _ZERO <= byte <= _ZERO + 9:
            return f"byte 0x{byte:02x} where the length of a netstring should be"
        if index and not length:
            return "leading zero in the length of a netstring"
        length = length * 10 + byte - _ZERO
        if length > LIMIT:
            return f"netstring of {length} bytes or more, the limit is {LIMIT}"
    return "colon where the length of a netstring should be"
