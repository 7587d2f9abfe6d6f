"""Which values may be sent, and how a reason becomes one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colocroute.wire import text


@pytest.mark.parametrize("value", ["anna@external.test.tux", '"a b"@x', "ü", " x ", "smtp:[10.2.0.1]:25"])
def test_sendable(value: str) -> None:
    assert text.sendable(value) == value.encode()


@pytest.mark.parametrize("value", ["", "  ", "\0", "a\0", "a\n", "\ra", "a\tb", "\x1b", "\x7f", "\udc80"])
def test_not_sendable(value: str) -> None:
    assert text.sendable(value) is None


@given(st.text(), st.integers(0, 50))
def test_printable(reason: str, limit: int) -> None:
    line = text.printable(reason, limit)
    assert len(line) <= limit
    assert all(0x20 <= byte <= 0x7E for byte in line)


def test_printable_shows_what_it_cannot_say() -> None:
    assert text.printable("a\nb\0c\x7f ü €") == b"a?b?c? \\xfc \\u20ac"
    assert len(text.printable("x" * 1000)) == text.REASON_LIMIT
