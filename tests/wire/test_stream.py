"""What a decoder's client side adds: no reply that nobody asked for.  The rest is in `contract.py`."""

import pytest

from colocroute.errors import PeerError
from colocroute.model import NOT_FOUND
from colocroute.wire import socketmap

REPLY = socketmap.encode(NOT_FOUND)


def test_as_many_replies_as_requests() -> None:
    decoder = socketmap.ReplyDecoder()
    decoder.expect()
    decoder.feed(REPLY + REPLY)
    assert [decoder.next(), decoder.next(), decoder.next()] == [NOT_FOUND, NOT_FOUND, None]
    decoder.expect()
    assert decoder.next() is None


def test_surplus_is_refused_when_asked_for_more() -> None:
    decoder = socketmap.ReplyDecoder()
    decoder.feed(REPLY + b"9")
    assert decoder.next() == NOT_FOUND
    with pytest.raises(PeerError, match="surplus bytes"):
        decoder.next()


def test_surplus_is_refused_before_the_next_request() -> None:
    decoder = socketmap.ReplyDecoder()
    decoder.feed(REPLY + REPLY)
    assert decoder.next() == NOT_FOUND
    with pytest.raises(PeerError, match="surplus bytes"):
        decoder.expect()
    with pytest.raises(PeerError, match="surplus bytes"):
        decoder.feed(b"")


def test_the_error_outlives_further_questions() -> None:
    decoder = socketmap.ReplyDecoder()
    decoder.feed(b"x")
    for _ in range(2):
        with pytest.raises(PeerError, match="byte 0x78"):
            decoder.next()
    with pytest.raises(PeerError, match="byte 0x78"):
        decoder.expect()
