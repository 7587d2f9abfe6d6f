"""Workers as processes: they spread connections, die and are replaced without anybody being refused."""

import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from colocroute.model import Found
from colocroute.server import worker
from colocroute.server.gate import REFUSED_LIMIT
from colocroute.server.slice import SLICE_NS
from colocroute.wire import socketmap
from tests.lab.daemon import wait_for
from tests.lab.kernel import HAS_SLICES, slice_ns
from tests.lab.serving import dial, fake_reply, receive, receive_all, request, socket_path
from tests.lab.supervised import Supervised, supervised


@pytest.fixture
def paths() -> Iterator[tuple[Path, Path]]:
    """A scenario's file and a socket."""
    with socket_path() as path:
        yield path.with_name("scenario"), path


def scenario(path: Path, workers: int, **more: object) -> dict[str, Any]:
    children = [{"name": f"worker-{index}", "kind": "worker"} for index in range(workers)]
    return {"socket": str(path), "children": children, **more}


def serve_all(running: Supervised, path: Path) -> None:
    """Waits until every worker has its listener in its loop."""
    running.wait_ready()
    wait_for(lambda: running.log.count("serving on 1 listeners") >= len(running.pids()), "all workers")
    with dial(path) as client:
        client.sendall(request(b"a"))
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client) == fake_reply(b"a")  # up to the end: nobody counts it any more


def sockets_of(pid: int) -> int:
    """Open sockets of a process."""
    found = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # one that it has just passed on
            found += str(entry.readlink()).startswith("socket:")
    return found


