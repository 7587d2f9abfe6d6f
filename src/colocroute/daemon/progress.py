"""How a refresh gets on, for whoever waits for it: a live line on a terminal, log lines elsewhere.

Owns when that is worth telling.  Must not know what a refresh is.
"""

import logging
import sys
import time
from collections.abc import Callable
from typing import Protocol

log = logging.getLogger(__name__)

QUIET_SECONDS = 1.0  # what takes no longer is over before anybody has read of it
REDRAW_SECONDS = 0.2
LOG_SECONDS = 10.0


class Display(Protocol):
    """Where progress is shown; `interval` is seconds between two calls of `show`."""

    interval: float

    def show(self, entries: int, seconds: float) -> None:
        """So many entries were read in so many seconds."""
        ...

    def end(self) -> None:
        """There is nothing more to show; called once."""
        ...


class RefreshProgress:
    """Told how many entries of a refresh have been read so far, and with None that it is over."""

    def __init__(
        self, display: Callable[[], Display] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._display = display or _display
        self._clock = clock
        self._started = self._due = 0.0
        self._shown: Display | None = None
        self._running = False

    def __call__(self, entries: int | None) -> None:
        """May be called as often as there is news."""
        if entries is None:
            self._end()
            return
        now = self._clock()
        if not self._running:
            self._running = True
            self._started, self._due = now, now + QUIET_SECONDS
        elif now >= self._due:
            self._shown = self._shown or self._display()
            self._shown.show(entries, now - self._started)
            self._due = now + self._shown.interval

    def _end(self) -> None:
        self._running = False
        if self._shown is not None:
            self._shown.end()
            self._shown = None


def _display() -> Display:
    return Line() if sys.stderr is not None and sys.stderr.isatty() else Log()


class Log:
    """A line now and then."""

    interval = LOG_SECONDS

    def show(self, entries: int, seconds: float) -> None:
        """See `Display`."""
        log.info("%s", progress_text(entries, seconds))

    def end(self) -> None:
        """See `Display`; the end has a log line of its own."""


class Line:
    """One line that is drawn again and again."""

    interval = REDRAW_SECONDS

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"))
        self._bar = Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False)
        self._task = self._bar.add_task("")
        self._bar.start()
        self._bar.console.show_cursor(
            True
        )  # who ends the service by SIGTERM ends this process where it stands

    def show(self, entries: int, seconds: float) -> None:
        """See `Display`."""
        self._bar.update(self._task, description=progress_text(entries, seconds), refresh=True)

    def end(self) -> None:
        """See `Display`."""
        self._bar.stop()


def progress_text(entries: int, seconds: float) -> str:
    """The words for it."""
    return f"refresh under way: {entries:,} entries in {seconds:.0f} s"
