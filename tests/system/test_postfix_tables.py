"""What Postfix's table clients make of replies, asked through `postmap -q`: tcp_table and socketmap."""

from collections.abc import Iterator

import pytest

from tests.lab import recorder
from tests.lab.postfix import Postfix, directory, postfix
from tests.lab.recorder import CLOSE, Recorder

# dict_tcp.c: DICT_TCP_MAXLEN
TCP_MAXLEN = 4096


@pytest.fixture(scope="module")
def instance() -> Iterator[Postfix]:
    """A configuration without processes: postmap needs no more."""
    with postfix({}, start=False) as idle:
        yield idle


@pytest.fixture
def tcp() -> Iterator[Recorder]:
    with recorder.tcp_table() as table:
        yield table


@pytest.fixture
def socketmap() -> Iterator[Recorder]:
    with directory() as place, recorder.socketmap(place) as table:
        yield table


KEYS = [
    "anna@test.tux",
    '"a b"@test.tux',
    "100%@test.tux",
    "bücher@test.tux",
    "a\tb",
    "<>",
    '""',
    "*",
    "x" * 1000,
]


@pytest.mark.parametrize("key", KEYS)
def test_tcp_table_sends_any_key_encoded(instance: Postfix, tcp: Recorder, key: str) -> None:
    tcp.answers["", key] = b"200 value"
    assert instance.postmap(tcp.table, key) == (0, "value")
    assert [request.key for request in tcp.requests] == [key.encode()]


TCP_REPLIES = [
    (b"200 value", 0, "value"),
    (b"200 a%20b%25%c3%bc", 0, "a b%\u00fc"),
    (b"250 only the first digit counts", 0, "only the first digit counts"),
    (b"500 not found", 1, ""),
    (b"550 any 5xx is not found", 1, ""),
    (b"200 " + b"x" * (TCP_MAXLEN - 5), 0, "x" * (TCP_MAXLEN - 5)),
    (b"nonsense", 1, ""),
]


@pytest.mark.parametrize(("reply", "code", "value"), TCP_REPLIES)
def test_tcp_table_replies(instance: Postfix, tcp: Recorder, reply: bytes, code: int, value: str) -> None:
    tcp.answers["", "key"] = reply
    assert instance.postmap(tcp.table, "key") == (code, value)


@pytest.mark.long
def test_a_reply_of_tcp_table_over_4096_bytes_costs_ten_tries(instance: Postfix, tcp: Recorder) -> None:
    tcp.answers["", "key"] = b"200 " + b"x" * (TCP_MAXLEN - 4)
    assert instance.postmap(tcp.table, "key") == (1, "")
    assert len(tcp.requests) == 10


@pytest.mark.parametrize(("reply", "failed"), [(b"400 temporary", True), (b"550 gone", False)])
def test_only_4xx_is_a_failure_of_tcp_table(
    instance: Postfix, tcp: Recorder, reply: bytes, failed: bool
) -> None:
    """Both exit with 1: postmap tells failure from absence on standard error only."""
    tcp.answers["", "key"] = reply
    done = instance.run("postmap", "-q", "key", tcp.table)
    assert done.returncode == 1
    assert (b"query error" in done.stderr) is failed


def test_tcp_table_disconnects_after_a_failure_only(instance: Postfix, tcp: Recorder) -> None:
    tcp.answers = {("", "a"): b"200 1", ("", "b"): b"500 no", ("", "c"): b"200 3"}
    assert instance.postmap_many(tcp.table, ["a", "b", "c"]) == {"a": "1", "c": "3"}
    assert tcp.connections == 1


# An empty OK is a value to postmap, and a broken configuration to smtpd.
SOCKETMAP_REPLIES = [
    (b"OK value", 0, "value", b""),
    (b"OK a b,c", 0, "a b,c", b""),
    (b"OK " + b"x" * 99_000, 0, "x" * 99_000, b""),
    (b"NOTFOUND ", 1, "", b""),
    (b"TEMP reason", 1, "", b"temporary error: reason"),
    (b"TIMEOUT reason", 1, "", b"reason"),
    (b"PERM reason", 1, "", b"permanent error: reason"),
    (b"OK ", 0, "", b""),
    (b"UNKNOWN word", 1, "", b"unknown error: word"),
    (b"OK \xff", 1, "", b"non-UTF-8"),
    (CLOSE, 1, "", b"unexpected disconnect"),
    (b"OK " + b"x" * 100_001, 1, "", b"query error"),
]


@pytest.mark.parametrize(("reply", "code", "value", "warning"), SOCKETMAP_REPLIES)
def test_socketmap_replies(
    instance: Postfix, socketmap: Recorder, reply: bytes, code: int, value: str, warning: bytes
) -> None:
    socketmap.answers["map", "key"] = reply
    done = instance.run("postmap", "-q", "key", f"{socketmap.table}:map")
    assert (done.returncode, done.stdout.decode().removesuffix("\n")) == (code, value)
    assert warning in done.stderr


@pytest.mark.parametrize("key", KEYS)
def test_socketmap_sends_any_key_as_it_is(instance: Postfix, socketmap: Recorder, key: str) -> None:
    socketmap.answers["map", key] = b"OK value"
    assert instance.postmap(f"{socketmap.table}:map", key) == (0, "value")
    assert [request.key for request in socketmap.requests] == [key.encode()]


def test_one_connection_serves_many_lookups(instance: Postfix, socketmap: Recorder) -> None:
    socketmap.script = lambda request: b"OK " + request.key
    keys = [f"key{number}" for number in range(1000)]
    assert instance.postmap_many(f"{socketmap.table}:map", keys) == {key: key for key in keys}
    assert socketmap.connections == 1
