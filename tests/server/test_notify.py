"""What systemd is told."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from colocroute.server.notify import Notifier
from tests.lab.serving import socket_path


@pytest.fixture
def path() -> Iterator[Path]:
    with socket_path() as path:
        yield path


def bound(address: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.settimeout(20.0)
    sock.bind(address)
    return sock


def test_each_state(path: Path) -> None:
    with bound(str(path)) as systemd:
        notifier = Notifier({"NOTIFY_SOCKET": str(path)})
        notifier.ready("serving")
        notifier.watchdog()
        notifier.stopping()
        assert [systemd.recv(1000) for _ in range(3)] == [
            b"READY=1\nSTATUS=serving",
            b"WATCHDOG=1",
            b"STOPPING=1\nSTATUS=stopping",
        ]
        before = time.monotonic()
        notifier.reloading()
        state, since = systemd.recv(1000).split(b"\nMONOTONIC_USEC=")
        assert state == b"RELOADING=1"
        assert before - 1 < int(since) / 1e6 < time.monotonic() + 1


def test_an_abstract_socket() -> None:
    name = f"colocroute-test-{os.getpid()}"
    with bound("\0" + name) as systemd:
        Notifier({"NOTIFY_SOCKET": "@" + name}).watchdog()
        assert systemd.recv(100) == b"WATCHDOG=1"


def test_no_socket_and_a_dead_one_are_no_failure(path: Path) -> None:
    Notifier({}).ready("serving")
    Notifier({"NOTIFY_SOCKET": str(path)}).ready("serving")


def test_children_do_not_inherit_it(path: Path) -> None:
    environment = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "HOME": "/"}
    Notifier(environment)
    assert environment == {"HOME": "/"}


@pytest.mark.parametrize(
    ("microseconds", "pid", "interval"),
    [
        ("3000000", "own", 1.5),
        ("3000000", "", 1.5),
        ("3000000", "1", 0.0),
        ("", "", 0.0),
        ("soon", "", 0.0),
    ],
)
def test_the_watchdog_interval(microseconds: str, pid: str, interval: float) -> None:
    pid = str(os.getpid()) if pid == "own" else pid
    notifier = Notifier({"WATCHDOG_USEC": microseconds, "WATCHDOG_PID": pid})
    assert notifier.watchdog_interval == interval