class Asker(threading.Thread):
    """Asks without end as Postfix does: one connection, and once more on a new one when it is closed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._client = dial(path)
        self.answered = 0
        self.reconnected = 0
        self.failure = ""
        self.stopping = False

    def run(self) -> None:
        try:
            while not self.stopping:
                self._ask(b"key-%d" % (self.answered % 7))
        except BaseException as error:
            self.failure = f"{type(error).__name__}: {error}"
        finally:
            self._client.close()

    def _ask(self, key: bytes) -> None:
        expected = fake_reply(key)
        for _ in range(5):
            try:
                self._client.sendall(request(key))
                reply = receive(self._client, len(expected))
            except (BrokenPipeError, ConnectionResetError):
                reply = b""
            if reply:
                assert reply == expected, reply
                self.answered += 1
                return
            self.reconnected += 1
            self._client.close()
            self._client = dial(self._path)
        raise AssertionError("closed five times in a row")


class Load:
    """Several askers at once."""

    def __init__(self, path: Path, size: int) -> None:
        self.askers = [Asker(path) for _ in range(size)]
        for asker in self.askers:
            asker.start()

    def more(self, count: int) -> None:
        """Waits until each has so many more answers."""
        goals = [asker.answered + count for asker in self.askers]
        wait_for(
            lambda: all(
                asker.failure or asker.answered >= goal
                for asker, goal in zip(self.askers, goals, strict=True)
            ),
            "more answers",
        )

    def end(self) -> None:
        for asker in self.askers:
            asker.stopping = True
        for asker in self.askers:
            asker.join()
        assert not [asker.failure for asker in self.askers if asker.failure]


def test_each_worker_has_the_short_slice(paths: tuple[Path, Path]) -> None:
    with supervised(paths[0], scenario(paths[1], 2)) as running:
        serve_all(running, paths[1])
        expected = SLICE_NS if HAS_SLICES else slice_ns(os.getpid())
        assert [slice_ns(pid) for pid in running.pids().values()] == [expected, expected]


def test_workers_share_connections_evenly(paths: tuple[Path, Path]) -> None:
    file, path = paths
    with supervised(file, scenario(path, 3)) as running:
        serve_all(running, path)
        pids = list(running.pids().values())
        before = sockets_of(pids[0])
        clients = [dial(path) for _ in range(100)]
        wait_for(lambda: sum(sockets_of(pid) - before for pid in pids) == 100, "100 connections")
        counts = [sockets_of(pid) - before for pid in pids]
        assert max(counts) <= 1.5 * min(counts), counts
        for client in clients:
            client.sendall(request(b"a"))
        for client in clients:
            assert receive(client, 9) == fake_reply(b"a")
            client.close()
        assert running.end() == 0


def test_the_limit_is_for_all_workers_together(paths: tuple[Path, Path]) -> None:
    file, path = paths
    with supervised(file, scenario(path, 2, max_connections=10)) as running:
        serve_all(running, path)
        clients, replies = [], []
        for _ in range(14):
            # Each is placed before the next one comes: workers that accept at the same instant may go over.
            clients.append(dial(path))
            clients[-1].sendall(request(b"a"))
            replies.append(receive(clients[-1], 9))
        assert replies == [fake_reply(b"a")] * 10 + [b"25:TEMP t"] * 4
        for client in clients:
            client.close()
        assert running.end() == 0


def test_a_burst_passes_the_limit_by_less_than_the_number_of_workers(paths: tuple[Path, Path]) -> None:
    file, path = paths
    with supervised(file, scenario(path, 3, max_connections=10)) as running:
        serve_all(running, path)
        clients = [dial(path) for _ in range(30)]
        for client in clients:
            client.sendall(request(b"a"))
        replies = [receive(client, 9) for client in clients]
        assert 10 <= replies.count(fake_reply(b"a")) < 10 + 3
        assert replies.count(fake_reply(b"a")) + replies.count(b"25:TEMP t") == 30
        for client in clients:
            client.close()
        assert running.end() == 0


def test_sigterm_answers_what_has_arrived(paths: tuple[Path, Path]) -> None:
    file, path = paths
    with supervised(file, scenario(path, 1, drain=60)) as running:
        serve_all(running, path)
        pid = running.pids()["worker-0"]
        clients = [dial(path) for _ in range(20)]
        for client in clients:
            client.sendall(request(b"a"))
            assert receive(client, 9) == fake_reply(b"a")
        os.kill(pid, signal.SIGSTOP)  # what follows has arrived, and nothing of it is answered
        for client in clients[:10]:
            client.sendall(request(b"b") * 3)
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGCONT)
        begin = time.monotonic()
        assert [receive_all(client) for client in clients] == [fake_reply(b"b") * 3] * 10 + [b""] * 10
        assert time.monotonic() - begin < 20, "it waits for nothing when all is answered"
        wait_for(lambda: f"worker-0: pid {pid} ended: exit 0" in running.log, "the worker's end")
        assert running.end() == 0


def test_a_second_sigterm_changes_nothing(paths: tuple[Path, Path]) -> None:
    file, path = paths
    value = "v" * 1000
    with supervised(file, scenario(path, 1, generation=value, drain=60)) as running:
        serve_all(running, path)
        client = dial(path)
        client.sendall(request(b"generation") * 1000)  # the replies are more than fits on their way
        wait_for(lambda: bool(client.recv(1, socket.MSG_PEEK)), "the first reply")
        pid = running.pids()["worker-0"]
        for _ in range(10):
            os.kill(pid, signal.SIGTERM)
            time.sleep(0.01)
        assert receive_all(client) == socketmap.encode(Found(value)) * 1000
        wait_for(lambda: f"worker-0: pid {pid} ended: exit 0" in running.log, "the worker's end")
        client.close()
        assert running.end() == 0


def test_nobody_is_refused_when_a_worker_is_killed(paths: tuple[Path, Path]) -> None:
    file, path = paths
    with supervised(file, scenario(path, 2)) as running:
        serve_all(running, path)
        load = Load(path, 6)
        for _ in range(4):
            load.more(20)
            victim = running.pids()["worker-0"]
            os.kill(victim, signal.SIGKILL)
            wait_for(partial(is_replaced, running, victim), "a new worker")
        load.more(20)
        load.end()
        assert any(asker.reconnected for asker in load.askers)
        assert running.end() == 0


def test_nobody_is_refused_by_a_reload(paths: tuple[Path, Path]) -> None:
    file, path = paths
    with supervised(file, scenario(path, 2, generation="0")) as running:
        serve_all(running, path)
        load = Load(path, 4)
        for generation in ("1", "2", "3"):
            load.more(20)
            running.events.clear()
            running.scenario["generation"] = generation
            running.write()
            running.signal(signal.SIGHUP)
            wait_for(lambda: running.heard("reloaded", True), "the reload")
            wait_for(partial(is_answered, path, generation), "the new configuration")
        load.more(20)
        load.end()
        assert running.end() == 0


def is_replaced(running: Supervised, victim: int) -> bool:
    return running.pids()["worker-0"] not in (0, victim)


def is_answered(path: Path, generation: str) -> bool:
    with suppress(BrokenPipeError, ConnectionResetError), dial(path) as client:
        client.sendall(request(b"generation"))
        return receive(client, 7) == socketmap.encode(Found(generation))
    return False  # an old worker took the connection and ended


NEEDED = 1000 + REFUSED_LIMIT + worker.OTHER_DESCRIPTORS


@pytest.mark.parametrize(
    ("limits", "expected", "warned"),
    [
        ((1024, 4096), [(1000 + REFUSED_LIMIT + worker.OTHER_DESCRIPTORS, 4096)], False),
        ((1024, 1100), [(1100, 1100)], True),
        (
            (1024, resource.RLIM_INFINITY),
            [(1000 + REFUSED_LIMIT + worker.OTHER_DESCRIPTORS, resource.RLIM_INFINITY)],
            False,
        ),
        ((4096, 4096), [], False),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), [], False),
    ],
)
def test_the_limit_of_descriptors_is_raised(
    limits: tuple[int, int],
    expected: list[tuple[int, int]],
    warned: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    set_to: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _which: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda _which, values: set_to.append(values))
    worker._raise_descriptor_limit(1000)
    assert set_to == expected
    assert bool(caplog.messages) == warned
