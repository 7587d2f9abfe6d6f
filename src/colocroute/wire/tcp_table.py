"""The tcp_table protocol, both sides: lines of `get SP key` in, lines of `CODE SP text` out.

Owns what a tcp_table request and reply look like (tcp_table(5), Postfix dict_tcp.c, hex_quote.c).  Rules:
every line has exactly one reply; every failure is `400`, because any 5xx means "not found".  Must not know
which map is behind the port, nor any socket.

Wider than tcp_table(5) where that costs nothing: a line may end in CR LF, a key may be sent unencoded, and
a `%` that is not followed by two hexadecimal digits stands for itself (Postfix sends none of these; people
do).
"""

import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

import msgspec

from colocroute.errors import PeerError, UsageError
from colocroute.model import NOT_FOUND, Answer, Found, NotFound, TempFail
from colocroute.wire import stream, text

# Longest request, without its newline: ours, as for the other protocols.  The longest key that Postfix sends,
# 10,000 bytes, takes 30,000 when all of it is encoded; whether a key is too long is not decided here.
LINE_LIMIT = 100_000

# Longest reply, with its newline (dict_tcp.c: DICT_TCP_MAXLEN).
DICT_TCP_MAXLEN = 4096

_NOT_FOUND = b"500 not found\n"
_PLAIN = bytes(byte for byte in range(0x21, 0x7F) if byte != ord("%"))
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_REPLY = re.compile(rb"([0-9])[0-9]{2}[ \t](.*)", re.DOTALL)


class Request(msgspec.Struct, frozen=True, gc=False):
    """One lookup; `key` is decoded, may be empty, and may be any bytes."""

    key: bytes


class RequestDecoder(stream.Decoder[Request | TempFail]):
    """The server's side of a connection.

    A line that is no `get` comes out as the answer it gets, in its place among the requests.
    """

    def _decode(self) -> Request | TempFail | None:
        line = self._take_line()
        if (self.unread if line is None else len(line)) > LINE_LIMIT:
            raise PeerError(f"line of more than {LINE_LIMIT} bytes")
        return None if line is None else _request(line)


class ReplyDecoder(stream.ReplyDecoder):
    """The client's side of a connection."""

    def _decode(self) -> Answer | None:
        line = self._take_line()
        if (self.unread if line is None else len(line)) >= DICT_TCP_MAXLEN:
            raise PeerError(f"reply of more than {DICT_TCP_MAXLEN} bytes")
        return None if line is None else _answer(line)


def parse_one(data: bytes) -> Request | TempFail | None:
    """What a `RequestDecoder` makes of `data`, if that is exactly one line; None for everything else."""
    stop = len(data) - 1
    if data.find(b"\n") != stop or not 0 <= stop <= LINE_LIMIT:
        return None
    return _request(data[:stop])


def encode(answer: Answer) -> bytes:
    """The reply line.  A value that Postfix must not get, or that is too long, becomes `400`."""
    if isinstance(answer, NotFound):
        return _NOT_FOUND
    if isinstance(answer, TempFail):
        # Postfix decodes the reason as well, and disconnects from who sends a stray %.
        return b"400 %b\n" % text.printable(answer.reason).replace(b"%", b"%25")
    value = text.sendable(answer.value)
    if value is None:
        return encode(TempFail("the value is empty or has characters that cannot be sent"))
    reply = b"200 %b\n" % quote(value)
    if len(reply) > DICT_TCP_MAXLEN:
        return encode(TempFail(f"the reply would be {len(reply)} bytes, the limit is {DICT_TCP_MAXLEN}"))
    return reply


def encode_request(key: bytes) -> bytes:
    """The request line.  Raises `UsageError` for a key that is too long."""
    line = b"get %b\n" % quote(key)
    if len(line) - 1 > LINE_LIMIT:
        raise UsageError(f"a request of {len(line) - 1} bytes, the limit is {LINE_LIMIT}")
    return line


def quote(data: bytes) -> bytes:
    """%XX for space, `%`, control characters and all non-ASCII (hex_quote.c)."""
    return quote_from_bytes(data, safe=_PLAIN).encode("ascii")


def _request(line: bytes) -> Request | TempFail:
    command, _, key = line.removesuffix(b"\r").partition(b" ")
    if command != b"get":
        return TempFail(f"unknown command '{command[:40].decode('ascii', 'backslashreplace')}'")
    return Request(unquote_to_bytes(key))


def _answer(line: bytes) -> Answer:
    """As dict_tcp.c reads it, except that an empty or undecodable value is the server's fault here."""
    reply = _REPLY.fullmatch(line)
    if reply is None or _BAD_ESCAPE.search(line):
        raise PeerError(f"malformed reply of {len(line)} bytes: {text.printable(repr(line[:100]))!r}")
    digit, rest = reply[1], unquote_to_bytes(reply[2])
    if digit == b"5":
        return NOT_FOUND
    if digit == b"4":
        return TempFail(rest.decode("ascii", "backslashreplace"))
    if digit != b"2":
        raise PeerError(f"reply with the unknown status {line[:3].decode()}")
    try:
        value = rest.decode()
    except UnicodeDecodeError as error:
        raise PeerError(f"reply of {len(rest)} bytes that is not UTF-8 at byte {error.start}") from None
    if not value:
        raise PeerError("reply 200 with an empty value")
    return Found(value)
