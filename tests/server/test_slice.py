"""The slice of a worker: what the kernel says of it afterwards."""

import os
import platform
import subprocess
import sys

import pytest

from colocroute.server import slice as worker_slice
from tests.lab.kernel import HAS_SLICES

IN_A_PROCESS = """
import os
from colocroute.server.slice import shorten_slice
from tests.lab.kernel import slice_ns
{before}
before = slice_ns("self")
print(shorten_slice(), os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0), slice_ns("self") == before)
"""


def run(before: str = "") -> list[str]:
    """What it returned, then the policy, the nice value, and whether the slice is as it was."""
    code = IN_A_PROCESS.format(before=before)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.split()


def test_the_kernel_takes_it_and_keeps_the_nice_value() -> None:
    done = run("os.nice(1)")
    assert done[:3] == ["True", str(os.SCHED_OTHER), str(min(19, os.nice(0) + 1))]
    assert done[3] == str(not HAS_SLICES)


def test_another_policy_is_left_alone() -> None:
    done = run("os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))")
    assert done == ["False", str(os.SCHED_BATCH), str(os.nice(0)), "True"]


def test_without_numbers_for_the_machine_nothing_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "s390x")
    assert not worker_slice.shorten_slice()


def test_a_refusal_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(worker_slice._NUMBERS, platform.machine(), (1 << 20, 1 << 20))
    assert not worker_slice.shorten_slice()
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
