"""The socketmap protocol, both sides: netstrings of `name SP key` in, netstrings of `WORD SP text` out.

Owns what a socketmap request and reply look like (socketmap_table(5), Postfix dict_sockmap.c).  Rules:
every well-framed request is a request, even one without a space or without a name; an answer is never
`PERM` and never an empty `OK`, both of which page the postmaster for each mail.  Must not know which maps
exist, nor any socket.
"""

import msgspec

from colocroute.errors import PeerError, UsageError
from colocroute.model import NOT_FOUND, Answer, Found, NotFound, TempFail
from colocroute.wire import netstring, stream, text

# Longest reply, without its frame (Postfix dict_sockmap.c: DICT_SOCKMAP_DEF_MAX_REPLY).
REPLY_LIMIT = netstring.LIMIT

_NOT_FOUND = netstring.encode(b"NOTFOUND ")


class Request(msgspec.Struct, frozen=True, gc=False):
    """One lookup: `key` in the map named `map`; either may be empty, and any bytes but a space in `map`."""

    map: bytes
    key: bytes


class RequestDecoder(stream.Decoder[Request]):
    """The server's side of a connection."""

    def _decode(self) -> Request | None:
        span = netstring.locate(self._buffer, self._start)
        return None if span is None else _request(self._take(*span))


class ReplyDecoder(stream.ReplyDecoder):
    """The client's side of a connection."""

    def _decode(self) -> Answer | None:
        span = netstring.locate(self._buffer, self._start)
        return None if span is None else _answer(self._take(*span))


def parse_one(data: bytes) -> Request | None:
    """The request, if `data` is exactly one: what a client without pipelining sends at once.

    None for everything else, malformed input included: a `RequestDecoder` then says what it is.
    """
    length, _, rest = data.partition(b":")
    size = len(rest) - 1
    if not 0 <= size <= netstring.LIMIT or length != b"%d" % size or not rest.endswith(b","):
        return None
    name, _, key = rest[:size].partition(b" ")
    return Request(name, key)


def encode(answer: Answer) -> bytes:
    """The reply, framed.  A value that Postfix must not get, or that is too long, becomes `TEMP`."""
    if not isinstance(answer, Found):
        if isinstance(answer, NotFound):
            return _NOT_FOUND
        return netstring.encode(b"TEMP " + text.printable(answer.reason))
    value = text.sendable(answer.value)
    if value is None:
        return encode(TempFail("the value is empty or has characters that cannot be sent"))
    reply = b"OK " + value
    if len(reply) > REPLY_LIMIT:
        return encode(TempFail(f"the reply would be {len(reply)} bytes, the limit is {REPLY_LIMIT}"))
    return netstring.encode(reply)


def encode_request(map_name: bytes, key: bytes) -> bytes:
    """The request, framed.  Raises `UsageError` for what the protocol cannot say."""
    if b" " in map_name:
        raise UsageError("a socketmap name cannot contain a space")
    payload = b"%b %b" % (map_name, key)
    if len(payload) > netstring.LIMIT:
        raise UsageError(f"a request of {len(payload)} bytes, the limit is {netstring.LIMIT}")
    return netstring.encode(payload)


def _request(payload: bytes) -> Request:
    name, _, key = payload.partition(b" ")
    return Request(name, key)


def _answer(payload: bytes) -> Answer:
    """As dict_sockmap.c reads it, except that an empty or undecodable `OK` is the server's fault here."""
    word, _, rest = payload.partition(b" ")
    if word == b"NOTFOUND":
        return NOT_FOUND
    if word != b"OK":
        reason = rest if word == b"TEMP" else payload
        return TempFail(reason.decode("ascii", "backslashreplace"))
    try:
        value = rest.decode()
    except UnicodeDecodeError as error:
        raise PeerError(f"reply of {len(rest)} bytes that is not UTF-8 at byte {error.start}") from None
    if not value:
        raise PeerError("reply OK with an empty value")
    return Found(value)
