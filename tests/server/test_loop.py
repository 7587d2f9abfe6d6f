"""The loop on real sockets: one reply for each request in order, whatever clients do."""

import socket
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colocroute.server import loop as loop_module
from colocroute.server.conversation import conversation
from colocroute.server.crew import Crew
from colocroute.server.interfaces import Listener, WireProtocol
from colocroute.server.loop import READ_SIZE, Loop
from colocroute.server.spin import Spinner
from tests.lab.daemon import wait_for
from tests.lab.feeding import pieces
from tests.lab.serving import FakeAnswering, fake_reply, receive, receive_all, request, serving

CHUNKS = st.lists(st.integers(1, 60), max_size=30)
KEYS = st.lists(st.sampled_from([b"a", b"b", b"none", b"k" * 700]), min_size=1, max_size=20)


def exchange(client: socket.socket, keys: list[bytes], sizes: list[int]) -> None:
    """Sends requests in pieces; the replies must be those, in order, and no byte more."""
    data = b"".join(request(key) for key in keys)
    expected = b"".join(fake_reply(key) for key in keys)
    for piece in pieces(data, sizes):
        client.sendall(piece)
    assert receive(client, len(expected)) == expected


def test_one_reply_for_each_request_in_any_pieces() -> None:
    with serving(FakeAnswering()) as served:

        @settings(max_examples=60)
        @given(KEYS, CHUNKS)
        def check(keys: list[bytes], sizes: list[int]) -> None:
            with served.dial() as client:
                exchange(client, keys, sizes)
                exchange(client, keys, [])
                client.shutdown(socket.SHUT_WR)
                assert receive_all(client) == b""

        check()


@pytest.mark.parametrize("spin", [0.0, 0.0002])
def test_many_clients_at_once(spin: float) -> None:
    with serving(FakeAnswering(), spin=spin) as served:
        clients = [served.dial() for _ in range(50)]
        for turn in range(20):
            for number, client in enumerate(clients):
                client.sendall(request(b"%d-%d" % (number, turn % 3)))
            for number, client in enumerate(clients):
                expected = fake_reply(b"%d-%d" % (number, turn % 3))
                assert receive(client, len(expected)) == expected
        for client in clients:
            client.close()


@pytest.mark.parametrize(
    ("protocol", "sent", "expected"),
    [
        (
            WireProtocol.TCP_TABLE,
            b"get a%20b\nput\nget none\n" * 2,
            b"200 m/a%20b\n400 unknown command 'put'\n500 not found\n" * 2,
        ),
        (WireProtocol.POLICY, b"request=smtpd_access_policy\nsender=a\n\n" * 3, b"action=DUNNO\n\n" * 3),
    ],
)
def test_the_other_protocols(protocol: WireProtocol, sent: bytes, expected: bytes) -> None:
    with serving(FakeAnswering(), protocol, inet=True) as served, served.dial() as client:
        for piece in pieces(sent, [1, 2, 3, 5, 8, 13, 21]):
            client.sendall(piece)
        assert receive(client, len(expected)) == expected


def test_a_hot_request_is_answered_without_asking() -> None:
    answering = FakeAnswering()
    with serving(answering) as served, served.dial() as client, served.dial() as other:
        for _ in range(5):
            exchange(client, [b"a"], [])
        exchange(other, [b"a"], [])
        assert len(answering.asked) == 2  # noted, and kept


def test_a_reply_is_never_older_than_the_stamp() -> None:
    answering = FakeAnswering()
    with serving(answering) as served, served.dial() as client:
        for number in range(50):
            answering.values[b"a"] = f"value {number}"
            answering.number += 2
            for _ in range(4):
                client.sendall(request(b"a"))
                assert receive(client, len(f"11:OK value {number},")).endswith(b" value %d," % number)
        assert len(answering.asked) == 1 + 50  # noted, and then kept under each stamp


def test_what_lookups_share_is_given_back_before_waiting() -> None:
    answering = FakeAnswering()
    with serving(answering) as served, served.dial() as client:
        wait_for(lambda: answering.rests > 0, "a rest")
        answering.rests = 0
        exchange(client, [b"a"], [])
        wait_for(lambda: answering.rests > 0, "a rest")


