"""What a measurement is asked for, and what it found.

Owns the two values between whoever wants a measurement and the generators, and the arithmetic on latencies.
"""

from collections.abc import Callable
from enum import Enum
from pathlib import Path

import msgspec

from colocroute.errors import TemporaryError

GRACE_SECONDS = 2  # for the last replies; as GRACE in load.c

# One stall of a busy machine at the end is no falling behind: seconds, and of the time.
LATE_SECONDS = 0.1
LATE_SHARE = 0.01


class Protocol(Enum):
    """The language that is spoken."""

    SOCKETMAP = "socketmap"
    TCP_TABLE = "tcp_table"


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement: `rate` is requests a second, 0 for as many as the server answers.

    `address` is `unix:PATH` or `inet:HOST:PORT` with a numeric host; `requests` is a file as `requests.write`
    makes it; what happens in the `warmup` seconds is not counted.
    """

    address: str
    protocol: Protocol
    requests: Path
    connections: int = 64
    warmup: float = 0.5
    seconds: float = 10.0
    rate: float = 0.0


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted in `seconds`: `done` replies by kind, and their latencies.

    `seconds` includes the `overtime` after the end of the time asked for, until the last of what was due at a
    rate was answered.  `lost` connections were closed by the server; `unanswered` requests had no reply in
    time.  `buckets` are pairs of the shortest latency (ns) in a bucket and the number of replies in it; `cpu` is
    the seconds of CPU that the generator itself took.
    """

    seconds: float
    done: int
    ok: int
    notfound: int
    temp: int
    other: int
    lost: int
    unanswered: int
    slowest_ns: int
    total_ns: int
    cpu: float
    buckets: tuple[tuple[int, int], ...] = ()
    overtime: float = 0.0

    @property
    def rate(self) -> float:
        """Replies a second."""
        return self.done / self.seconds if self.seconds > 0 else 0.0

    @property
    def mean(self) -> float:
        """Mean latency in microseconds."""
        return self.total_ns / self.done / 1000 if self.done else 0.0

    @property
    def slowest(self) -> float:
        """Longest latency in microseconds."""
        return self.slowest_ns / 1000

    def percentile(self, percent: float) -> float:
        """The latency in microseconds that so many percent of the replies did not exceed."""
        wanted = self.done * percent / 100
        seen = 0
        for start, count in self.buckets:
            seen += count
            if seen >= wanted:
                return start / 1000
        return 0.0

    @property
    def fell_behind(self) -> bool:
        """Whether fewer requests a second were answered than were due."""
        return self.overtime > max(LATE_SECONDS, LATE_SHARE * (self.seconds - self.overtime))

    @property
    def is_clean(self) -> bool:
        """Whether every request got an answer that a mail server can act on, at the rate asked for."""
        problems = self.temp or self.other or self.lost or self.unanswered or self.fell_behind
        return self.done > 0 and not problems


Progress = Callable[[int], None]
"""Told about once a second how many replies have been counted so far."""

Generator = Callable[[Load, Progress], Result]
"""Runs one measurement; raises `TemporaryError` if the server cannot be reached."""


def failed(load: Load, reason: str) -> TemporaryError:
    """The error for a measurement that could not be made."""
    return TemporaryError(f"{load.address}: {reason}")
