"""tcp_table: requests, replies, and that a failure is never a 5xx."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colocroute.errors import PeerError, UsageError
from colocroute.model import NOT_FOUND, Answer, Found, TempFail
from colocroute.wire import tcp_table
from tests.lab.feeding import bytewise, outcome
from tests.wire.contract import DecoderContract
from tests.wire.vectors import (
    TCP_TABLE_ERRORS,
    TCP_TABLE_ODD_REQUESTS,
    TCP_TABLE_REPLIES,
    TCP_TABLE_REQUESTS,
)


class TestRequests(DecoderContract):
    vectors = (*TCP_TABLE_REQUESTS, *TCP_TABLE_ODD_REQUESTS)
    mistakes = TCP_TABLE_ERRORS

    def decoder(self) -> tcp_table.RequestDecoder:
        return tcp_table.RequestDecoder()


@pytest.mark.parametrize(("data", "request_"), TCP_TABLE_REQUESTS)
def test_encode_request(data: bytes, request_: tcp_table.Request) -> None:
    assert tcp_table.encode_request(request_.key) == data


@given(st.binary(max_size=200))
def test_request_round_trip(key: bytes) -> None:
    assert outcome(tcp_table.RequestDecoder(), [tcp_table.encode_request(key)])[0] == [tcp_table.Request(key)]


@given(
    st.one_of(
        st.binary(max_size=20).map(lambda key: b"get " + key + b"\n"),
        st.binary(max_size=20),
        st.sampled_from([data for data, *_ in [*TestRequests.vectors, *TCP_TABLE_ERRORS]]),
    )
)
def test_parse_one_agrees_with_the_decoder(data: bytes) -> None:
    values, error, unread = outcome(tcp_table.RequestDecoder(), [data])
    one = len(values) == 1 and not error and not unread
    assert tcp_table.parse_one(data) == (values[0] if one else None)


def test_a_request_that_is_too_long() -> None:
    assert len(tcp_table.encode_request(b"k" * 99_996)) == 100_001
    with pytest.raises(UsageError, match="a request of 100001 bytes, the limit is 100000"):
        tcp_table.encode_request(b"k" * 99_997)


@given(st.binary(max_size=200))
def test_quote_leaves_only_what_postfix_leaves(data: bytes) -> None:
    """hex_quote.c: printable ASCII but space and `%`; upper-case digits."""
    assert re.fullmatch(rb"(?:[!-$&-~]|%[0-9A-F]{2})*", tcp_table.quote(data))


@pytest.mark.parametrize(("data", "answer"), TCP_TABLE_REPLIES)
def test_replies_both_ways(data: bytes, answer: Answer) -> None:
    assert tcp_table.encode(answer) == data
    for pieces in ([data], bytewise(data)):
        assert outcome(tcp_table.ReplyDecoder(), pieces) == ([answer], "", 0)


@pytest.mark.parametrize("value", ["", " ", "a\x00b", "a\nb", "a\ud800b"])
def test_a_value_that_must_not_be_sent_is_400(value: str) -> None:
    assert tcp_table.encode(Found(value)).startswith(b"400 the value is empty or has characters")


def test_reply_limit_counts_the_encoded_value_and_the_newline() -> None:
    assert len(tcp_table.encode(Found("x" * 4091))) == 4096
    assert tcp_table.encode(Found("x" * 4092)) == b"400 the reply would be 4097 bytes, the limit is 4096\n"
    assert tcp_table.encode(Found("ü" * 800)).startswith(b"400 the reply would be 4805 bytes")


@given(st.one_of(st.builds(Found, st.text()), st.builds(TempFail, st.text()), st.just(NOT_FOUND)))
def test_a_reply_is_one_line_that_postfix_can_read(answer: Answer) -> None:
    """dict_tcp.c: three digits, a blank, and no `%` that is not followed by two hexadecimal digits."""
    reply = tcp_table.encode(answer)
    assert len(reply) <= 4096
    assert re.fullmatch(rb"[245]00 (?:[ -$&-~]|%[0-9A-F]{2})*\n", reply)
    assert (reply[:1] == b"5") == (answer == NOT_FOUND)
    assert reply[:1] != b"2" or len(reply) > len(b"200 \n")


def test_a_reason_is_one_short_printable_line() -> None:
    assert tcp_table.encode(TempFail("a\r\nb 100%")) == b"400 a??b 100%25\n"
    assert tcp_table.encode(TempFail("x" * 1000)) == b"400 " + b"x" * 200 + b"\n"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"200\n", "malformed reply of 3 bytes"),
        (b"20 x\n", "malformed reply"),
        (b"\xff\n", "malformed reply of 1 bytes"),
        (b"200 %zz\n", "malformed reply of 7 bytes"),
        (b"200 \n", "empty value"),
        (b"200 %FF\n", "not UTF-8 at byte 0"),
        (b"300 x\n", "unknown status 300"),
        (b"200 " + b"x" * 4092, "reply of more than 4096 bytes"),
        (b"200 " + b"x" * 4092 + b"\n", "reply of more than 4096 bytes"),
    ],
)
def test_replies_that_a_client_refuses(line: bytes, text: str) -> None:
    decoder = tcp_table.ReplyDecoder()
    decoder.feed(line)
    with pytest.raises(PeerError, match=text):
        decoder.next()
