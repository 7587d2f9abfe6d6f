"""A result for people, and for programs.

Owns the wording and the units: microseconds, replies a second.
"""

from typing import Any

from colocroute.bench.load import Result

PERCENTILES = (50.0, 90.0, 99.0, 99.9, 99.99)
BAR = 50  # characters of the longest bar
ROWS_PER_DOUBLING = 2


def as_json(result: Result) -> dict[str, Any]:
    """All fields, with what follows from them."""
    return {
        "seconds": result.seconds,
        "overtime": result.overtime,
        "fell_behind": result.fell_behind,
        "rate": result.rate,
        "replies": {
            "all": result.done,
            "ok": result.ok,
            "notfound": result.notfound,
            "temp": result.temp,
            "other": result.other,
        },
        "lost": result.lost,
        "unanswered": result.unanswered,
        "latency_us": {
            "mean": result.mean,
            **{f"p{percent:g}": result.percentile(percent) for percent in PERCENTILES},
            "max": result.slowest,
        },
        "generator_cpu": result.cpu / result.seconds if result.seconds else 0.0,
        "histogram_ns": [list(bucket) for bucket in result.buckets],
    }


def lines(result: Result) -> list[str]:
    """The result in a few lines."""
    shown = "  ".join(f"p{percent:g} {result.percentile(percent):.1f}" for percent in PERCENTILES)
    kinds = f"{result.ok} found, {result.notfound} not found, {result.temp} temporary failures"
    found = [
        f"throughput   {result.rate:,.0f} replies a second ({result.done} in {result.seconds:.1f} s)",
        f"latency, us  mean {result.mean:.1f}  {shown}  max {result.slowest:.1f}",
        f"replies      {kinds}, {result.other} malformed",
    ]
    if result.lost or result.unanswered:
        found.append(f"no reply     {result.unanswered} requests unanswered, {result.lost} connections lost")
    if result.fell_behind:
        late = f"{result.overtime:.1f} s after the time was over"
        found.append(f"too slow     fell behind the rate: the last reply came {late}")
    return found


def histogram(result: Result) -> list[str]:
    """Latencies as bars, two rows for each doubling."""
    rows: dict[int, int] = {}
    for start, count in result.buckets:
        row = _row_of(start)
        rows[row] = rows.get(row, 0) + count
    if not rows:
        return []
    largest = max(rows.values())
    return [_bar(row, rows.get(row, 0), largest, result.done) for row in range(min(rows), max(rows) + 1)]


def _row_of(nanoseconds: int) -> int:
    """The number of the row: its upper half of a doubling counts as one of its own."""
    power = max(nanoseconds, 1).bit_length() - 1
    return power * ROWS_PER_DOUBLING + (nanoseconds >= 3 << power >> 1)


def _bar(row: int, count: int, largest: int, done: int) -> str:
    power, upper = divmod(row, ROWS_PER_DOUBLING)
    start = (3 << power >> 1) if upper else 1 << power
    bar = "#" * round(BAR * count / largest)
    return f"{start / 1000:>12,.1f} us {100 * count / done:6.2f} % {bar}".rstrip()
