"""Processes killed with SIGKILL: the mirror holds the old or the new, whole, and nobody is hindered."""

import signal
import time
from pathlib import Path

import pytest

from colocroute.errors import StoreError
from colocroute.model import State
from colocroute.store import files
from colocroute.store.mirror import Mirror
from tests.lab.mirror import Child, entry_id, open_mirror, user

KILL = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
OLD, NEW = range(100), range(100, 200)


def state(mirror: Mirror) -> State:
    return mirror.pulse.state(time.clock_gettime(time.CLOCK_BOOTTIME), 3600.0)


def content(mirror: Mirror) -> str:
    """`old` or `new`, each with its cookie and nothing of the other; else what there is."""
    with mirror.snapshot() as snapshot:
        cookie = snapshot.meta().cookie
        there = {number for number in range(200) if snapshot.owners(f"u{number}@test.tux")}
        records = {int.from_bytes(each, "big") for each in snapshot.ids()}
    for name, numbers in (("old", OLD), ("new", NEW)):
        if there == records == set(numbers) and cookie == name.encode():
            return name
    return f"{cookie!r} with {len(there)} of {len(records)}"


def replace(mirror: Mirror, gone: range, come: range, name: str) -> None:
    with mirror.transaction(1.0) as txn:
        for number in gone:
            txn.remove(entry_id(number), keep=False)
        for number in come:
            txn.put(entry_id(number), user(f"u{number}", f"u{number}@test.tux"))
        txn.update_meta(complete=True, cookie=name.encode())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with open_mirror(tmp_path) as mirror:
        replace(mirror, range(0), OLD, "old")
        mirror.pulse.touch(time.clock_gettime(time.CLOCK_BOOTTIME))
    return tmp_path


WRITE = """
with mirror.transaction(1.0) as txn:
    for number in range(100):
        txn.remove(entry_id(number), keep=False)
        txn.put(entry_id(number + 100), user("u", f"u{number + 100}@test.tux"))
        if number == 50 and point == "between puts":
            KILL
    txn.update_meta(cookie=b"new")
    if point == "before commit":
        KILL
if point == "after commit":
    KILL
""".replace("KILL", KILL)
KILL_IN_PULSE = f"""
begin_commit, end_commit = mirror.pulse.begin_commit, mirror.pulse.end_commit
def kill_at_begin(**changes):
    if point == "begun": begin_commit(**changes)
    {KILL}
def kill_at_end(**changes):
    if point == "ended": end_commit(**changes)
    {KILL}
if point in ("begin", "begun"): mirror.pulse.begin_commit = kill_at_begin
if point in ("end", "ended"): mirror.pulse.end_commit = kill_at_end
"""


@pytest.mark.parametrize(
    ("point", "expected", "odd"),
    [
        ("between puts", "old", False),
        ("before commit", "old", False),
        ("begin", "old", False),
        ("begun", "old", True),
        ("end", "new", True),
        ("ended", "new", False),
        ("after commit", "new", False),
    ],
)
def test_a_killed_writer_leaves_the_old_or_the_new(path: Path, point: str, expected: str, odd: bool) -> None:
    with Child(path, writable=True) as child:
        child.do(f"point = {point!r}", KILL_IN_PULSE)
        child.send(WRITE)
        assert child.killed()
    with open_mirror(path, writable=False) as mirror:
        assert content(mirror) == expected
        stamp = mirror.pulse.stamp()
        assert bool(stamp % 2) == odd, "an odd stamp says that nothing may be cached"
        assert state(mirror) is State.LIVE
    with open_mirror(path) as mirror:
        assert content(mirror) == expected
        assert mirror.pulse.stamp() % 2 == 0, "the next writer repairs it"
        assert mirror.pulse.stamp() != stamp
        assert state(mirror) is State.LIVE
        replace(mirror, NEW, OLD, "old")
        replace(mirror, OLD, NEW, "new")
        assert content(mirror) == "new"


def test_a_writer_killed_in_the_real_commit(path: Path) -> None:
    """Killed by another process at some moment of writing, again and again."""
    for delay in (0.0, 0.001, 0.003, 0.01, 0.02):
        with Child(path, writable=True) as child:
            child.do("point = ''", "from tests.store.test_crash import replace, OLD, NEW")
            child.send("while True: replace(mirror, OLD, NEW, 'new'); replace(mirror, NEW, OLD, 'old')")
            with open_mirror(path, writable=False) as mirror:
                stamp = mirror.pulse.stamp()
                deadline = time.monotonic() + 20
                while mirror.pulse.stamp() == stamp:
                    assert time.monotonic() < deadline
            time.sleep(delay)
            child.process.send_signal(signal.SIGKILL)
            assert child.killed()
        with open_mirror(path) as mirror:
            assert content(mirror) in ("old", "new")
            if content(mirror) == "new":
                replace(mirror, NEW, OLD, "old")


def test_a_killed_reader_does_not_pin_its_snapshot_for_ever(path: Path) -> None:
    with open_mirror(path) as mirror:
        with Child(path) as child:
            child.do("snapshot = mirror.snapshot()")
            assert child.ask("len(snapshot.owners('u1@test.tux'))") == 1
            child.process.kill()
            assert child.killed()
        for _ in range(20):
            replace(mirror, OLD, NEW, "new")
            replace(mirror, NEW, OLD, "old")
        size = (path / files.DATA).stat().st_size
        for _ in range(50):
            replace(mirror, OLD, NEW, "new")
            replace(mirror, NEW, OLD, "old")
        assert (path / files.DATA).stat().st_size <= size, "pages are used again"


def test_killed_readers_do_not_use_up_the_slots(path: Path) -> None:
    with open_mirror(path) as mirror:
        for _ in range(3):
            with Child(path) as child:
                child.do("snapshots = [mirror.snapshot() for _ in range(400)]")
                assert child.ask("len(snapshots)") == 400
                child.process.kill()
                assert child.killed()
        with Child(path) as child:
            child.do("snapshots = [mirror.snapshot() for _ in range(400)]")
            assert child.ask("len(snapshots)") == 400
        assert content(mirror) == "old"


def test_a_killed_writer_does_not_block_the_next_one_nor_accept(path: Path) -> None:
    with Child(path, writable=True) as child:
        child.do("context = mirror.transaction(1.0)", "context.__enter__().put(b'x', user('x'))")
        child.process.kill()
        assert child.killed()
    with open_mirror(path, writable=False) as mirror:
        mirror.request_accept(3)
        with mirror.snapshot() as snapshot:
            assert snapshot.meta().accept == 3
    with open_mirror(path) as mirror:
        replace(mirror, OLD, NEW, "new")
        assert content(mirror) == "new"


def test_only_one_process_writes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "WRITER_WAIT", 0.2)
    with Child(path, writable=True) as child:
        assert child.ask("mirror.snapshot().meta().complete") is True
        with pytest.raises(StoreError, match="another process has this mirror open for writing"):
            open_mirror(path)
        with open_mirror(path, writable=False) as mirror:
            assert content(mirror) == "old"


def test_a_writer_waits_for_the_one_before_it_to_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "WRITER_WAIT", 30.0)
    with Child(path, writable=True) as child:
        assert child.ask("mirror.snapshot().meta().complete") is True
        child.send("import os, time; time.sleep(0.5); os._exit(0)")
        with open_mirror(path) as mirror:
            assert content(mirror) == "old"
