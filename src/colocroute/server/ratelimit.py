"""Log lines that a peer can cause at will, limited in number.

Owns the limit and the count of what was left out.  Must not know what is logged.
"""

import logging
import time
from collections.abc import Callable

LINES = 10
PERIOD = 60.0  # seconds


class LimitedLog:
    """At most `lines` lines per `period` seconds; the next one after that tells how many were left out."""

    def __init__(
        self,
        log: logging.Logger,
        lines: int = LINES,
        period: float = PERIOD,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._lines = lines
        self._period = period
        self._clock = clock
        self._ends = 0.0
        self._written = 0
        self._left_out = 0

    def warning(self, message: str, *args: object) -> None:
        """A line about what a peer or the system did."""
        self._write(logging.WARNING, message, args, trace=False)

    def exception(self, message: str, *args: object) -> None:
        """A line about what we did wrong, with the traceback of the exception being handled."""
        self._write(logging.ERROR, message, args, trace=True)

    def _write(self, level: int, message: str, args: tuple[object, ...], *, trace: bool) -> None:
        now = self._clock()
        if now >= self._ends:
            self._ends = now + self._period
            self._written = 0
        if self._written >= self._lines:
            self._left_out += 1
            return
        self._written += 1
        if self._left_out:
            message += " (%d such lines left out before)"
            args = (*args, self._left_out)
            self._left_out = 0
        self._log.log(level, message, *args, exc_info=trace)
