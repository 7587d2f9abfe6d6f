"""The arithmetic on what was counted."""

from pathlib import Path

import msgspec

from colocroute.bench.load import Load, Protocol, failed
from tests.bench.results import result


def test_percentiles_are_those_of_the_counted_latencies() -> None:
    found = result((1000, 50), (2000, 49), (9000, 1))
    assert [found.percentile(percent) for percent in (1, 50, 51, 99, 100)] == [1.0, 1.0, 2.0, 2.0, 9.0]
    assert found.mean == (50 + 98 + 9) / 100
    assert found.slowest == 9.0
    assert found.rate == 50.0


def test_nothing_counted_is_not_a_division_by_zero() -> None:
    nothing = result()
    assert (nothing.mean, nothing.percentile(99), nothing.rate, nothing.is_clean) == (0.0, 0.0, 0.0, False)


def test_a_result_is_clean_only_if_every_request_was_answered() -> None:
    assert result((1000, 2)).is_clean
    for trouble in ("temp", "other", "lost", "unanswered"):
        assert not result((1000, 2), **{trouble: 1}).is_clean, trouble


def test_replies_after_the_time_was_over_are_behind_the_rate() -> None:
    assert not result((1000, 200), overtime=0.09).fell_behind  # a stall at the end
    behind = result((1000, 200), overtime=0.5)
    assert behind.fell_behind and not behind.is_clean and behind.rate == 80.0
    hour = msgspec.structs.replace(result((1000, 200)), seconds=3600.0)
    assert not msgspec.structs.replace(hour, overtime=30.0).fell_behind  # below one percent
    assert msgspec.structs.replace(hour, overtime=40.0).fell_behind


def test_a_failure_names_the_server() -> None:
    load = Load(address="unix:/x", protocol=Protocol.SOCKETMAP, requests=Path("/none"))
    assert str(failed(load, "refused")) == "unix:/x: refused"
