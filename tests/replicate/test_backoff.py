"""Delays grow, are capped, jittered downwards, and start over after success."""

from colocroute.replicate.backoff import Backoff


def test_doubles_to_the_cap() -> None:
    backoff = Backoff(first=1.0, longest=5.0, rand=lambda: 1.0)
    assert [backoff.delay() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_jitter_shortens_by_up_to_a_half() -> None:
    assert Backoff(first=1.0, rand=lambda: 0.0).delay() == 0.5


def test_reset() -> None:
    backoff = Backoff(first=1.0, rand=lambda: 1.0)
    backoff.delay()
    backoff.delay()
    backoff.reset()
    assert backoff.delay() == 1.0