def test_nothing_is_due_for_a_connection_at_rest() -> None:
    """Postfix keeps one for 1,000 s and more, and a server that closes it earlier costs a mail its retry."""
    answering = FakeAnswering()
    with serving(answering) as served, served.dial() as client:
        exchange(client, [b"a"], [])
        answering.rests = 0
        client.sendall(b"1")  # a part of a request, for which nothing is due either
        wait_for(lambda: answering.rests > 0, "the loop to wait again")
        assert served.loop._timers == []
        assert served.seat.total() == 1


def test_the_cache_is_not_used_during_a_commit() -> None:
    answering = FakeAnswering()
    with serving(answering) as served, served.dial() as client:
        for _ in range(4):
            exchange(client, [b"a"], [])
        assert len(answering.asked) == 2
        answering.number = -1
        for _ in range(2):
            exchange(client, [b"a"], [])
        assert len(answering.asked) == 4


def test_without_a_stamp_everything_is_answered_anew(caplog: pytest.LogCaptureFixture) -> None:
    class Stampless(FakeAnswering):
        def stamp(self) -> int:
            raise OSError("the mirror has gone")

    answering = Stampless()
    with serving(answering) as served, served.dial() as client:
        for _ in range(4):
            exchange(client, [b"a"], [])
        assert len(answering.asked) == 4
    assert "no stamp: replies are computed anew\nTraceback" in caplog.text
    assert "OSError: the mirror has gone" in caplog.text


def test_an_internal_error_is_temporary_and_the_next_request_works() -> None:
    with serving(FakeAnswering()) as served, served.dial() as client:
        client.sendall(request(b"fail") + request(b"a"))
        expected = b"19:TEMP internal error," + fake_reply(b"a")
        assert receive(client, len(expected)) == expected
        exchange(client, [b"a"], [])


def test_a_client_that_ends_its_side_still_gets_its_replies() -> None:
    with serving(FakeAnswering()) as served, served.dial() as client:
        client.sendall(request(b"a") * 2 + request(b"b"))
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client) == fake_reply(b"a") * 2 + fake_reply(b"b")


def test_a_client_that_cuts_a_request_gets_the_replies_before_it() -> None:
    with serving(FakeAnswering()) as served, served.dial() as client:
        client.sendall(request(b"a") + b"5:m ")
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client) == fake_reply(b"a")


def test_malformed_framing_closes_with_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with serving(FakeAnswering()) as served, served.dial() as client, served.dial() as other:
        exchange(client, [b"a"], [])
        client.sendall(request(b"a") + b"nonsense")
        assert receive_all(client) == fake_reply(b"a")
        exchange(other, [b"a"], [])
        assert len(caplog.messages) == 1
        assert caplog.messages[0].startswith("the listener: connection closed: byte 0x6e")


def test_a_policy_request_that_is_none_has_no_reply() -> None:
    with serving(FakeAnswering(), WireProtocol.POLICY) as served, served.dial() as client:
        client.sendall(b"request=other\n\n")
        assert receive_all(client) == b""


def test_nothing_more_is_read_from_a_client_that_takes_no_replies() -> None:
    """Its requests stay in its own buffers, and nobody else waits; when it reads, all replies are there."""
    answering = FakeAnswering()
    key = b"k" * 1000
    count = 5000
    with serving(answering) as served, served.dial() as slow, served.dial() as other:
        sender = threading.Thread(target=slow.sendall, args=(request(key) * count,))
        sender.start()
        try:
            wait_for(lambda: bool(answering.asked), "the first request")
            answered = -1
            while answered != len(answering.asked):  # until it comes to rest
                answered = len(answering.asked)
                time.sleep(0.2)
            assert 0 < answered < count
            exchange(other, [b"a"], [])
            expected = fake_reply(key) * count
            assert receive(slow, len(expected)) == expected
        finally:
            sender.join()
        exchange(slow, [b"b"], [])


