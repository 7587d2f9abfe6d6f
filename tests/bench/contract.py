"""What both generators do, whichever is used: inherited by their tests."""

import fcntl
import socket
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from colocroute.bench.load import Load, Protocol, Result
from colocroute.errors import TemporaryError
from colocroute.server.interfaces import WireProtocol
from tests.bench.results import (
    REPLY,
    answer,
    closing_server,
    counted,
    load_of,
    server,
    silent_server,
    slow_server,
)
from tests.lab.serving import FakeAnswering, serving

KEYS = (b"anna", b"none", b"fail")


class GeneratorContract:
    """A subclass says what `run` is."""

    run: Callable[[Load, Callable[[int], None]], Result]

    @pytest.mark.parametrize("rate", [0.0, 900.0])
    def test_replies_are_counted_by_kind(self, tmp_path: Path, rate: float) -> None:
        with serving(FakeAnswering()) as served:
            found = counted(type(self).run, load_of(tmp_path, f"unix:{served.address}", KEYS, rate=rate))
        assert found.ok and found.notfound and found.temp
        assert found.other == found.lost == 0
        assert found.done == found.ok + found.notfound + found.temp
        assert found.done == sum(count for _, count in found.buckets)
        assert 0 < found.percentile(50) <= found.percentile(99) <= found.percentile(100) <= found.slowest
        assert found.percentile(100) >= found.slowest * 0.99
        assert not found.is_clean

    @pytest.mark.parametrize("protocol", list(Protocol))
    def test_both_protocols_over_the_network(self, tmp_path: Path, protocol: Protocol) -> None:
        with serving(FakeAnswering(), WireProtocol(protocol.value), inet=True) as served:
            assert isinstance(served.address, tuple)
            host, port = served.address
            load = load_of(tmp_path, f"inet:{host}:{port}", (b"anna", b"none"), protocol)
            found = counted(type(self).run, load)
        assert found.is_clean and found.ok and found.notfound

    def test_a_rate_is_kept_and_what_was_due_is_counted(self, tmp_path: Path) -> None:
        with serving(FakeAnswering()) as served:
            load = load_of(tmp_path, f"unix:{served.address}", (b"anna",), rate=200.0, seconds=1.0)
            found = type(self).run(load, lambda _: None)
        assert 195 <= found.done + found.unanswered <= 205

    def test_progress_is_told_while_it_runs(self, tmp_path: Path) -> None:
        told: list[int] = []
        with serving(FakeAnswering()) as served:
            load = load_of(tmp_path, f"unix:{served.address}", (b"anna",), seconds=2.0, rate=500.0)
            found = type(self).run(load, told.append)
        assert told and 0 <= told[0] <= found.done

    def test_above_what_the_server_can_do_it_is_the_servers_rate_that_is_told(self, tmp_path: Path) -> None:
        with slow_server(0.02) as address:
            load = load_of(tmp_path, address, (b"anna",), rate=150.0, seconds=0.6)
            found = type(self).run(load, lambda _: None)
        assert 0 < found.rate <= 50 and found.seconds == pytest.approx(0.6 + found.overtime)
        assert found.fell_behind and not found.is_clean
        assert found.slowest >= found.overtime * 1e6 > 0  # from when it was due

    def test_flat_out_every_reply_that_comes_in_the_time_is_counted(self, tmp_path: Path) -> None:
        def serve(client: socket.socket, _number: int) -> None:
            client.recv(1000)
            time.sleep(0.5)  # beyond the warm-up
            client.sendall(REPLY)
            answer(client)

        with server(serve) as address:
            found = counted(type(self).run, load_of(tmp_path, address, (b"anna",), seconds=1.0))
        assert found.is_clean and found.slowest >= 400_000

    def test_what_was_due_in_the_warmup_is_not_counted(self, tmp_path: Path) -> None:
        with slow_server(0.02) as address:
            load = load_of(tmp_path, address, (b"anna",), rate=5000.0, seconds=0.2, warmup=0.5)
            found = type(self).run(load, lambda _: None)
        assert 0 < found.rate <= 50 and found.fell_behind
        assert 990 <= found.done + found.unanswered <= 1010

    @pytest.mark.parametrize("rate", [0.0, 900.0])
    def test_a_server_that_hangs_up_is_told(self, tmp_path: Path, rate: float) -> None:
        with closing_server(replies=5) as address:
            load = load_of(tmp_path, address, (b"anna",), rate=rate, seconds=30.0, warmup=0.0)
            found = type(self).run(load, lambda _: None)
        assert found.lost == 3 and found.done == 15 and not found.is_clean
        assert 0 < found.seconds < 30 and found.unanswered <= found.seconds * 900

    @pytest.mark.parametrize("rate", [0.0, 900.0])
    def test_a_server_that_hangs_up_at_once_is_a_temporary_failure(self, tmp_path: Path, rate: float) -> None:
        with closing_server() as address, pytest.raises(TemporaryError, match="closed every connection"):
            type(self).run(load_of(tmp_path, address, (b"anna",), rate=rate, seconds=30.0), lambda _: None)

    @pytest.mark.parametrize("rate", [0.0, 900.0])
    def test_one_connection_goes_on_when_others_are_closed(self, tmp_path: Path, rate: float) -> None:
        def serve(client: socket.socket, number: int) -> None:
            if number % 3 == 2:
                answer(client)

        with server(serve) as address:
            found = counted(type(self).run, load_of(tmp_path, address, (b"anna",), rate=rate))
        assert found.lost == 2 and found.done and found.unanswered <= found.seconds * 900

    def test_a_reply_that_was_not_asked_for_ends_the_connection(self, tmp_path: Path) -> None:
        def serve(client: socket.socket, _number: int) -> None:
            answer(client, 1)
            while int.from_bytes(fcntl.ioctl(client, termios.TIOCOUTQ, bytes(4)), sys.byteorder):
                time.sleep(0.01)  # the reply that was asked for is not read yet
            client.sendall(REPLY)
            answer(client)

        with server(serve) as address:
            load = load_of(tmp_path, address, (b"anna",), rate=0.5, seconds=30.0, warmup=0.0, connections=1)
            assert type(self).run(load, lambda _: None).lost == 1

    def test_a_silent_server_ends_in_time(self, tmp_path: Path) -> None:
        with silent_server() as address:
            found = type(self).run(load_of(tmp_path, address, (b"anna",), seconds=0.2), lambda _: None)
        assert found.done == 0 and found.unanswered == 3

    def test_nobody_there_is_a_temporary_failure(self, tmp_path: Path) -> None:
        with pytest.raises(TemporaryError, match="No such file"):
            type(self).run(load_of(tmp_path, "unix:/tmp/colocroute-nobody", (b"anna",)), lambda _: None)
