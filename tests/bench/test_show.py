"""What is printed of a result."""

import json

from colocroute.bench import show
from tests.bench.results import result

SOME = result((1_000, 50), (1_600, 49), (9_000, 1))


def test_the_lines_have_throughput_latency_and_kinds() -> None:
    assert show.lines(SOME) == [
        "throughput   50 replies a second (100 in 2.0 s)",
        "latency, us  mean 1.4  p50 1.0  p90 1.6  p99 1.6  p99.9 9.0  p99.99 9.0  max 9.0",
        "replies      100 found, 0 not found, 0 temporary failures, 0 malformed",
    ]


def test_what_had_no_reply_is_said() -> None:
    assert show.lines(result(lost=1, unanswered=2))[-1].endswith("2 requests unanswered, 1 connections lost")


def test_what_fell_behind_the_rate_is_said() -> None:
    assert show.lines(result((1_000, 100), overtime=1.25))[-1] == (
        "too slow     fell behind the rate: the last reply came 1.2 s after the time was over"
    )


def test_the_histogram_has_every_row_between_the_first_and_the_last() -> None:
    rows = show.histogram(SOME)
    assert [row.split()[0] for row in rows] == ["0.8", "1.0", "1.5", "2.0", "3.1", "4.1", "6.1", "8.2"]
    assert [row.count("#") for row in rows] == [50, 0, 49, 0, 0, 0, 0, 1]
    assert show.histogram(result()) == []


def test_the_json_has_every_figure() -> None:
    found = json.loads(json.dumps(show.as_json(SOME)))
    assert found["replies"] == {"all": 100, "ok": 100, "notfound": 0, "temp": 0, "other": 0}
    assert found["latency_us"]["p99"] == 1.6
    assert found["histogram_ns"] == [[1000, 50], [1600, 49], [9000, 1]]
    assert (found["rate"], found["overtime"], found["fell_behind"]) == (50.0, 0.0, False)
    assert show.as_json(result((1_000, 100), overtime=0.5))["fell_behind"] is True
