"""When to poll instead of sleeping: waking a sleeping process costs more than ten lookups.

Owns the decision, as arithmetic on a clock that is handed in.  Must not know sockets, nor poll itself.

Polling is paid out of a credit of CPU time.  A poll that finds a request within the window earns as much as
one that fails can cost, so polling goes on while the next request usually comes within the window.  One that
fails costs the time it took, and time that passes earns `IDLE_SHARE` of it: traffic with another rhythm costs
at most that share of a core, a burst after a quiet time is met with the credit full, and no traffic at all
costs nothing.  On a core that has other work the poll takes the client's time and not only ours; the kernel
tells by preempting us, and then there is no polling until it stops.
"""

import time
from collections.abc import Callable

# Of the time that passes, how much may be spent on polls that find nothing.
IDLE_SHARE = 0.005

# The credit is never more than this many windows: the failures it takes to learn a new rhythm.
CREDIT_WINDOWS = 8

# Seconds between two looks at the preemptions, and how many of them in one second mean a busy core: clock
# ticks and kernel threads cause some ten, a competing process or a client on the same core hundreds.
LOOK_INTERVAL = 0.01
BUSY_RATE = 200.0

# Seconds without polling after the last look that saw a busy core.
STEP_BACK = 0.02


class Spinner:
    """`window` and the results of `clock` are seconds; `preemptions` counts involuntary context switches."""

    def __init__(
        self,
        window: float,
        preemptions: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._window = window
        self._preemptions = preemptions
        self._limit = CREDIT_WINDOWS * window
        self._credit = self._limit
        self._started = self._looked = clock()
        self._resume = 0.0
        self._seen = preemptions()

    def start(self, now: float) -> float:
        """Until when to poll, as nothing is there at `now`; not later than `now` means: sleep."""
        if not self._window:
            return 0.0
        self._credit += (now - self._started) * IDLE_SHARE
        if self._credit > self._limit:
            self._credit = self._limit
        self._started = now
        if now - self._looked >= LOOK_INTERVAL:
            self._look(now)
        if self._credit < self._window or now < self._resume:
            return 0.0
        return now + self._window

    def found(self) -> None:
        """The poll that was started found something in time."""
        self._credit += self._window

    def failed(self, now: float) -> None:
        """The poll that was started found nothing until `now`."""
        self._credit -= now - self._started

    def _look(self, now: float) -> None:
        count = self._preemptions()
        if count - self._seen > BUSY_RATE * (now - self._looked):
            self._resume = now + STEP_BACK
        self._seen = count
        self._looked = now
