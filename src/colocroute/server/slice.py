"""How soon the kernel lets a worker run when a request wakes it while others keep the cores busy.

Owns one system call.  A task with a shorter slice goes before those with longer ones when it wakes, and gets no
more of the processor than before (Linux 6.12, EEVDF; sched(7), sched_setattr(2)).  It takes no privilege.  Older
kernels take the call and do nothing; where there is no such call, everything is as it was.

Known limits: 64-bit x86 and ARM only, because the C library of Debian 12 has no function for the call.  A seccomp
filter that kills where it should refuse kills the worker: systemd's `@system-service` has the call, a unit with
`~@resources` needs SystemCallErrorNumber= (postfix/colocroute.service sets it).
"""

import ctypes
import errno
import logging
import os
import platform
import struct
import sys

log = logging.getLogger(__name__)

SLICE_NS = 100_000
"""The shortest that Linux has (kernel/sched/syscalls.c); some ten answers."""

# asm/unistd_64.h, asm-generic/unistd.h: sched_setattr and sched_getattr.
_NUMBERS = {"x86_64": (314, 315), "aarch64": (274, 275)}

# struct sched_attr of sched_setattr(2): size, policy, flags, nice, priority, runtime, deadline, period.
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")

_libc = ctypes.CDLL(None, use_errno=True)


def shorten_slice() -> bool:
    """Asks for the shortest slice for the calling thread; False if that was not to be had."""
    numbers = _NUMBERS.get(platform.machine())
    if numbers is None or sys.maxsize < 2**32:
        return False
    set_number, get_number = map(ctypes.c_long, numbers)
    attributes = ctypes.create_string_buffer(_ATTRIBUTES.size)
    _ATTRIBUTES.pack_into(attributes, 0, _ATTRIBUTES.size, 0, 0, 0, 0, 0, 0, 0)
    if _libc.syscall(get_number, 0, attributes, _ATTRIBUTES.size, 0):
        return _failed()
    _, policy, flags, nice, priority, _, deadline, period = _ATTRIBUTES.unpack(attributes)
    if policy != os.SCHED_OTHER:  # the operator's choice, to which slices mean something else
        return False
    _ATTRIBUTES.pack_into(
        attributes, 0, _ATTRIBUTES.size, policy, flags, nice, priority, SLICE_NS, deadline, period
    )
    return not _libc.syscall(set_number, 0, attributes, 0) or _failed()


def _failed() -> bool:
    number = ctypes.get_errno()
    log.debug("no short slice: %s", errno.errorcode.get(number, number))
    return False
