"""How long to wait before the next attempt: exponential, capped, with jitter.

Owns only the arithmetic; the caller sleeps.  Jitter keeps the sites of a company from asking a directory that
has just come back all at once.
"""

import random
from collections.abc import Callable

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 10.0


class Backoff:
    """Delays in seconds: 0.5, 1, 2, ... up to `longest`, each shortened at random by up to a half."""

    def __init__(
        self,
        first: float = FIRST_SECONDS,
        longest: float = LONGEST_SECONDS,
        rand: Callable[[], float] = random.random,
    ) -> None:
        self._first = first
        self._longest = longest
        self._rand = rand
        self._next = first

    def delay(self) -> float:
        """The next delay; each call lengthens the one after."""
        delay = self._next
        self._next = min(self._next * 2, self._longest)
        return delay * (0.5 + 0.5 * self._rand())

    def reset(self) -> None:
        """Something worked: start over."""
        self._next = self._first
