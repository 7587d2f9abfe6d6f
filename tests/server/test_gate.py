"""Accepting: the limit, failures of accept, placing among workers."""

import errno
import os
import resource
import socket
import time
from collections.abc import Callable

import pytest

from colocroute.server import gate
from colocroute.server.conversation import conversation
from colocroute.server.crew import Crew
from colocroute.server.gate import PAUSE, Gate
from colocroute.server.interfaces import Listener, WireProtocol
from colocroute.server.loop import Loop
from colocroute.server.spin import Spinner
from tests.lab.daemon import wait_for
from tests.lab.serving import (
    FakeAnswering,
    dial,
    fake_reply,
    listen,
    receive,
    receive_all,
    request,
    serving,
    socket_path,
)


@pytest.mark.parametrize(
    ("protocol", "sent", "refusal"),
    [
        (WireProtocol.SOCKETMAP, request(b"a"), b"25:TEMP too many connections,"),
        (WireProtocol.TCP_TABLE, b"get a\n", b"400 too many connections\n"),
        (
            WireProtocol.POLICY,
            b"request=smtpd_access_policy\n\n",
            b"action=DEFER_IF_PERMIT 4.3.0 too many connections\n\n",
        ),
    ],
)
def test_over_the_limit_a_client_is_told_so(
    protocol: WireProtocol, sent: bytes, refusal: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(FakeAnswering(), protocol, limit=2) as served:
        first, second = served.dial(), served.dial()
        wait_for(lambda: served.seat.total() == 2, "two connections")
        with served.dial() as third:
            third.sendall(sent)
            assert receive_all(third) == refusal
        assert "the listener: connection refused: there are 2 already" in caplog.messages
        first.close()
        wait_for(lambda: served.seat.total() == 1, "one connection less")
        with served.dial() as fourth:
            fourth.sendall(sent)
            assert fourth.recv(100) not in (b"", refusal)
        second.close()


def test_refused_clients_that_say_nothing_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "REFUSED_LIMIT", 100)
    with serving(FakeAnswering(), limit=1) as served, served.dial() as accepted:
        wait_for(lambda: served.seat.total() == 1, "the first connection")
        silent = [served.dial() for _ in range(100 + 20)]
        for client in silent[:20]:
            assert receive_all(client) == b""
        for client in silent[20:]:
            client.setblocking(False)
            with pytest.raises(BlockingIOError):  # open
                client.recv(1)
            client.settimeout(20.0)
        silent[-1].sendall(request(b"a"))
        assert receive_all(silent[-1]) == b"25:TEMP too many connections,"
        accepted.sendall(request(b"a"))
        assert receive(accepted, 9) == fake_reply(b"a")
        for client in silent:
            client.close()


def test_many_at_once() -> None:
    with serving(FakeAnswering()) as served:
        clients = [served.dial() for _ in range(200)]
        for client in clients:
            client.sendall(request(b"a"))
        for client in clients:
            assert receive(client, 9) == fake_reply(b"a")
            client.close()


def test_tcp_connections_send_at_once_and_notice_dead_peers() -> None:
    with serving(FakeAnswering(), inet=True) as served, served.dial() as client:
        client.sendall(request(b"a"))
        receive(client, 9)
        (connection,) = served.loop._connections.values()
        assert connection.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


class Failing:
    """A listener whose accept fails as often as it is told to."""

    def __init__(self, listening: socket.socket, error: int, times: int) -> None:
        self._listening = listening
        self._error = error
        self.left = times
        self.calls = 0

    def fileno(self) -> int:
        return self._listening.fileno()

    def close(self) -> None:
        self._listening.close()

    def accept(self) -> tuple[socket.socket, object]:
        self.calls += 1
        if self.left > 0:
            self.left -= 1
            raise OSError(self._error, os.strerror(self._error))
        return self._listening.accept()


