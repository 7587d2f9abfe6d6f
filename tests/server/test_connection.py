"""One client: replies in order, whatever the pieces."""

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colocroute.server.connection import REPLIES_LIMIT, REQUESTS_LIMIT, Connection
from colocroute.server.conversation import conversation
from colocroute.server.interfaces import Listener, WireProtocol
from tests.lab.feeding import pieces
from tests.lab.serving import FakeAnswering, fake_reply, request

KEYS = st.lists(st.sampled_from([b"a", b"none", b"some key", b"k" * 300]), max_size=20)


@pytest.fixture(scope="module")
def client() -> Iterator[socket.socket]:
    with socket.socket() as sock:
        yield sock


def connected(client: socket.socket, *, refused: bool = False) -> Connection:
    talk = conversation(Listener(client, WireProtocol.SOCKETMAP, b"", "here"), FakeAnswering(), 10)
    return Connection(client, talk, refused=refused)


@given(KEYS, st.lists(st.integers(0, 50), max_size=30))
def test_one_reply_for_each_request_in_any_pieces(keys: list[bytes], sizes: list[int]) -> None:
    with socket.socket() as client:
        connection = connected(client)
        data = b"".join(request(key) for key in keys)
        replies = b"".join(connection.replies(piece) for piece in pieces(data, sizes))
    assert replies == b"".join(fake_reply(key) for key in keys)
    assert connection.at_rest


def test_a_part_of_a_request_is_no_rest(client: socket.socket) -> None:
    connection = connected(client)
    assert connection.replies(b"3:m") == b""
    assert not connection.at_rest
    assert connection.replies(b" a,") == fake_reply(b"a")
    assert connection.at_rest


def test_malformed_framing_ends_it_after_what_was_right(
    client: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    connection = connected(client)
    assert connection.replies(request(b"a") + b"03:m b,") == fake_reply(b"a")
    assert connection.closing
    assert connection.replies(request(b"c")) == b""
    assert caplog.messages == ["here: connection closed: leading zero in the length of a netstring"]


def test_a_refused_client_gets_one_refusal(client: socket.socket) -> None:
    connection = connected(client, refused=True)
    assert not connection.at_rest
    assert connection.replies(b"3:m") == b""
    assert connection.replies(b" a," + request(b"b")) == b"25:TEMP too many connections,"
    assert connection.closing
    assert connection.replies(request(b"c")) == b""


def test_replies_are_computed_in_portions(client: socket.socket) -> None:
    connection = connected(client)
    key = b"k" * 5000
    count = 2 * REPLIES_LIMIT // len(key)
    data = request(key) * count
    portions = [connection.replies(data)]
    while connection.more:
        portions.append(connection.replies(b""))
    assert len(portions) > 1
    assert max(map(len, portions)) < REPLIES_LIMIT + 6000
    assert b"".join(portions) == fake_reply(key) * count


@pytest.mark.parametrize(("rest", "more"), [(0, False), (1, True), (REQUESTS_LIMIT, True)])
def test_a_turn_is_so_many_requests(client: socket.socket, rest: int, more: bool) -> None:
    connection = connected(client)
    keys = [b"%d" % number for number in range(REQUESTS_LIMIT + rest)]
    replies = [fake_reply(key) for key in keys]
    data = b"".join(map(request, keys))
    assert connection.replies(data) == b"".join(replies[:REQUESTS_LIMIT])
    assert connection.more == more
    assert connection.replies(b"") == b"".join(replies[REQUESTS_LIMIT:])
    assert not connection.more
    assert connection.at_rest


def test_a_broken_codec_closes_the_connection(
    client: socket.socket, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connected(client)

    def broken() -> None:
        raise IndexError("a bug of ours")

    monkeypatch.setattr(connection.decoder, "next", broken)
    assert connection.replies(request(b"a")) == b""
    assert connection.closing
    assert "IndexError: a bug of ours" in caplog.text
