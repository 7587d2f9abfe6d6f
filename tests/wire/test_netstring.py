"""Netstrings: `locate` is driven through the socketmap decoder's tests; here what only it says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colocroute.errors import PeerError
from colocroute.wire import netstring


@given(st.binary(max_size=300), st.binary(max_size=20), st.binary(max_size=20))
def test_round_trip_anywhere_in_a_buffer(payload: bytes, before: bytes, after: bytes) -> None:
    data = before + netstring.encode(payload) + after
    span = netstring.locate(data, len(before))
    assert span is not None
    assert data[slice(*span)] == payload
    assert data[span[1] : span[1] + 1] == b","


@pytest.mark.parametrize("size", [0, 1, 9, 10, 99, 100, 99_999, 100_000])
def test_every_length_up_to_the_limit(size: int) -> None:
    span = netstring.locate(netstring.encode(bytes(size)))
    assert span is not None
    assert span[1] - span[0] == size


def test_one_byte_over_the_limit_is_refused_before_the_body() -> None:
    with pytest.raises(PeerError, match="netstring of 100001 bytes or more, the limit is 100000"):
        netstring.locate(b"100001")
    assert netstring.locate(b"100000") is None


def test_a_buffer_that_ends_anywhere_needs_more() -> None:
    framed = netstring.encode(b"transport x")
    for end in range(len(framed)):
        assert netstring.locate(framed[:end]) is None
