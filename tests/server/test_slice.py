"""The slice of a worker: what the kernel says of it afterwards."""

import os
import platform
import subprocess
import sys

import pytest

from colocroute.server import slice as worker_slice
from tests.lab.kernel import HAS_SLICES, slice_ns

NO_SUCH_CALL = 1 << 20

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


def test_what_children_inherit_is_kept() -> None:
    policy = os.SCHED_OTHER | os.SCHED_RESET_ON_FORK
    done = run(f"os.sched_setscheduler(0, {policy}, os.sched_param(0))")
    assert done[:2] == ["True", str(policy)]


@pytest.mark.parametrize(
    ("of", "name", "value"), [(platform, "machine", lambda: "s390x"), (sys, "maxsize", 2**31 - 1)]
)
def test_where_the_numbers_do_not_hold_nothing_is_called(
    monkeypatch: pytest.MonkeyPatch, of: object, name: str, value: object
) -> None:
    monkeypatch.setattr(worker_slice, "_libc", None)
    monkeypatch.setattr(of, name, value)
    assert not worker_slice.shorten_slice()


@pytest.mark.parametrize("refused", [0, 1])
def test_a_refusal_is_no_error(monkeypatch: pytest.MonkeyPatch, refused: int) -> None:
    numbers = list(worker_slice._NUMBERS[platform.machine()])
    numbers[refused] = NO_SUCH_CALL
    monkeypatch.setitem(worker_slice._NUMBERS, platform.machine(), tuple(numbers))
    before = slice_ns("self")
    assert not worker_slice.shorten_slice()
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
    assert slice_ns("self") == before
