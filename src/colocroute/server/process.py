"""One child process: forked, tied to the life of its parent, and its end told apart.

Owns what must be right between fork and the child's own code.  Rule: a child inherits no signal handler, no
descriptor of the supervisor's and no way back into the supervisor's code.  Must not know when children are
started, nor what they do.
"""

import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from colocroute.errors import ColocrouteError
from colocroute.server.interfaces import Ready

log = logging.getLogger(__name__)

# sysexits.h: an internal software error.
EX_SOFTWARE = 70

# linux/prctl.h
_PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None)
_libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]


def fork(name: str, run: Callable[[Ready], int], forget: Callable[[], None]) -> tuple[int, int]:
    """Starts a process that calls `run` and exits with what it returns.

    Returns its pid, and a descriptor that becomes readable when `run` calls its argument or the process ends.
    In the child `forget` closes what is the parent's.  If the parent dies, so does the child.  Raises
    `OSError` if there can be no more processes.
    """
    read_end, write_end = os.pipe()
    _flush()
    # A signal for the child must not reach a handler of the parent's.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    parent = os.getpid()
    try:
        pid = os.fork()
    except OSError:
        os.close(read_end)
        os.close(write_end)
        raise
    finally:
        if os.getpid() == parent:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    if pid == 0:
        status = EX_SOFTWARE
        try:
            os.close(read_end)
            forget()
            _become(name, parent)
            status = run(_reporter(write_end))
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else int(error.code is not None)
        except ColocrouteError as error:
            for line in str(error).splitlines():
                log.error("%s", line)
        except BaseException:
            log.exception("ended by an internal error")
        finally:
            _flush()
            os._exit(status)
    os.close(write_end)
    return pid, read_end


def describe_end(wait_status: int) -> str:
    """How a process ended, from what waitpid(2) says."""
    code = os.waitstatus_to_exitcode(wait_status)
    if code >= 0:
        return f"exit {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _become(name: str, parent: int) -> None:
    """Makes the copy of the parent a process of its own."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGHUP):  # a terminal sends them to all; the supervisor decides
        signal.signal(number, signal.SIG_IGN)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before that call
        os._exit(EX_SOFTWARE)
    _show_name(name)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _show_name(name: str) -> None:
    """Names the process in ps(1), and in the log lines whose format has `%(processName)s`."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(name)
    make = logging.getLogRecordFactory()

    def make_named(*arguments: object, **more: object) -> logging.LogRecord:
        record = make(*arguments, **more)
        record.processName = name
        return record

    logging.setLogRecordFactory(make_named)


def _reporter(write_end: int) -> Ready:
    unreported = [write_end]

    def report() -> None:
        if unreported:
            descriptor = unreported.pop()
            os.write(descriptor, b"\n")
            os.close(descriptor)

    return report


def _flush() -> None:
    """What is buffered is written once, by the process that buffered it."""
    for handler in logging.getLogger().handlers:
        handler.flush()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
