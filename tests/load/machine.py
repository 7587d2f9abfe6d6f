"""What the kernel says of a process and of this machine: CPU time, memory, cores.

Owns reading /proc.  Times are seconds, sizes are bytes.
"""

import os
import time
from collections.abc import Iterable
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = CORES[0]
CLIENT_CORE = CORES[-1]
"""As PERFORMANCE.md says: the server on one core, the load on the other; on a single core they share it."""

FIRST = -20  # nice value: as good as alone on the core, and never throttled as real-time processes are
BEFORE_OTHERS = ("nice", "-n", str(FIRST))
REAL_TIME = ("chrt", "--fifo", "5")
"""For a generator that sleeps most of the time: it runs the instant something is due."""

QUIET_LOAD = 0.7  # runnable processes on average over a minute


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time taken so far by all threads of these processes, to the nanosecond (proc(5), schedstat)."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def memory(pid: int) -> dict[str, int]:
    """Memory of a process by the names of proc(5), smaps_rollup: `Pss`, `Pss_Anon`, ..."""
    sizes: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value = line.split(":")
        sizes[name] = int(value.split()[0]) * 1024
    return sizes


def mapped(pid: int, file: Path) -> int:
    """Bytes of a file that a process has mapped and touched (proc(5), smaps)."""
    size = 0
    is_of_file = False
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        name, _, value = line.partition(" ")
        if not name.endswith(":"):  # the head of a mapping: range, rights, offset, device, inode, path
            is_of_file = line.endswith(f" {file}")
        elif is_of_file and name == "Rss:":
            size += int(value.split()[0]) * 1024
    return size


def pin(pids: Iterable[int], core: int) -> None:
    """Lets these processes run on one core only."""
    for pid in pids:
        os.sched_setaffinity(pid, {core})


def prefer(pids: Iterable[int]) -> None:
    """Lets these processes run before all others."""
    for pid in pids:
        os.setpriority(os.PRIO_PROCESS, pid, FIRST)


def prefix(core: int, *, first: bool) -> tuple[str, ...]:
    """What goes before a command to have it run on a core, and before all others if it is to be `first`."""
    pinned = ("taskset", "-c", str(core))
    return (*BEFORE_OTHERS, *pinned) if first else pinned


def wait_until_quiet(seconds: float) -> float:
    """Waits, at most so long, until nobody else works here; returns the load."""
    deadline = time.monotonic() + seconds
    while os.getloadavg()[0] > QUIET_LOAD and time.monotonic() < deadline:
        time.sleep(2.0)
    return os.getloadavg()[0]


def describe() -> str:
    """The machine in one line."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown processor",
    )
    return f"{len(CORES)} cores ({model}), Linux {os.uname().release}"
