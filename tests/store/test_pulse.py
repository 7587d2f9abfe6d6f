"""The pulse: what it claims, to whom, and what it refuses to claim."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from colocroute.errors import StoreError
from colocroute.model import State
from colocroute.store import pulse as module
from colocroute.store.page import SIZE, read_page
from colocroute.store.pulse import AHEAD_SECONDS, FILE, Pulse

NOW = 1000.0
STALE_AFTER = 60.0


def writer(path: Path, fingerprint: str = "test") -> Pulse:
    return Pulse(path, fingerprint, writable=True)


def reader(path: Path, fingerprint: str = "test") -> Pulse:
    return Pulse(path, fingerprint, writable=False)


@pytest.fixture
def pulse(tmp_path: Path) -> Iterator[Pulse]:
    """A writer's pulse of a complete mirror with a contact at `NOW`."""
    pulse = writer(tmp_path)
    pulse.adopt(7, topology=5, complete=True, held=False)
    pulse.touch(NOW)
    yield pulse
    pulse.close()


def state(pulse: Pulse, now: float = NOW) -> State:
    return pulse.state(now, STALE_AFTER)


def test_it_is_live_until_the_contact_is_too_old(pulse: Pulse) -> None:
    assert state(pulse) is State.LIVE
    assert state(pulse, NOW + STALE_AFTER) is State.LIVE
    assert state(pulse, NOW + STALE_AFTER + 0.001) is State.STALE
    pulse.touch(NOW + 50)
    assert state(pulse, NOW + STALE_AFTER + 0.001) is State.LIVE
    assert pulse.contact() == NOW + 50


def test_no_contact_is_stale(pulse: Pulse) -> None:
    pulse.touch(0.0)
    assert state(pulse, 1.0) is State.STALE
    assert pulse.contact() == 0.0


def test_a_contact_in_the_future_is_none(pulse: Pulse) -> None:
    """It is of a service in another time namespace, and would be live for ever."""
    pulse.touch(NOW + AHEAD_SECONDS + 1)
    assert state(pulse) is State.STALE
    pulse.touch(NOW + AHEAD_SECONDS - 1)
    assert state(pulse) is State.LIVE, "a reader reads the clock first"


def test_what_cannot_be_written_is_stale_at_once(pulse: Pulse) -> None:
    pulse.set(unwritable=True)
    assert state(pulse) is State.STALE
    pulse.touch(NOW)
    assert state(pulse) is State.STALE
    pulse.set(unwritable=False)
    assert state(pulse) is State.LIVE


def test_held_comes_before_stale_and_after_empty(pulse: Pulse) -> None:
    pulse.set(held=True, unwritable=True)
    assert state(pulse) is State.HELD
    pulse.set(complete=False)
    assert state(pulse) is State.EMPTY


def test_it_is_never_said_to_be_complete_before_that_is_committed(tmp_path: Path) -> None:
    pulse = writer(tmp_path)
    pulse.adopt(7, topology=5, complete=False, held=False)
    pulse.touch(NOW)
    pulse.set(complete=True)
    assert state(pulse) is State.EMPTY
    pulse.begin_commit(complete=True, held=False)
    assert state(pulse) is State.EMPTY
    pulse.end_commit(topology=6, complete=True, held=False)
    assert state(pulse) is State.LIVE
    assert pulse.topology() == 6


def test_a_committed_hold_cannot_be_talked_away(pulse: Pulse) -> None:
    pulse.begin_commit(complete=True, held=True)
    assert state(pulse) is State.HELD, "distrust comes before the commit"
    pulse.end_commit(topology=5, complete=True, held=True)
    pulse.set(held=False)
    assert state(pulse) is State.HELD
    pulse.begin_commit(complete=True, held=False)
    assert state(pulse) is State.HELD, "trust comes after it"
    pulse.end_commit(topology=5, complete=True, held=False)
    assert state(pulse) is State.LIVE


def test_completeness_is_withdrawn_before_the_commit_that_ends_it(pulse: Pulse) -> None:
    pulse.begin_commit(complete=False, held=False)
    assert state(pulse) is State.EMPTY


def test_a_stamp_is_odd_in_a_commit_and_another_after_it(pulse: Pulse) -> None:
    before = pulse.stamp()
    assert before > 0
    assert before % 2 == 0
    pulse.begin_commit(complete=True, held=False)
    assert pulse.stamp() % 2 == 1
    pulse.end_commit(topology=5, complete=True, held=False)
    assert pulse.stamp() % 2 == 0
    assert pulse.stamp() != before


def test_a_failed_commit_ends_too(pulse: Pulse) -> None:
    pulse.begin_commit(complete=True, held=True)
    pulse.end_commit(topology=5, complete=True, held=False)
    assert pulse.stamp() % 2 == 0
    assert state(pulse) is State.LIVE


def test_a_change_of_trust_is_another_stamp_and_a_contact_is_not(pulse: Pulse) -> None:
    before = pulse.stamp()
    pulse.touch(NOW + 1)
    pulse.set(complete=True, held=False, unwritable=False)
    assert pulse.stamp() == before
    pulse.set(held=True)
    assert pulse.stamp() not in (before, before + 1)
    assert pulse.stamp() % 2 == 0


def test_a_reader_sees_what_the_writer_says(pulse: Pulse, tmp_path: Path) -> None:
    other = reader(tmp_path)
    assert other.stamp() == pulse.stamp()
    assert (state(other), other.topology(), other.mirror(), other.contact()) == (State.LIVE, 5, 7, NOW)
    pulse.set(held=True)
    pulse.touch(NOW + 9)
    assert other.stamp() == pulse.stamp()
    assert state(other) is State.HELD
    assert other.contact() == NOW + 9


