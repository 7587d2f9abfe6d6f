"""The slice of a worker: what the kernel says of it afterwards."""

import os
import platform
import subprocess
import sys

import pytest

from colocroute.server import slice as worker_slice

IN_A_PROCESS = """
import os, sys
from colocroute.server.slice import shorten_slice
{before}
print(shorten_slice(), os.sched_getscheduler(0) == os.SCHED_{policy}, os.getpriority(os.PRIO_PROCESS, 0))
print(open("/proc/self/sched").read() if os.path.exists("/proc/self/sched") else "")
"""


def run(before: str = "", policy: str = "OTHER") -> tuple[str, str]:
    """The first line, and what the kernel tells of the process."""
    code = IN_A_PROCESS.format(before=before, policy=policy)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    first, _, rest = done.stdout.partition("\n")
    return first, rest


def kernel() -> tuple[int, ...]:
    return tuple(int(part) for part in platform.release().split(".")[:2])


def test_the_kernel_takes_it_and_keeps_the_nice_value() -> None:
    first, told = run("os.setpriority(os.PRIO_PROCESS, 0, 5)")
    assert first == "True True 5"
    if told and kernel() >= (6, 12):
        slices = [line.split(":")[1].strip() for line in told.splitlines() if line.startswith("se.slice")]
        assert slices == [str(worker_slice.SLICE_NS)]


def test_another_policy_is_left_alone() -> None:
    first, _ = run("os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))", "BATCH")
    assert first == "False True 0"


def test_without_numbers_for_the_machine_nothing_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "s390x")
    assert not worker_slice.shorten_slice()


def test_a_refusal_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(worker_slice._NUMBERS, platform.machine(), (1 << 20, 1 << 20))
    assert not worker_slice.shorten_slice()
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
