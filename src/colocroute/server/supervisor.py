"""Starts the processes of the service, keeps them running, replaces them, and ends them.

Owns the signals, the set of children in force, and what systemd is told.  Rules: it opens no mirror, starts
no thread and answers nothing itself, so that there is little it can die of; a new set of children is in
force only when it serves.  Must not know what the children do.
"""

import contextlib
import logging
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import FrameType
from typing import ParamSpec, TypeVar

from colocroute.server.children import Child, Slot
from colocroute.server.interfaces import ChildInfo
from colocroute.server.notify import Notifier

log = logging.getLogger(__name__)

# Seconds a new set of children has to become ready, or the old one stays.
RELOAD_SECONDS = 15.0

_ASKING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_SIGNALS = (*_ASKING, signal.SIGCHLD)
_clock = time.monotonic

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Hooks:
    """What the supervisor calls in its own process, to be overridden where there is something to do.

    An exception ends nothing: it is logged.
    """

    def reload(self) -> Sequence[Child] | None:
        """The children of the new configuration; None, after having said why, if there is none."""
        return None

    def reloaded(self, accepted: bool) -> None:
        """After a `reload`: the new children are in force and the old are ending, or the other way round."""

    def ready(self) -> None:
        """The first child that serves does so."""

    def changed(self, children: Sequence[ChildInfo]) -> None:
        """The children in force, whenever one has started or ended."""

    def stopped(self) -> None:
        """All children have ended: remove what is left of them."""


