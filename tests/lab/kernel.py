"""What this kernel can do, and what it says of a process."""

import platform
from pathlib import Path


def slice_ns(pid: int | str) -> int | None:
    """The slice of a process in nanoseconds; None where the kernel does not tell (CONFIG_SCHED_DEBUG)."""
    path = Path(f"/proc/{pid}/sched")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((int(line.split(":")[1]) for line in lines if line.startswith("se.slice")), None)


_RELEASE = tuple(int(part) for part in platform.release().split(".")[:2])

HAS_SLICES = _RELEASE >= (6, 12) and slice_ns("self") is not None
"""Whether a process may choose its slice, and can see it; older kernels accept the call and do nothing."""
