"""What is kept for a time is kept for that time, whatever is done to the wall clock meanwhile."""

from pathlib import Path

import msgspec
import pytest

from colocroute.store.environment import attach
from colocroute.store.layout import META_KEY, encode
from colocroute.store.mirror import Mirror
from colocroute.store.transaction import AGE_SECONDS
from tests.lab.mirror import (
    ANNA,
    BOB,
    EXTERNAL,
    FINGERPRINT,
    PARIS,
    ROME,
    anna,
    former,
    keys_of,
    open_mirror,
    put,
    remove,
    user,
)

DAY = 86400.0
NOW = 1.8e9
MONTH, WINDOW = 30 * DAY, 600.0
STEPS = (-56 * 365 * DAY, -DAY, 660.0, 31 * DAY, 8000 * 365 * DAY)


class Clock:
    """The seconds that the machine has run or slept."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def opened(path: Path, clock: Clock, fingerprint: str = FINGERPRINT) -> Mirror:
    return Mirror(path, fingerprint=fingerprint, keys_of=keys_of, writable=True, clock=clock)


def filled(mirror: Mirror, now: float = NOW) -> None:
    """Anna has moved, Bob is gone."""
    put(mirror, ANNA, anna(EXTERNAL), now)
    put(mirror, BOB, user("bob", "bob@test.tux"), now)
    put(mirror, ANNA, anna(PARIS), now)
    remove(mirror, BOB, now)


def expire(mirror: Mirror, wall: float = NOW) -> int:
    """As the replicator does it from time to time; how many removals are left."""
    with mirror.transaction(wall) as txn:
        txn.expire(former_after=MONTH, removed_after=WINDOW)
        return txn.removed_within(WINDOW)


def age(mirror: Mirror) -> float:
    """As it is written."""
    with mirror.snapshot() as snapshot:
        return snapshot.meta().age


@pytest.mark.parametrize("step", STEPS)
def test_a_step_of_the_wall_clock_makes_nothing_older_or_younger(tmp_path: Path, step: float) -> None:
    clock = Clock()
    with opened(tmp_path, clock) as mirror:
        filled(mirror)
        assert expire(mirror, NOW + step) == 1
        assert former(mirror, EXTERNAL) == [PARIS]
        clock.now = WINDOW + 1
        assert expire(mirror, NOW + step) == 0, "after its true time"
        clock.now = MONTH - 1
        expire(mirror)
        assert former(mirror, EXTERNAL) == [PARIS]
        clock.now = MONTH + 1
        expire(mirror, NOW + step)
        assert former(mirror, EXTERNAL) == []


@pytest.mark.parametrize("step", STEPS)
def test_what_is_recorded_while_the_clock_is_wrong_lasts_as_long(tmp_path: Path, step: float) -> None:
    clock = Clock()
    with opened(tmp_path, clock) as mirror:
        filled(mirror, NOW + step)
        assert expire(mirror) == 1
        assert former(mirror, EXTERNAL) == [PARIS]
        clock.now = WINDOW + 1
        assert expire(mirror) == 0
        clock.now = MONTH + 1
        expire(mirror)
        assert former(mirror, EXTERNAL) == []


def test_the_next_writer_goes_on_where_the_last_wrote(tmp_path: Path) -> None:
    clock = Clock(50.0)
    with opened(tmp_path, clock) as mirror:
        filled(mirror)
        clock.now += 20 * DAY
        put(mirror, BOB, user("bob", "bob@test.tux"))
        assert age(mirror) == 20 * DAY
    clock = Clock(5.0)  # booted anew
    with opened(tmp_path, clock) as mirror:
        clock.now += 9 * DAY
        expire(mirror)
        assert former(mirror, EXTERNAL) == [PARIS]
        clock.now += 2 * DAY
        expire(mirror)
        assert former(mirror, EXTERNAL) == []


def test_it_ages_where_nothing_is_written_and_writes_seldom_for_that(tmp_path: Path) -> None:
    clock = Clock()
    with opened(tmp_path, clock) as mirror:
        filled(mirror)
        writes = 0
        for minute in range(1, 3 * 24 * 60):
            clock.now = minute * 60.0
            before = age(mirror)
            expire(mirror)
            writes += age(mirror) != before
            assert clock.now - age(mirror) < AGE_SECONDS
        assert writes <= 3 * 24


def test_that_it_ages_changes_no_answer(tmp_path: Path) -> None:
    clock = Clock()
    with opened(tmp_path, clock) as mirror:
        put(mirror, ANNA, anna(), NOW)
        with mirror.snapshot() as snapshot:
            before = snapshot.meta()
        stamp = mirror.pulse.stamp()
        clock.now = AGE_SECONDS
        expire(mirror)
        with mirror.snapshot() as snapshot:
            assert snapshot.meta() == msgspec.structs.replace(before, age=AGE_SECONDS)
        assert mirror.pulse.stamp() == stamp


def test_what_a_mirror_without_an_age_has_begins_to_age(tmp_path: Path) -> None:
    """It was stamped by the wall clock, which may have been anything."""
    with open_mirror(tmp_path) as mirror:
        filled(mirror, NOW)
        put(mirror, ANNA, anna(ROME), NOW - 40 * 365 * DAY)
        with mirror.snapshot() as snapshot:
            meta = snapshot.meta()
    attached = attach(tmp_path, FINGERPRINT, write=True)
    assert attached is not None
    fields = msgspec.structs.asdict(meta)
    del fields["age"]
    with attached.environment.begin(write=True) as txn:
        txn.put(META_KEY, encode(fields), db=attached.databases.meta)
    attached.environment.close()
    clock = Clock()
    with opened(tmp_path, clock) as mirror:
        clock.now = 1.0
        assert expire(mirror) == 1
        assert former(mirror, EXTERNAL) == former(mirror, PARIS) == [ROME]
        clock.now += WINDOW + 1
        assert expire(mirror) == 0
        clock.now = MONTH
        expire(mirror)
        assert former(mirror, EXTERNAL) == former(mirror, PARIS) == [ROME]
        clock.now += 2.0
        expire(mirror)
        assert former(mirror, EXTERNAL) == former(mirror, PARIS) == []


def test_a_mirror_that_is_emptied_stays_as_old(tmp_path: Path) -> None:
    clock = Clock()
    with opened(tmp_path, clock) as mirror:
        clock.now = 20 * DAY
        filled(mirror)
    with opened(tmp_path, clock, "other") as mirror:
        assert age(mirror) == 20 * DAY
        clock.now += MONTH - 1
        expire(mirror)
        assert mirror.snapshot().counts().former == 1
        clock.now += 2
        expire(mirror)
        assert mirror.snapshot().counts().former == 0
