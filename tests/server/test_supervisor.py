"""The supervisor as a process, with real children and real signals."""

import itertools
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colocroute.server.children import GRACE_SECONDS
from colocroute.server.supervisor import RELOAD_SECONDS
from tests.lab.daemon import is_alive, wait_for
from tests.lab.serving import socket_path
from tests.lab.supervised import Supervised, supervised


@pytest.fixture
def path() -> Iterator[Path]:
    with socket_path() as path:
        yield path


def scenario(*kinds: str, **more: object) -> dict[str, Any]:
    """Children named after their kind and number; `idle` ones serve."""
    children = [
        {"name": f"{kind}-{index}", "kind": kind, "serves": kind == "idle"}
        for index, kind in enumerate(kinds)
    ]
    return {"children": children, **more}


def all_started(running: Supervised) -> None:
    wait_for(lambda: bool(running.pids()) and all(running.pids().values()), "all children to be started")
    stubborn = [pid for name, pid in running.pids().items() if name.startswith("stubborn")]
    wait_for(lambda: all(running.heard("stubborn", pid) for pid in stubborn), "the stubborn to be so")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_starts_all_and_ends_all(path: Path, number: signal.Signals) -> None:
    with supervised(path, scenario("idle", "idle", "silent")) as running:
        running.wait_ready()
        all_started(running)
        pids = running.pids()
        assert sorted(pids) == ["idle-0", "idle-1", "silent-2"]
        running.signal(number)
        assert running.process.wait(20.0) == 0
        assert not any(is_alive(pid) for pid in pids.values())
    assert running.events[-1] == ["stopped"]


def test_a_child_that_does_not_end_is_killed_in_time(path: Path) -> None:
    with supervised(path, scenario("idle", "stubborn", "idle")) as running:
        running.wait_ready()
        all_started(running)
        pids = running.pids()
        os.kill(pids["idle-2"], signal.SIGSTOP)
        begin = time.monotonic()
        assert running.end() == 0
        assert time.monotonic() - begin < 2 * GRACE_SECONDS, "both in the same time"
        assert not any(is_alive(pid) for pid in pids.values())
    assert f"stubborn-1: pid {pids['stubborn-1']} does not end, killed" in running.log


def test_a_child_that_dies_is_replaced_at_once(path: Path) -> None:
    with supervised(path, scenario("idle", "idle")) as running:
        running.wait_ready()
        all_started(running)
        before = running.pids()
        os.kill(before["idle-1"], signal.SIGSEGV)
        wait_for(lambda: running.pids()["idle-1"] not in (0, before["idle-1"]), "the child to be replaced")
        assert running.pids()["idle-0"] == before["idle-0"]
        assert (running.restarts("idle-0"), running.restarts("idle-1")) == (0, 1)
        assert running.end() == 0
    assert f"idle-1: pid {before['idle-1']} ended: killed by SIGSEGV; next start in 0.0 s" in running.log


def test_a_child_that_keeps_dying_is_started_ever_more_rarely(path: Path) -> None:
    with supervised(path, scenario("idle", "crash")) as running:
        times: list[float] = []

        def crashed_often() -> bool:
            times[:] = [event[1] for event in running.events if event[0] == "crashed"]
            return len(times) >= 6

        wait_for(crashed_often, "six crashes")
        assert running.end() == 0
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    for gap, least in zip(gaps, (0.0, 0.1, 0.2, 0.4, 0.8), strict=False):
        assert gap >= least
    assert "ended: exit 3; next start in 0.8 s" in running.log


def test_an_exception_in_a_child_is_logged_with_its_name(path: Path) -> None:
    with supervised(path, scenario("idle", "raise")) as running:
        wait_for(lambda: "raise-1" in running.pids() and running.restarts("raise-1") > 0, "a restart")
        assert running.end() == 0
    assert "raise-1: ERROR: ended by an internal error\nTraceback" in running.log
    assert "RuntimeError: this child is broken" in running.log
    assert "ended: exit 70" in running.log


def test_when_the_supervisor_is_killed_its_children_end(path: Path) -> None:
    with supervised(path, scenario("idle", "stubborn", "silent")) as running:
        running.wait_ready()
        all_started(running)
        pids = running.pids()
        running.process.kill()
        wait_for(lambda: not any(is_alive(pid) for pid in pids.values()), "the children to end")


