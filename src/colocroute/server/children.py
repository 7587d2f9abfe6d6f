"""The child processes of a supervisor: what each is, what is known of it, when it is started again.

Owns one child's life as a record, and the back-off of one that keeps dying.  Must not know signals to the
supervisor, nor which set of children is in force.
"""

import logging
import os
import signal
from collections.abc import Callable

import msgspec

from colocroute.server import process
from colocroute.server.interfaces import ChildInfo, Ready

log = logging.getLogger(__name__)

# A child that lived for so many seconds did not fail at once: its next death is again the first.
STABLE_SECONDS = 10.0

# Seconds before the second restart in a row (the first is immediate); doubled each time up to the longest.
BACKOFF = 0.1
LONGEST_BACKOFF = 30.0

# Seconds between SIGTERM and SIGKILL.
GRACE_SECONDS = 3.5


def _nothing() -> None:
    pass


class Child(msgspec.Struct, frozen=True):
    """What a process is for.

    `run` is called in the child and returns its exit code; its argument is to be called when it does its
    work.  `serves`: the service is ready when the first of these is, and a new set when all of them are.
    `alone`: there must not be two of this name, so a new one waits for the end of the old.  `on_death` is
    called in the supervisor.
    """

    name: str
    run: Callable[[Ready], int]
    serves: bool = False
    alone: bool = False
    on_death: Callable[[], None] = _nothing


class Slot:
    """One child and its process; times are those of the supervisor's clock, None where nothing is due."""

    def __init__(self, child: Child, now: float) -> None:
        self.child = child
        self.pid = 0
        self.ready = False
        self.ready_fd = -1
        self.restarts = -1
        self.start_at: float | None = now
        self.kill_at: float | None = None
        self._started = now
        self._failures = 0

    def info(self) -> ChildInfo:
        """What others may know."""
        return ChildInfo(self.child.name, self.pid, max(0, self.restarts))

    def start(self, now: float, forget: Callable[[], None]) -> None:
        """Forks; if that fails, it counts as a death."""
        self.start_at = None
        self.ready = False
        self._started = now
        self.restarts += 1
        try:
            self.pid, self.ready_fd = process.fork(self.child.name, self.child.run, forget)
        except OSError as error:
            log.error("%s: cannot be started: %s", self.child.name, error.strerror)
            self._back_off(now)
            return
        log.debug("%s: started, pid %d", self.child.name, self.pid)

    def close_ready(self) -> None:
        """Nobody waits for it any more."""
        if self.ready_fd >= 0:
            os.close(self.ready_fd)
            self.ready_fd = -1

    def terminate(self, now: float) -> None:
        """Asks it to end within `GRACE_SECONDS`, and never starts it again."""
        self.start_at = None
        if self.pid and self.kill_at is None:
            self.kill_at = now + GRACE_SECONDS
            os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """Ends it for certain; it is not gone before `reap` says so."""
        self.kill_at = None
        if self.pid:
            log.warning("%s: pid %d does not end, killed", self.child.name, self.pid)
            os.kill(self.pid, signal.SIGKILL)

    def reap(self, now: float, *, wanted: bool) -> bool:
        """Whether it has ended since it was started; if it is still wanted it has its next start set."""
        if not self.pid:
            return False
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return False
        self.pid = 0
        self.ready = False
        self.kill_at = None
        if wanted:
            delay = self._back_off(now)
            how = process.describe_end(status)
            log.warning("%s: pid %d ended: %s; next start in %.1f s", self.child.name, pid, how, delay)
        return True

    def _back_off(self, now: float) -> float:
        if now - self._started >= STABLE_SECONDS:
            self._failures = 0
        delay = min(BACKOFF * 2.0 ** (self._failures - 1), LONGEST_BACKOFF) if self._failures else 0.0
        self._failures += 1
        self.start_at = now + delay
        return delay
