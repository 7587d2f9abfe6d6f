"""A full disk, for real: small file systems of our own.  Nothing is half-written, nobody is killed by SIGBUS."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from colocroute.errors import StoreError
from colocroute.model import State
from colocroute.store.mirror import Mirror
from tests.lab.mirror import Child, entry_id, open_mirror, user

MEGABYTE = 1 << 20
PAGE = 4096


def boottime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    path = tmp_path / "disk"
    path.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={4 * MEGABYTE},mode=0700", "colocroute-test", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"needs root: {done.stderr}"
    yield path
    subprocess.run(["umount", str(path)], check=True)


def fill(disk: Path, leave: int = 0) -> None:
    """Takes all room but `leave` bytes."""
    (disk / "filler").unlink(missing_ok=True)
    room = os.statvfs(disk)
    with (disk / "filler").open("wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, room.f_bavail * room.f_frsize - leave)


def load(mirror: Mirror, first: int, number: int) -> None:
    with mirror.transaction(1.0) as txn:
        for count in range(first, first + number):
            txn.put(
                entry_id(count), user(f"u{count}", f"u{count}@test.tux", routes=(f"u{count}@ext.test.tux",))
            )
        txn.update_meta(complete=True, cookie=b"cookie %d" % first)


def is_whole(mirror: Mirror, number: int) -> bool:
    with mirror.snapshot() as snapshot:
        found = [len(snapshot.owners(f"u{count}@test.tux")) for count in range(number)]
        return found == [1] * number and snapshot.counts().entries == number


def test_a_transaction_that_does_not_fit_leaves_the_mirror_as_it_was(disk: Path) -> None:
    with open_mirror(disk) as mirror:
        load(mirror, 0, 100)
        mirror.pulse.touch(boottime())
        assert mirror.pulse.state(boottime(), 60.0) is State.LIVE
        room = os.statvfs(disk).f_bavail
        with pytest.raises(StoreError, match=r"no space left, nothing was stored"):
            load(mirror, 100, 50_000)
        assert os.statvfs(disk).f_bavail == room, "mail may live on the same disk"
        assert is_whole(mirror, 100)
        with mirror.snapshot() as snapshot:
            assert snapshot.meta().cookie == b"cookie 0"
        assert mirror.pulse.stamp() % 2 == 0
        assert mirror.pulse.state(boottime(), 60.0) is State.STALE


def test_the_smallest_change_on_a_full_disk_is_refused_and_done_when_there_is_room_again(disk: Path) -> None:
    with open_mirror(disk) as mirror:
        load(mirror, 0, 100)
        mirror.pulse.touch(boottime())
        fill(disk)
        failed = 0
        # Pages that earlier commits freed may do for a few changes.
        for count in range(100, 130):
            try:
                load(mirror, count, 1)
            except StoreError:
                failed += 1
                assert mirror.pulse.state(boottime(), 60.0) is State.STALE
        assert failed
        assert is_whole(mirror, 130 - failed)
        (disk / "filler").unlink()
        load(mirror, 130 - failed, failed)
        assert is_whole(mirror, 130)
        assert mirror.pulse.state(boottime(), 60.0) is State.STALE, "only the caller knows that all is stored"
        mirror.pulse.set(unwritable=False)
        assert mirror.pulse.state(boottime(), 60.0) is State.LIVE


def test_a_full_disk_survives_a_restart(disk: Path) -> None:
    with open_mirror(disk) as mirror:
        load(mirror, 0, 100)
    fill(disk)
    with open_mirror(disk) as mirror, Child(disk) as child:
        assert is_whole(mirror, 100)
        mirror.pulse.touch(boottime())
        mirror.pulse.set(held=True)
        assert mirror.pulse.state(boottime(), 60.0) is State.HELD
        assert child.ask("len(mirror.snapshot().owners('u7@test.tux'))") == 1


def test_many_readers_on_a_full_disk_are_not_killed(disk: Path) -> None:
    with open_mirror(disk) as mirror:
        load(mirror, 0, 100)
        fill(disk)
        with Child(disk) as child:
            child.do("snapshots = [mirror.snapshot() for _ in range(500)]")
            assert child.ask("sum(len(s.owners('u7@test.tux')) for s in snapshots)") == 500


def test_opening_with_any_room_works_or_says_so(disk: Path) -> None:
    """Room for nothing, for the pulse, for the lock file, for a part of the first commit."""
    outcomes = set()
    with Child(disk / "absent") as child:
        for pages in (*range(16), 64):
            fill(disk, pages * PAGE)
            path = disk / f"mirror{pages}"
            outcome = child.do(f"open_mirror(Path({str(path)!r})).close()")
            outcomes.add(outcome if outcome is None else outcome.partition(":")[0])
            # What was left behind is no obstacle when there is room again.
            (disk / "filler").unlink()
            with open_mirror(path) as mirror:
                load(mirror, 0, 10)
                assert is_whole(mirror, 10)
            subprocess.run(["rm", "-r", str(path)], check=True)
    assert outcomes == {None, "StoreError"}


def test_a_full_disk_when_another_configuration_asks_for_an_empty_mirror(disk: Path) -> None:
    with open_mirror(disk) as mirror:
        load(mirror, 0, 3000)
    fill(disk)
    try:
        open_mirror(disk, fingerprint="other").close()
    except StoreError:
        (disk / "filler").unlink()
    with open_mirror(disk, fingerprint="other") as mirror, mirror.snapshot() as snapshot:
        assert not snapshot.meta().complete
        assert not list(snapshot.ids())