def test_a_client_that_vanishes_with_replies_pending_harms_nobody() -> None:
    with serving(FakeAnswering()) as served, served.dial() as other:
        for _ in range(3):
            with served.dial() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
                client.setblocking(False)
                try:
                    while True:
                        client.send(request(b"k" * 1000))
                except BlockingIOError:
                    pass
        exchange(other, [b"a"], [])
        wait_for(lambda: served.seat.total() == 1, "the loop to forget the clients that vanished")


def test_reset_connections_are_forgotten() -> None:
    with serving(FakeAnswering(), inet=True) as served, served.dial() as other:
        for _ in range(5):
            with served.dial() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                client.sendall(request(b"a") + b"5:m ")
        exchange(other, [b"a"], [])
        wait_for(lambda: served.seat.total() == 1, "the loop to forget the connections that were reset")


def test_a_request_longer_than_one_read() -> None:
    with serving(FakeAnswering()) as served, served.dial() as client:
        for size in (READ_SIZE - 20, READ_SIZE, 9_000, 90_000):
            exchange(client, [b"k" * size, b"a"], [])


def idle_loop(answering: FakeAnswering) -> Loop:
    return Loop(Spinner(0.0, lambda: 0), answering)


def test_timers_run_in_order_even_when_there_is_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = idle_loop(FakeAnswering())
    order: list[str] = []
    with monkeypatch.context() as patch:
        now = time.monotonic()
        patch.setattr(loop_module, "_clock", lambda: now)  # all three are called for at the same moment
        loop.call_later(0.04, loop.stop)
        loop.call_later(0.02, lambda: order.append("second"))
        loop.call_later(0.01, lambda: order.append("first"))
    loop.run()
    assert order == ["first", "second"]


def test_what_is_not_watched_any_more_is_not_called() -> None:
    loop = idle_loop(FakeAnswering())
    inside, outside = socket.socketpair()
    with inside, outside:
        loop.watch(inside.fileno(), lambda: pytest.fail("called"))
        outside.send(b"x")
        loop.unwatch(inside.fileno())
        loop.unwatch(inside.fileno())
        loop.call_later(0.01, loop.stop)
        loop.run()


def test_drain_answers_what_has_arrived_and_closes() -> None:
    answering = FakeAnswering()
    loop = idle_loop(answering)
    talk = conversation(Listener(socket.socket(), WireProtocol.SOCKETMAP), answering, 10)
    clients = []
    for sent in (b"", request(b"a"), request(b"a") * 100 + b"3:m"):
        client, served = socket.socketpair()
        served.setblocking(False)
        loop.adopt(served, talk)
        client.sendall(sent)
        clients.append(client)
    begin = time.monotonic()
    loop.drain(15.0)
    assert time.monotonic() - begin < 10.0
    expected = [b"", fake_reply(b"a"), fake_reply(b"a") * 100]
    assert [receive_all(client) for client in clients] == expected
    with pytest.raises(BrokenPipeError):
        clients[0].send(request(b"a"))


def test_drain_does_not_wait_for_a_client_that_takes_nothing() -> None:
    answering = FakeAnswering()
    answering.values[b"a"] = "v" * 1000
    loop = idle_loop(answering)
    talk = conversation(Listener(socket.socket(), WireProtocol.SOCKETMAP), answering, 10)
    client, served = socket.socketpair()
    served.setblocking(False)
    loop.adopt(served, talk)
    client.sendall(request(b"a") * 5000)
    loop.drain(0.2)
    assert 0 < len(answering.asked) < 5000
    with pytest.raises(ConnectionResetError):  # the kernel tells that requests were left unread
        receive_all(client)


def test_connections_are_counted() -> None:
    answering = FakeAnswering()
    crew = Crew(1)
    seat = crew.seat(0)
    loop = Loop(Spinner(0.0, lambda: 0), answering, seat.counted)
    talk = conversation(Listener(socket.socket(), WireProtocol.POLICY), answering, 10)
    client, served = socket.socketpair()
    with client:
        connection = loop.adopt(served, talk)
        loop.adopt(socket.socket(), talk, refused=True)
        assert seat.total() == 1
        loop.close(connection)
        loop.close(connection)
        assert seat.total() == 0
    crew.close()