def test_a_failing_accept_is_tried_again_with_pauses(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(FakeAnswering()) as served:
        failing = Failing(served.gate._sockets[0], errno.EMFILE, 3)
        monkeypatch.setattr(served.gate, "_sockets", [failing])
        begin = time.monotonic()
        with served.dial() as client:
            client.sendall(request(b"a"))
            assert receive(client, 9) == fake_reply(b"a")
        assert time.monotonic() - begin >= PAUSE + 2 * PAUSE + 4 * PAUSE
        assert failing.calls <= 5
        assert caplog.messages == [
            f"the listener: accept failed, next try in {seconds} s: Too many open files"
            for seconds in ("0.1", "0.2", "0.4")
        ]


def test_a_connection_that_was_aborted_is_nothing_special(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(FakeAnswering()) as served:
        failing = Failing(served.gate._sockets[0], errno.ECONNABORTED, 3)
        monkeypatch.setattr(served.gate, "_sockets", [failing])
        with served.dial() as client:
            client.sendall(request(b"a"))
            assert receive(client, 9) == fake_reply(b"a")
        assert caplog.messages == []


def test_out_of_descriptors_does_not_spin() -> None:
    with serving(FakeAnswering()) as served:
        before = served.dial()
        before.sendall(request(b"a"))
        receive(before, 9)
        waiting = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(3)]
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest = os.dup(0)
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
        try:
            for client in waiting:
                client.settimeout(20.0)
                client.connect(str(served.address))
            cpu = time.process_time()
            time.sleep(0.5)
            assert time.process_time() - cpu < 0.2
            before.sendall(request(b"b"))
            assert receive(before, 9) == fake_reply(b"b")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for client in waiting:
            client.sendall(request(b"a"))
            assert receive(client, 9) == fake_reply(b"a")
            client.close()
        before.close()


def stopped_after(loop: Loop, done: Callable[[], bool]) -> None:
    """Runs the loop until something is so."""

    def look() -> None:
        if done():
            loop.stop()
        else:
            loop.call_later(0.01, look)

    look()
    loop.run()


def test_connections_are_passed_to_the_worker_with_fewest() -> None:
    answering = FakeAnswering()
    crew = Crew(2)
    with socket_path() as path, listen(path) as listening:
        listener = Listener(listening, WireProtocol.SOCKETMAP, b"m", "here")
        loops = []
        for index in range(2):
            seat = crew.seat(index)
            loop = Loop(Spinner(0.0, lambda: 0), answering, seat.counted)
            talk = conversation(listener, answering, 10)
            loops.append((loop, Gate(loop, [listener], [talk], seat, 100)))
        crew.seat(1).take()
        (first, first_gate), (second, second_gate) = loops
        first_gate.open()
        clients = [dial(path) for _ in range(10)]
        stopped_after(first, lambda: crew.load(0) + crew.load(1) == 10)
        assert (crew.load(0), crew.load(1)) == (5, 5)
        for client in clients:
            client.sendall(request(b"a"))
        second_gate.take_passed()
        assert len(second._connections) == 5
        assert crew.load(1) == 5
        first.drain(5.0)
        second.drain(5.0)
        assert [receive_all(client) for client in clients] == [fake_reply(b"a")] * 10
    crew.close()


def test_a_closed_gate_takes_what_was_passed_and_nothing_more() -> None:
    answering = FakeAnswering()
    crew = Crew(2)
    with socket_path() as path, listen(path) as listening:
        listener = Listener(listening, WireProtocol.SOCKETMAP, b"m", "here")
        seat = crew.seat(0)
        loop = Loop(Spinner(0.0, lambda: 0), answering, seat.counted)
        closing = Gate(loop, [listener], [conversation(listener, answering, 10)], seat, 100)
        closing.open()
        client, served = socket.socketpair()
        client.sendall(request(b"a"))
        crew.seat(1).pass_on(0, served, 0)
        served.close()
        closing.close()
        assert crew.seat(1).least() is None
        assert listening.fileno() == -1
        loop.drain(5.0)
        assert receive_all(client) == fake_reply(b"a")
    crew.close()
