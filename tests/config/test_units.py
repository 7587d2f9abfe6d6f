"""Units of the configuration: every spelling gives its value, and every value its spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colocroute.config import units
from colocroute.config.units import InetAddress, UnixAddress

DURATIONS = [
    ("0us", 0.0, "0s"),
    ("50us", 0.00005, "50us"),
    ("1500us", 0.0015, "1500us"),
    ("100ms", 0.1, "100ms"),
    ("5s", 5.0, "5s"),
    ("60s", 60.0, "1m"),
    ("5m", 300.0, "5m"),
    ("24h", 86400.0, "1d"),
    ("30d", 2592000.0, "30d"),
]
ADDRESSES = [
    ("unix:/run/colocroute/map.sock", UnixAddress("/run/colocroute/map.sock")),
    ("inet:127.0.0.1:2525", InetAddress("127.0.0.1", 2525)),
    ("inet:localhost:1", InetAddress("localhost", 1)),
    ("inet:[::1]:65535", InetAddress("::1", 65535)),
]
NOT_ADDRESSES = [
    "", "/run/x", "unix:", "unix:run/x", "unix:/a\0b", "unix:/" + "x" * 107, "inet:", "inet:127.0.0.1",
    "inet:127.0.0.1:", "inet:127.0.0.1:0", "inet:127.0.0.1:65536", "inet::25", "inet:*:25", "inet:::1:25",
    "inet:[::g]:25", "inet:[127.0.0.1]:25", "inet:127.0.0.300:25", "inet:1.2.3:25", "inet:a b:25",
    "inet:-a:25", "tcp:127.0.0.1:25", "127.0.0.1:25", "inet:127.0.0.1:２５",
]  # fmt: skip


@pytest.mark.parametrize(("text", "seconds", "shown"), DURATIONS)
def test_a_duration_is_seconds(text: str, seconds: float, shown: str) -> None:
    assert units.parse_duration(text) == seconds
    assert units.show_duration(seconds) == shown


@pytest.mark.parametrize(
    "text", ["", "5", "s", "-5s", "5 s", "5S", "1.5h", "1h30m", "5w", "9999999999s", "٥s"]
)
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        units.parse_duration(text)


@given(st.integers(0, 9_999_999), st.sampled_from(sorted(units.MICROSECONDS)))
def test_a_duration_survives_being_shown(number: int, unit: str) -> None:
    seconds = units.parse_duration(f"{number}{unit}")
    assert units.parse_duration(units.show_duration(seconds)) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(("text", "mode"), [("0660", 0o660), ("660", 0o660), ("0600", 0o600), ("777", 0o777)])
def test_a_mode_is_octal(text: str, mode: int) -> None:
    assert units.parse_mode(text) == mode
    assert units.parse_mode(units.show_mode(mode)) == mode


@pytest.mark.parametrize("text", ["", "0o660", "0680", "66", "4755", "01660", "rw-rw----"])
def test_what_is_not_a_mode_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an octal mode"):
        units.parse_mode(text)


@pytest.mark.parametrize(("text", "address"), ADDRESSES)
def test_an_address_says_where(text: str, address: units.Address) -> None:
    assert units.parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize("text", ["inet:LOCALHOST.:25", "inet:[0:0::1]:25"])
def test_one_host_has_one_spelling(text: str) -> None:
    assert str(units.parse_address(text)) in ("inet:localhost:25", "inet:[::1]:25")


@pytest.mark.parametrize("text", NOT_ADDRESSES)
def test_what_is_not_an_address_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match=r"is|not|longer|NUL") as caught:
        units.parse_address(text)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LocalHost."])
def test_loopback(host: str) -> None:
    assert units.is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "10.0.0.1", "localhost.example.com", "127.0.0.1.example.com", "example.com", ""]
)
def test_everything_else_is_remote(host: str) -> None:
    assert not units.is_loopback(host)


@given(st.text())
def test_any_text_can_be_quoted_on_one_line(text: str) -> None:
    assert units.quote(text).isprintable()