@pytest.mark.usefixtures("pulse")
def test_a_reader_writes_nothing(tmp_path: Path) -> None:
    other = reader(tmp_path)
    before = (tmp_path / FILE).read_bytes()
    for write in (
        lambda: other.touch(1.0),
        lambda: other.set(held=True),
        lambda: other.begin_commit(complete=True, held=False),
        other.note_damage,
        other.withdraw,
        lambda: other.adopt(1, topology=1, complete=True, held=False),
    ):
        with pytest.raises(StoreError, match="reading only"):
            write()
    assert (tmp_path / FILE).read_bytes() == before


def test_without_a_page_nothing_is_trusted_and_nothing_cached(tmp_path: Path) -> None:
    other = reader(tmp_path)
    assert other.stamp() == -1
    assert state(other) is State.EMPTY
    assert (other.topology(), other.contact(), other.mirror()) == (0, 0.0, 0)
    assert not list(tmp_path.iterdir())


def test_a_page_that_appears_is_seen(tmp_path: Path) -> None:
    first, second = reader(tmp_path), reader(tmp_path)
    pulse = writer(tmp_path)
    pulse.adopt(7, topology=5, complete=True, held=False)
    pulse.touch(NOW)
    assert first.stamp() == pulse.stamp()
    assert state(second) is State.LIVE


@pytest.mark.usefixtures("pulse")
def test_a_page_that_is_replaced_is_seen_and_no_stamp_comes_back(tmp_path: Path) -> None:
    other = reader(tmp_path)
    before = other.stamp()
    (tmp_path / FILE).unlink()
    anew = writer(tmp_path)
    anew.adopt(8, topology=1, complete=False, held=False)
    assert state(other) is State.EMPTY, "though the old page still says live, and its writer may be dead"
    assert state(other, NOW + 1000) is State.EMPTY
    assert other.mirror() == 8
    assert other.stamp() == anew.stamp()
    assert abs(anew.stamp() - before) > 1000


def test_another_fingerprint_is_not_our_mirror(pulse: Pulse, tmp_path: Path) -> None:
    other = reader(tmp_path, "other")
    assert state(other) is State.EMPTY
    assert other.contact() == 0.0
    assert not other.complete()
    taken = writer(tmp_path, "other")
    assert state(taken) is State.EMPTY
    taken.adopt(9, topology=1, complete=True, held=False)
    assert state(taken) is State.STALE, "a contact of the other one is none"
    assert state(pulse) is State.EMPTY


def test_the_contact_survives_the_writer(tmp_path: Path, pulse: Pulse) -> None:
    pulse.close()
    again = writer(tmp_path)
    again.adopt(7, topology=5, complete=True, held=False)
    assert state(again) is State.LIVE


def test_a_contact_of_another_boot_is_none(
    tmp_path: Path, pulse: Pulse, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulse.close()
    monkeypatch.setattr(module, "_boot_number", lambda: 4711)
    other = reader(tmp_path)
    assert state(other) is State.STALE
    assert other.contact() == 0.0
    again = writer(tmp_path)
    again.adopt(7, topology=5, complete=True, held=False)
    assert state(again) is State.STALE
    again.touch(NOW)
    assert state(again) is State.LIVE
    assert state(other) is State.LIVE


def test_what_could_not_be_stored_is_not_forgotten_by_a_restart(tmp_path: Path, pulse: Pulse) -> None:
    pulse.set(unwritable=True)
    pulse.close()
    again = writer(tmp_path)
    again.adopt(7, topology=5, complete=True, held=False)
    assert state(again) is State.STALE
    again.touch(NOW)
    assert state(again) is State.LIVE


def test_a_writer_killed_in_a_commit_is_repaired(tmp_path: Path, pulse: Pulse) -> None:
    pulse.begin_commit(complete=True, held=True)
    odd = pulse.stamp()
    pulse.close()
    again = writer(tmp_path)
    again.adopt(7, topology=6, complete=True, held=False)
    assert again.stamp() % 2 == 0
    assert again.stamp() > odd
    assert state(again) is State.LIVE
    assert again.topology() == 6


def test_withdrawn_is_empty_and_not_cacheable_until_adopted(tmp_path: Path, pulse: Pulse) -> None:
    other = reader(tmp_path)
    assert pulse.withdraw()
    assert state(other) is State.EMPTY
    assert other.stamp() % 2 == 1
    assert not pulse.withdraw()
    pulse.adopt(8, topology=1, complete=False, held=False)
    assert other.stamp() % 2 == 0
    assert state(other) is State.EMPTY


def test_damage_is_noted_for_the_next_writer(tmp_path: Path, pulse: Pulse) -> None:
    assert not pulse.damage_noted()
    pulse.note_damage()
    pulse.close()
    again = writer(tmp_path)
    assert again.damage_noted()
    again.adopt(8, topology=1, complete=False, held=False)
    assert not again.damage_noted()


@pytest.mark.usefixtures("pulse")
def test_the_page_is_allocated_and_of_one_size(tmp_path: Path) -> None:
    status = (tmp_path / FILE).stat()
    assert status.st_size == SIZE
    assert status.st_blocks * 512 >= SIZE
    assert read_page(tmp_path / FILE) is not None


@pytest.mark.parametrize("content", [b"", b"short", bytes(SIZE), b"x" * SIZE])
def test_a_page_of_something_else_is_none_and_made_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    other = reader(tmp_path)
    assert other.stamp() == -1
    pulse = writer(tmp_path)
    pulse.adopt(7, topology=5, complete=True, held=False)
    assert other.stamp() == pulse.stamp()


def test_a_page_that_cannot_be_made_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(StoreError, match=str(tmp_path / FILE)):
        writer(tmp_path)
    with pytest.raises(StoreError, match=str(tmp_path / "no" / FILE)):
        writer(tmp_path / "no")