class Supervisor:
    """`run` returns when SIGTERM or SIGINT has come and every child has ended."""

    def __init__(self, children: Sequence[Child], hooks: Hooks, notifier: Notifier) -> None:
        self._hooks = hooks
        self._notifier = notifier
        self._selector = selectors.DefaultSelector()
        self._wake, self._signalled = socket.socketpair()
        now = _clock()
        self._slots = [Slot(child, now) for child in children]
        self._incoming: list[Slot] = []
        self._retiring: list[Slot] = []
        self._patience = 0.0
        self._announced = False
        self._stopping = False
        self._stop_wanted = False
        self._reload_wanted = False
        self._watchdog_at = now + notifier.watchdog_interval
        self._shown: list[ChildInfo] = []

    def run(self) -> int:
        """Supervises until it is told to stop; the exit code.  To be called in the main thread."""
        self._catch_signals()
        try:
            while True:
                self._step()
                if self._stopping and not self._retiring:
                    break  # the last one has just been reaped: no signal will come any more
                for key, _ in self._selector.select(self._timeout(_clock())):
                    key.data()
        finally:
            self._abandon()
            _guarded(self._hooks.stopped)
        return 0

    def _step(self) -> None:
        """Everything that is due now."""
        now = _clock()
        if self._stop_wanted:
            self._stop()
        self._reap(now)
        if self._reload_wanted and not self._incoming and not self._stopping:
            self._begin_reload(now)
        if self._incoming:
            self._judge_reload(now)
        for slot in self._every_slot():
            if slot.kill_at is not None and slot.kill_at <= now:
                slot.kill()
            if slot.start_at is not None and slot.start_at <= now and not self._must_wait(slot):
                self._start(slot, now)
        if self._notifier.watchdog_interval and now >= self._watchdog_at:
            self._watchdog_at = now + self._notifier.watchdog_interval
            self._notifier.watchdog()
        self._announce()

    def _timeout(self, now: float) -> float | None:
        """Seconds until something is due, None for ever."""
        times = [slot.kill_at for slot in self._every_slot() if slot.kill_at is not None]
        times += [
            slot.start_at
            for slot in self._every_slot()
            if slot.start_at is not None and not self._must_wait(slot)
        ]
        if self._incoming:
            times.append(self._patience)
        if self._notifier.watchdog_interval:
            times.append(self._watchdog_at)
        return max(0.0, min(times) - now) if times else None

    def _every_slot(self) -> Iterator[Slot]:
        yield from self._slots
        yield from self._incoming
        yield from self._retiring

    def _must_wait(self, slot: Slot) -> bool:
        """Whether another of the same name is in its way."""
        if not slot.child.alone:
            return False
        return slot in self._incoming or any(old.child.name == slot.child.name for old in self._retiring)

    def _start(self, slot: Slot, now: float) -> None:
        slot.start(now, self._forget)
        if slot.ready_fd >= 0:
            self._selector.register(slot.ready_fd, selectors.EVENT_READ, lambda: self._read_ready(slot))

    def _read_ready(self, slot: Slot) -> None:
        slot.ready = bool(os.read(slot.ready_fd, 1))
        self._expect_ready_no_more(slot)

    def _expect_ready_no_more(self, slot: Slot) -> None:
        if slot.ready_fd >= 0:
            self._selector.unregister(slot.ready_fd)
            slot.close_ready()

    def _reap(self, now: float) -> None:
        for slots, wanted in ((self._slots, True), (self._incoming, False), (self._retiring, False)):
            for slot in slots:
                if slot.reap(now, wanted=wanted):
                    self._expect_ready_no_more(slot)
                    _guarded(slot.child.on_death)
        self._retiring = [slot for slot in self._retiring if slot.pid]

    def _retire(self, slots: Iterable[Slot], now: float) -> None:
        for slot in slots:
            slot.terminate(now)
            if slot.pid:
                self._retiring.append(slot)

    def _begin_reload(self, now: float) -> None:
        self._reload_wanted = False
        self._notifier.reloading()
        children = _guarded(self._hooks.reload)
        if children is None:
            self._end_reload(accepted=False)
            return
        self._patience = now + RELOAD_SECONDS
        self._incoming = [Slot(child, now) for child in children]

    def _judge_reload(self, now: float) -> None:
        """Puts the new children in force when they serve, or drops them if they cannot."""
        started = [slot for slot in self._incoming if not slot.child.alone]
        died = [slot for slot in started if slot.start_at is None and not slot.pid]
        if died or now >= self._patience:
            names = ", ".join(slot.child.name for slot in died or started if not slot.ready)
            log.error("reload: %s did not come up, the old configuration stays in force", names)
            rejected, self._incoming = self._incoming, []
            self._retire(rejected, now)
            self._end_reload(accepted=False)
        elif all(slot.ready for slot in started if slot.child.serves):
            old, self._slots, self._incoming = self._slots, self._incoming, []
            self._retire(old, now)
            log.info("reload: the new configuration is in force")
            self._end_reload(accepted=True)

    def _end_reload(self, *, accepted: bool) -> None:
        _guarded(self._hooks.reloaded, accepted)
        if self._announced:
            self._notifier.ready("serving" if accepted else "serving; the last reload was refused")

    def _announce(self) -> None:
        """Tells of changes since the last time."""
        serving = [slot for slot in self._slots if slot.child.serves]
        if not self._announced and not self._stopping and any(slot.ready for slot in serving):
            self._announced = True
            self._notifier.ready("serving")
            _guarded(self._hooks.ready)
        shown = [slot.info() for slot in self._slots]
        if shown != self._shown:
            self._shown = shown
            _guarded(self._hooks.changed, shown)

    def _stop(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        self._notifier.stopping()
        children, self._slots, self._incoming = [*self._slots, *self._incoming], [], []
        self._retire(children, _clock())

    def _catch_signals(self) -> None:
        self._wake.setblocking(False)
        self._signalled.setblocking(False)
        self._selector.register(self._wake, selectors.EVENT_READ, lambda: self._wake.recv(4096))
        signal.set_wakeup_fd(self._signalled.fileno(), warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        """Of a storm of signals some find the wakeup descriptor full: it only wakes, and this is what counts."""
        if number in (signal.SIGTERM, signal.SIGINT):
            self._stop_wanted = True
        elif number == signal.SIGHUP:
            self._reload_wanted = True

    def _forget(self) -> None:
        """In a child: closes what is the supervisor's."""
        self._selector.close()
        self._wake.close()
        self._signalled.close()
        for slot in self._every_slot():
            slot.close_ready()

    def _abandon(self) -> None:
        """Leaves no child behind, even after an error of our own."""
        for number in _ASKING:  # the end is near; a signal shall not change the exit code
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        for slot in self._every_slot():
            if slot.pid:
                with contextlib.suppress(ProcessLookupError, ChildProcessError):
                    os.kill(slot.pid, signal.SIGKILL)
                    os.waitpid(slot.pid, 0)
        self._forget()


def _guarded(
    hook: Callable[Arguments, Result], *arguments: Arguments.args, **more: Arguments.kwargs
) -> Result | None:
    """What the hook returns; None if it failed."""
    try:
        return hook(*arguments, **more)
    except Exception:
        log.exception("internal error in the supervisor")
        return None