def test_a_child_inherits_nothing_of_the_supervisor(path: Path) -> None:
    environment = {"NOTIFY_SOCKET": "/nonexistent", "WATCHDOG_USEC": "60000000"}
    with supervised(path, scenario("idle", "inspect"), environment) as running:
        wait_for(lambda: any(event[0] == "inherited" for event in running.events), "the child to look")
        found = next(event for event in running.events if event[0] == "inherited")
        _, handlers, mask, variables, comm, descriptors = found
        assert handlers == ["0", "1", "1"] or handlers == [
            "Handlers.SIG_DFL",
            "Handlers.SIG_IGN",
            "Handlers.SIG_IGN",
        ]
        assert mask == []
        assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC"} & set(variables)
        assert comm == "inspect-1\n"
        # Standard output and error, and the one it reports on.
        assert len([name for name in descriptors if name.startswith("pipe:")]) == 3
        assert not [name for name in descriptors if name.startswith(("socket:", "anon_inode:[eventpoll]"))]
        assert running.end() == 0
    assert "inspect-1: WARNING: said by the child" in running.log


def test_reload_replaces_every_child(path: Path) -> None:
    with supervised(path, scenario("idle", "idle")) as running:
        running.wait_ready()
        all_started(running)
        before = running.pids()
        running.scenario = scenario("idle", "idle", "silent")
        running.write()
        running.signal(signal.SIGHUP)
        wait_for(lambda: running.heard("reloaded", True), "the reload")
        wait_for(lambda: len(running.pids()) == 3, "the new children")
        wait_for(lambda: not any(is_alive(pid) for pid in before.values()), "the old children to end")
        assert not set(before.values()) & set(running.pids().values())
        assert running.end() == 0


@pytest.mark.parametrize("what", ["broken", "crashing"])
def test_a_bad_configuration_leaves_the_old_in_force(path: Path, what: str) -> None:
    with supervised(path, scenario("idle")) as running:
        running.wait_ready()
        all_started(running)
        before = running.pids()
        running.scenario = scenario("idle", broken=True) if what == "broken" else scenario("idle", "crash")
        running.scenario["children"][-1]["serves"] = True
        running.write()
        running.signal(signal.SIGHUP)
        wait_for(lambda: running.heard("reloaded", False), "the refusal")
        assert running.pids() == before
        assert is_alive(before["idle-0"])
        running.scenario = scenario("idle", "idle")
        running.write()
        running.signal(signal.SIGHUP)
        wait_for(lambda: running.heard("reloaded", True), "the next reload")
        assert running.end() == 0
    assert running.process.returncode == 0


@pytest.mark.long
def test_a_configuration_that_never_serves_leaves_the_old_in_force(path: Path) -> None:
    with supervised(path, scenario("idle")) as running:
        running.wait_ready()
        before = running.pids()
        running.scenario = scenario("silent")
        running.scenario["children"][0]["serves"] = True
        running.write()
        running.signal(signal.SIGHUP)
        wait_for(lambda: running.heard("reloaded", False), "the refusal", 2 * RELOAD_SECONDS)
        assert running.pids() == before
        assert running.end() == 0


def test_two_that_must_be_alone_never_run_together(path: Path) -> None:
    first = scenario("idle", "stubborn")
    first["children"][1]["alone"] = True
    with supervised(path, first) as running:
        running.wait_ready()
        all_started(running)
        old = running.pids()["stubborn-1"]
        running.signal(signal.SIGHUP)
        wait_for(lambda: running.heard("reloaded", True), "the reload")
        wait_for(lambda: running.pids()["stubborn-1"] not in (0, old), "the new one")
        assert not is_alive(old)
        running.process.kill()
    assert f"stubborn-1: pid {old} does not end, killed" in running.log, "the new one had to wait"


def test_systemd_is_told(path: Path) -> None:
    with socket_path() as notify, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(notify))
        systemd.settimeout(20.0)
        environment = {"NOTIFY_SOCKET": str(notify), "WATCHDOG_USEC": "400000"}
        told: list[bytes] = []

        def told_of(word: bytes) -> bytes:
            while True:
                message = systemd.recv(1000)
                told.append(message)
                if message.startswith(word):
                    return message

        with supervised(path, scenario("idle", "silent"), environment) as running:
            assert told_of(b"READY=1") == b"READY=1\nSTATUS=serving"
            running.wait_ready()
            for _ in range(3):
                told_of(b"WATCHDOG=1")
            running.signal(signal.SIGHUP)
            told_of(b"RELOADING=1\nMONOTONIC_USEC=")
            told_of(b"READY=1")
            running.scenario["broken"] = True
            running.write()
            running.signal(signal.SIGHUP)
            told_of(b"RELOADING=1\nMONOTONIC_USEC=")
            assert told_of(b"READY=1") == b"READY=1\nSTATUS=serving; the last reload was refused"
            assert running.end() == 0
            told_of(b"STOPPING=1")


def test_it_is_not_ready_before_a_child_serves(path: Path) -> None:
    first = scenario("silent", "idle")
    first["children"][0]["serves"] = True
    first["children"][1]["serves"] = False
    with supervised(path, first) as running:
        all_started(running)
        time.sleep(0.3)
        assert not running.heard("ready")
        assert running.end() == 0
