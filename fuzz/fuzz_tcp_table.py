"""Invariant: tcp_table bytes mean the same in any pieces, and each line has one reply that Postfix can read.

Permitted exceptions: `PeerError`, because a line over the limit closes the connection (`outcome` makes it
a value that must be the same in any pieces); `UsageError` for a key that takes more than a line when it is
encoded, because an unencoded one may come in.
"""

import re

from colocroute.errors import UsageError
from colocroute.model import NOT_FOUND, Found, TempFail
from colocroute.wire import tcp_table
from fuzz import driver
from tests.lab.feeding import bytewise, outcome, pieces
from tests.wire import vectors

# dict_tcp.c: three digits, a blank, and text that hex_unquote.c can decode.
_READABLE = re.compile(rb"[245]00 (?:[ -$&-~]|%[0-9A-F]{2})*\n")


def seeds() -> list[bytes]:
    """The test vectors, requests, mistakes and replies, and some of them in a row."""
    requests = [data for data, _ in vectors.TCP_TABLE_REQUESTS]
    odd = [data for data, _ in vectors.TCP_TABLE_ODD_REQUESTS]
    mistakes = [data for data, _, _ in vectors.TCP_TABLE_ERRORS]
    replies = [data for data, _ in vectors.TCP_TABLE_REPLIES]
    return [*requests, *odd, *mistakes, *replies, b"".join(requests[:4] + odd)]


def check(data: bytes) -> None:
    """Raises AssertionError if the invariant does not hold for these bytes."""
    whole = outcome(tcp_table.RequestDecoder(), [data])
    assert outcome(tcp_table.RequestDecoder(), bytewise(data)) == whole, "bytewise differs"
    assert outcome(tcp_table.RequestDecoder(), pieces(data, data[:50])) == whole, "pieces differ"
    requests, error, unread = whole
    if not error:
        assert len(requests) == data.count(b"\n"), "not one request for each line"
        assert unread == len(data) - data.rfind(b"\n") - 1, "bytes got lost"
    one = requests[0] if len(requests) == 1 and not error and not unread else None
    assert tcp_table.parse_one(data) == one, "parse_one and the decoder disagree"
    for request in requests:
        if isinstance(request, tcp_table.Request):
            _check_again(request)
        else:
            assert isinstance(request, TempFail)
            assert tcp_table.encode(request).startswith(b"400 ")
    _check_replies(data)


def _check_again(request: tcp_table.Request) -> None:
    """The key, encoded as Postfix does, is the same key."""
    try:
        line = tcp_table.encode_request(request.key)
    except UsageError:
        assert len(request.key) > tcp_table.LINE_LIMIT // 3 - 10
        return
    values, _, _ = outcome(tcp_table.RequestDecoder(), [line])
    assert values == [request], "a request changes when it is said again"


def _check_replies(data: bytes) -> None:
    """Any bytes as a reply; any text as a value and as a reason."""
    answers, _, _ = outcome(tcp_table.ReplyDecoder(), [data])
    text = data.decode("utf-8", "surrogateescape")
    for answer in [*answers, Found(text), TempFail(text), NOT_FOUND]:
        assert isinstance(answer, Found | TempFail | type(NOT_FOUND))
        reply = tcp_table.encode(answer)
        assert len(reply) <= tcp_table.DICT_TCP_MAXLEN
        assert _READABLE.fullmatch(reply), "a reply that Postfix cannot read"
        assert reply.startswith(b"500 ") == (answer == NOT_FOUND), "a failure said as not found"
        values, error, _ = outcome(tcp_table.ReplyDecoder(), [reply])
        assert len(values) == 1
        assert not error
        assert values[0] == answer or isinstance(values[0], TempFail), "an answer became another one"


def main() -> None:
    """Fuzzes under atheris."""
    driver.run(check, seeds)


if __name__ == "__main__":
    main()
