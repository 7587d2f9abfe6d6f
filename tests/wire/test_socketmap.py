"""socketmap: requests, replies, and what is never sent to Postfix."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from colocroute.errors import PeerError, UsageError
from colocroute.model import NOT_FOUND, Answer, Found, TempFail
from colocroute.wire import netstring, socketmap
from tests.lab.feeding import bytewise, outcome
from tests.wire.contract import DecoderContract
from tests.wire.vectors import (
    SOCKETMAP_ERRORS,
    SOCKETMAP_ODD_REQUESTS,
    SOCKETMAP_REPLIES,
    SOCKETMAP_REQUESTS,
)

REQUESTS = SOCKETMAP_REQUESTS + SOCKETMAP_ODD_REQUESTS


class TestRequests(DecoderContract):
    vectors = REQUESTS
    mistakes = SOCKETMAP_ERRORS

    def decoder(self) -> socketmap.RequestDecoder:
        return socketmap.RequestDecoder()


@pytest.mark.parametrize(("data", "request_"), SOCKETMAP_REQUESTS)
def test_encode_request(data: bytes, request_: socketmap.Request) -> None:
    assert socketmap.encode_request(request_.map, request_.key) == data


@given(st.binary(max_size=20).map(lambda name: name.replace(b" ", b"")), st.binary(max_size=200))
def test_request_round_trip(name: bytes, key: bytes) -> None:
    assert socketmap.parse_one(socketmap.encode_request(name, key)) == socketmap.Request(name, key)


def test_requests_that_the_protocol_cannot_say() -> None:
    with pytest.raises(UsageError, match="space"):
        socketmap.encode_request(b"virtual alias", b"x")
    with pytest.raises(UsageError, match="a request of 100001 bytes, the limit is 100000"):
        socketmap.encode_request(b"m", b"k" * 99_999)


@pytest.mark.parametrize(("data", "request_"), REQUESTS)
def test_parse_one(data: bytes, request_: socketmap.Request) -> None:
    assert socketmap.parse_one(data) == request_
    assert socketmap.parse_one(data[:-1]) is None
    assert socketmap.parse_one(data + b"1") is None
    assert socketmap.parse_one(data + data) is None


@given(st.one_of(st.binary(max_size=40), st.sampled_from([data for data, _ in REQUESTS])))
@example(b"")
def test_parse_one_agrees_with_the_decoder(data: bytes) -> None:
    values, error, unread = outcome(socketmap.RequestDecoder(), [data])
    one = len(values) == 1 and not error and not unread
    assert socketmap.parse_one(data) == (values[0] if one else None)


@pytest.mark.parametrize(("data", "_index", "_text"), SOCKETMAP_ERRORS)
def test_parse_one_says_nothing_of_mistakes(data: bytes, _index: int, _text: str) -> None:
    assert socketmap.parse_one(data) is None


@pytest.mark.parametrize(("data", "answer"), SOCKETMAP_REPLIES)
def test_replies_both_ways(data: bytes, answer: Answer) -> None:
    assert socketmap.encode(answer) == data
    for pieces in ([data], bytewise(data)):
        assert outcome(socketmap.ReplyDecoder(), pieces) == ([answer], "", 0)


@pytest.mark.parametrize("value", ["", " ", "\t", "a\x00b", "a\nb", "a\r\nb", "\x7f", "a\ud800b"])
def test_a_value_that_must_not_be_sent_is_temp(value: str) -> None:
    reply = socketmap.encode(Found(value))
    assert b":TEMP the value is empty or has characters" in reply


def test_reply_limit() -> None:
    assert socketmap.encode(Found("x" * 99_997)) == b"100000:OK " + b"x" * 99_997 + b","
    assert b":TEMP the reply would be 100001 bytes, the limit is 100000," in socketmap.encode(
        Found("x" * 99_998)
    )
    assert b":TEMP the reply would be 100003" in socketmap.encode(Found("ü" * 50_000))


@given(st.one_of(st.builds(Found, st.text()), st.builds(TempFail, st.text()), st.just(NOT_FOUND)))
def test_a_reply_is_one_netstring_that_pages_nobody(answer: Answer) -> None:
    reply = socketmap.encode(answer)
    span = netstring.locate(reply)
    assert span is not None
    assert span[1] + 1 == len(reply)
    payload = reply[slice(*span)]
    word, _, rest = payload.partition(b" ")
    assert word in (b"OK", b"NOTFOUND", b"TEMP")
    assert word != b"OK" or rest.strip()
    assert not set(payload) & set(b"\0\r\n")


def test_a_reason_is_one_short_printable_line() -> None:
    assert socketmap.encode(TempFail("a\r\nb\0ü")) == b"14:TEMP a??b?\\xfc,"
    assert socketmap.encode(TempFail("x" * 1000)) == b"205:TEMP " + b"x" * 200 + b","


def test_words_of_other_servers_are_temporary() -> None:
    """As in dict_sockmap.c, where PERM is no answer either."""
    decoder = socketmap.ReplyDecoder()
    for payload in (b"PERM no", b"TIMEOUT ", b"WHAT", b""):
        decoder.feed(netstring.encode(payload))
        assert decoder.next() == TempFail(payload.decode())
        decoder.expect()


@pytest.mark.parametrize("payload", [b"OK", b"OK ", b"OK \xff"])
def test_replies_that_a_client_refuses(payload: bytes) -> None:
    decoder = socketmap.ReplyDecoder()
    decoder.feed(netstring.encode(payload))
    with pytest.raises(PeerError, match=r"empty value|not UTF-8 at byte 0"):
        decoder.next()
    with pytest.raises(PeerError):
        decoder.feed(b"")
