"""The record of one child, on a clock of the test's: when it is started, and how soon again."""

import errno
import itertools
import os
from collections.abc import Callable

import pytest

from colocroute.server import process
from colocroute.server.children import BACKOFF, GRACE_SECONDS, LONGEST_BACKOFF, STABLE_SECONDS, Child, Slot
from colocroute.server.interfaces import ChildInfo, Ready


class Machine:
    """Stands for the kernel: processes that end when the test says so."""

    def __init__(self) -> None:
        self._pids = itertools.count(100)
        self.ended: set[int] = set()
        self.killed: list[tuple[int, int]] = []
        self.full = False

    def fork(self, _name: str, _run: Callable[[Ready], int], _forget: Callable[[], None]) -> tuple[int, int]:
        if self.full:
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return next(self._pids), -1

    def waitpid(self, pid: int, _options: int) -> tuple[int, int]:
        return (pid, 256) if pid in self.ended else (0, 0)

    def kill(self, pid: int, number: int) -> None:
        self.killed.append((pid, number))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(process, "fork", machine.fork)
    monkeypatch.setattr(os, "waitpid", machine.waitpid)
    monkeypatch.setattr(os, "kill", machine.kill)
    return machine


def nothing() -> None:
    pass


def new_slot(now: float = 0.0) -> Slot:
    return Slot(Child("child", lambda _ready: 0), now)


def live_and_die(slot: Slot, machine: Machine, start: float, seconds: float) -> float:
    """Seconds from its death to its next start."""
    slot.start(start, nothing)
    machine.ended.add(slot.pid)
    assert slot.reap(start + seconds, wanted=True)
    assert slot.start_at is not None
    return slot.start_at - start - seconds


def test_what_others_may_know(machine: Machine) -> None:
    slot = new_slot()
    assert slot.info() == ChildInfo("child", 0, 0)
    slot.start(0.0, nothing)
    assert slot.info() == ChildInfo("child", 100, 0)
    machine.ended.add(100)
    slot.reap(1.0, wanted=True)
    slot.start(1.0, nothing)
    assert slot.info() == ChildInfo("child", 101, 1)


def test_the_first_restart_is_immediate_and_the_next_ever_later(machine: Machine) -> None:
    slot = new_slot()
    delays = [live_and_die(slot, machine, 100.0 * turn, 1.0) for turn in range(12)]
    assert delays[:4] == pytest.approx([0.0, BACKOFF, 2 * BACKOFF, 4 * BACKOFF])
    assert delays[-1] == pytest.approx(LONGEST_BACKOFF)


def test_one_that_lived_for_a_while_is_restarted_at_once(machine: Machine) -> None:
    slot = new_slot()
    for turn in range(5):
        live_and_die(slot, machine, 100.0 * turn, 1.0)
    assert live_and_die(slot, machine, 1000.0, STABLE_SECONDS) == pytest.approx(0.0)
    assert live_and_die(slot, machine, 2000.0, 1.0) == pytest.approx(BACKOFF)


def test_one_that_is_alive_is_not_reaped(machine: Machine) -> None:
    slot = new_slot()
    assert not slot.reap(0.0, wanted=True)
    slot.start(0.0, nothing)
    assert not slot.reap(1.0, wanted=True)
    assert slot.pid == 100
    assert not machine.killed


def test_one_that_is_not_wanted_stays_dead(machine: Machine) -> None:
    slot = new_slot()
    slot.start(0.0, nothing)
    machine.ended.add(slot.pid)
    assert slot.reap(1.0, wanted=False)
    assert (slot.pid, slot.start_at) == (0, None)


def test_ending_takes_two_steps(machine: Machine) -> None:
    slot = new_slot()
    slot.start(0.0, nothing)
    slot.terminate(5.0)
    slot.terminate(6.0)
    assert slot.kill_at == 5.0 + GRACE_SECONDS
    slot.kill()
    assert machine.killed == [(100, 15), (100, 9)]
    assert slot.kill_at is None


def test_ending_one_that_is_not_running_is_nothing(machine: Machine) -> None:
    slot = new_slot()
    slot.terminate(5.0)
    slot.kill()
    assert (slot.start_at, slot.kill_at, machine.killed) == (None, None, [])


def test_a_machine_that_is_full_counts_as_a_death(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    slot = new_slot()
    machine.full = True
    slot.start(0.0, nothing)
    assert (slot.pid, slot.start_at) == (0, 0.0)
    slot.start(0.0, nothing)
    assert slot.start_at == pytest.approx(BACKOFF)
    assert caplog.messages == ["child: cannot be started: Resource temporarily unavailable"] * 2
