"""BER as LDAP uses it: elements there and back, and every way in which bytes are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colocroute.directory import ber
from colocroute.directory.ber import Cursor
from colocroute.errors import DirectoryError


@pytest.mark.parametrize(
    ("length", "header"),
    [
        (0, b"\x04\x00"),
        (127, b"\x04\x7f"),
        (128, b"\x04\x81\x80"),
        (255, b"\x04\x81\xff"),
        (256, b"\x04\x82\x01\x00"),
        (65_536, b"\x04\x83\x01\x00\x00"),
    ],
)
def test_lengths_take_the_fewest_bytes(length: int, header: bytes) -> None:
    assert ber.octets(b"x" * length) == header + b"x" * length
    assert Cursor(header + b"x" * length, "test").octets("it") == b"x" * length


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (0, b"\x02\x01\x00"),
        (127, b"\x02\x01\x7f"),
        (128, b"\x02\x02\x00\x80"),
        (4096, b"\x02\x02\x10\x00"),
        (2**31 - 1, b"\x02\x04\x7f\xff\xff\xff"),
        (-1, b"\x02\x01\xff"),
        (-128, b"\x02\x01\x80"),
        (-129, b"\x02\x02\xff\x7f"),
    ],
)
def test_integers(value: int, data: bytes) -> None:
    assert ber.integer(value) == data
    assert Cursor(data, "test").integer("it") == value


def test_booleans() -> None:
    assert Cursor(b"\x01\x01\x01", "test").boolean("it") is True
    assert Cursor(b"\x01\x01\x00", "test").boolean("it") is False


def test_a_cursor_walks_its_elements_and_knows_its_end() -> None:
    cursor = Cursor(ber.element(ber.SEQUENCE, ber.integer(7), ber.octets(b"x")) + ber.octets(b"y"), "test")
    assert cursor.next_is(ber.SEQUENCE)
    inner = cursor.enter(ber.SEQUENCE, "a sequence")
    assert inner.integer("a number") == 7
    assert not inner.next_is(ber.INTEGER)
    assert inner.take()[0] == ber.OCTET_STRING
    inner.finish("the sequence")
    assert inner.at_end()
    assert not inner.next_is(ber.OCTET_STRING)
    assert not cursor.at_end()
    assert cursor.rest() == ber.octets(b"y")
    assert cursor.rest() == b""


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "malformed test at byte 0: ends where it should be"),
        (b"\x05\x00", "malformed test at byte 0: tag 0x05 where it (0x02) should be"),
        (b"\x02", "malformed test at byte 0: ends where a length should be"),
        (b"\x02\x02\x00", "malformed test at byte 0: an element of 2 bytes has only 1"),
        (b"\x02\x80", "malformed test at byte 0: length byte 0x80 is not used by LDAP"),
        (
            b"\x02\x85\x00\x00\x00\x00\x01\x00",
            "malformed test at byte 0: length byte 0x85 is not used by LDAP",
        ),
        (b"\x02\x82\x01", "malformed test at byte 0: ends within a length"),
        (b"\x02\x00", "malformed test at byte 2: it has 0 bytes, 1 to 4 are possible"),
    ],
)
def test_what_is_no_integer_is_an_error_that_says_where(data: bytes, text: str) -> None:
    with pytest.raises(DirectoryError) as refused:
        Cursor(data, "test").integer("it")
    assert str(refused.value) == text


def test_bytes_beyond_the_end_are_not_read() -> None:
    outer = Cursor(b"\x30\x02\x04\x03abc", "test")
    inner = outer.enter(ber.SEQUENCE, "a sequence")
    with pytest.raises(DirectoryError, match="at byte 2: an element of 3 bytes has only 0"):
        inner.octets("it")
    with pytest.raises(DirectoryError, match="2 bytes too many in the sequence"):
        inner.finish("the sequence")


def test_tags_of_several_bytes_are_refused() -> None:
    with pytest.raises(DirectoryError, match="tag 0xbf is not used by LDAP"):
        Cursor(b"\xbf\x20\x00", "test").take()


@given(st.integers(-(2**31), 2**31 - 1), st.binary(max_size=300), st.booleans())
def test_what_is_written_is_read_back(number: int, data: bytes, flag: bool) -> None:
    written = ber.element(
        ber.SEQUENCE, ber.integer(number), ber.octets(data), ber.element(ber.BOOLEAN, bytes([flag]))
    )
    cursor = Cursor(written, "test").enter(ber.SEQUENCE, "a sequence")
    assert (cursor.integer("it"), cursor.octets("it"), cursor.boolean("it")) == (number, data, flag)
    cursor.finish("the sequence")
