"""Opening and committing; other processes and users, damage, crashes and full disks have their own modules."""

import time
from pathlib import Path

import lmdb
import pytest

from colocroute.errors import MirrorLostError, StoreError
from colocroute.model import State
from colocroute.store import environment, files
from colocroute.store.environment import Attached
from tests.lab.mirror import entry_id, fill, open_mirror, user


def state_now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


# -- opening


def test_a_new_mirror_is_empty_and_not_complete(tmp_path: Path) -> None:
    with open_mirror(tmp_path / "new") as mirror, mirror.snapshot() as snapshot:
        assert not snapshot.meta().complete
        assert snapshot.counts().entries == 0
        assert snapshot.owners("anna@test.tux") == []
        assert mirror.pulse.state(state_now(), 60.0) is State.EMPTY


def test_what_was_committed_is_there_after_a_restart(tmp_path: Path) -> None:
    fill(tmp_path)
    with open_mirror(tmp_path) as mirror, mirror.snapshot() as snapshot:
        assert [found.routes for found in snapshot.owners("anna@test.tux")] == [("anna@external.test.tux",)]
        assert snapshot.meta().cookie == b"cookie"
        assert snapshot.meta().changed == 5.0
        assert snapshot.meta().generation == 1


def test_opening_for_reading_creates_nothing(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        with open_mirror(path, writable=False) as mirror, mirror.snapshot() as snapshot:
            assert not snapshot.meta().complete
            assert snapshot.owners("anna@test.tux") == []
            assert snapshot.former_residents("anna@test.tux") == []
            assert not list(snapshot.records())
            assert not list(snapshot.ids())
            assert not snapshot.sites()
            assert not snapshot.domains()
            assert not snapshot.route_domains()
            assert snapshot.record(entry_id(1)) is None
            assert snapshot.counts().entries == 0
            assert mirror.pulse.stamp() == -1
            assert mirror.pulse.state(state_now(), 60.0) is State.EMPTY
    assert list(tmp_path.iterdir()) == []


def test_a_reader_for_a_complete_mirror_creates_and_changes_no_file(tmp_path: Path) -> None:
    fill(tmp_path)
    before = {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir() if file.name != files.LOCK}
    with open_mirror(tmp_path, writable=False) as mirror, mirror.snapshot() as snapshot:
        assert len(snapshot.owners("anna@test.tux")) == 1
    after = {file.name: file.stat().st_mtime_ns for file in tmp_path.iterdir() if file.name != files.LOCK}
    assert before == after


def test_a_file_in_place_of_the_directory_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match=str(tmp_path / "file")):
        open_mirror(tmp_path / "file")
    with open_mirror(tmp_path / "file", writable=False) as mirror, mirror.snapshot() as snapshot:
        assert not snapshot.meta().complete


def test_a_parent_that_is_not_there_is_an_error_with_the_path(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=str(tmp_path / "no" / "where")):
        open_mirror(tmp_path / "no" / "where")


def test_opening_twice_in_one_process_is_an_error(tmp_path: Path) -> None:
    with (
        open_mirror(tmp_path, writable=True),
        pytest.raises(StoreError, match="already open in this process"),
    ):
        open_mirror(tmp_path, writable=False)


def test_after_a_failed_open_the_same_process_can_try_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(files, "allocate_lock", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(StoreError, match="no space left"):
            open_mirror(tmp_path)
    with open_mirror(tmp_path) as mirror, mirror.snapshot() as snapshot:
        assert snapshot.meta().complete


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    mirror = open_mirror(tmp_path)
    mirror.close()
    mirror.close()


# -- transactions


def test_an_exception_rolls_back_and_the_mirror_stays_trusted(tmp_path: Path) -> None:
    fill(tmp_path)
    with open_mirror(tmp_path) as mirror:
        mirror.pulse.touch(state_now())
        stamp = mirror.pulse.stamp()
        with pytest.raises(KeyError), mirror.transaction(6.0) as txn:
            txn.remove(entry_id(1), keep=False)
            raise KeyError
        with mirror.snapshot() as snapshot:
            assert len(snapshot.owners("anna@test.tux")) == 1
        assert mirror.pulse.stamp() == stamp
        assert mirror.pulse.state(state_now(), 60.0) is State.LIVE


def test_an_error_of_the_caller_is_not_the_stores(tmp_path: Path) -> None:
    with open_mirror(tmp_path) as mirror:
        for error in (OSError("network"), ValueError("bad"), UnicodeDecodeError("utf-8", b"", 0, 1, "bad")):
            with pytest.raises(type(error)), mirror.transaction(1.0):
                raise error
        fill_state = mirror.pulse.state(state_now(), 60.0)
        assert fill_state is State.EMPTY


def test_a_transaction_that_changes_nothing_is_no_commit(tmp_path: Path) -> None:
    fill(tmp_path)
    with open_mirror(tmp_path) as mirror:
        stamp = mirror.pulse.stamp()
        data = (tmp_path / files.DATA).read_bytes()
        with mirror.transaction(6.0) as txn:
            assert not txn.put(entry_id(1), user("anna", "anna@test.tux", routes=("anna@external.test.tux",)))
            assert txn.remove(entry_id(9), keep=True) is None
            txn.update_meta(complete=True)
            txn.expire(former_after=0.0, removed_after=0.0)
        assert mirror.pulse.stamp() == stamp
        assert (tmp_path / files.DATA).read_bytes() == data


def test_a_cookie_alone_leaves_cached_answers_valid(tmp_path: Path) -> None:
    fill(tmp_path)
    with open_mirror(tmp_path) as mirror:
        stamp = mirror.pulse.stamp()
        with mirror.transaction(6.0) as txn:
            txn.update_meta(cookie=b"next")
        assert mirror.pulse.stamp() == stamp
        with mirror.snapshot() as snapshot:
            assert snapshot.meta().cookie == b"next"
            assert snapshot.meta().generation == 1


@pytest.mark.parametrize(
    "change",
    [
        {"complete": False},
        {"here": ("external.test.tux",)},
        {"servers": ("10.2.0.1",)},
    ],
)
def test_what_concerns_answers_makes_a_new_stamp(tmp_path: Path, change: dict[str, object]) -> None:
    fill(tmp_path)
    with open_mirror(tmp_path) as mirror:
        stamp = mirror.pulse.stamp()
        with mirror.transaction(6.0) as txn:
            txn.update_meta(**change)
        assert mirror.pulse.stamp() not in (stamp, -1)
        assert mirror.pulse.stamp() % 2 == 0


def test_a_reader_may_not_write(tmp_path: Path) -> None:
    fill(tmp_path)
    with open_mirror(tmp_path, writable=False) as mirror:
        with pytest.raises(StoreError, match="not open for writing"), mirror.transaction(1.0):
            pass
        with pytest.raises(StoreError, match="reading only"):
            mirror.pulse.touch(1.0)


def test_a_map_that_is_full_is_an_error_and_nothing_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "MAP_SIZE", 1 << 20)
    fill(tmp_path)
    with open_mirror(tmp_path) as mirror:
        with pytest.raises(StoreError, match="no space left"), mirror.transaction(1.0) as txn:
            for number in range(2, 20_000):
                txn.put(entry_id(number), user(f"u{number}", f"u{number}@test.tux"))
        with mirror.snapshot() as snapshot:
            assert snapshot.counts().entries == 1
            assert len(snapshot.owners("anna@test.tux")) == 1


def test_lmdb_that_gave_up_is_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failed write of its meta page LMDB refuses everything (MDB_PANIC)."""
    fill(tmp_path)

    class Panicking:
        def __init__(self, real: lmdb.Environment) -> None:
            self.close = real.close
            self.reader_check = real.reader_check

        def begin(self, **_: object) -> None:
            raise lmdb.PanicError("mdb_txn_begin")

    with open_mirror(tmp_path) as mirror:
        attached = mirror._attached
        assert attached is not None
        broken = Attached(Panicking(attached.environment), attached.databases, attached.mirror)  # type: ignore[arg-type]  # a fake
        monkeypatch.setattr(mirror, "_attached", broken)
        with mirror.transaction(2.0) as txn:
            txn.put(entry_id(2), user("bob", "bob@test.tux"))
        with mirror.snapshot() as snapshot:
            assert len(snapshot.owners("bob@test.tux")) == 1


# -- files that go under the writer


@pytest.mark.parametrize("name", ["pulse", "data.mdb", ""])
def test_a_writer_whose_files_are_removed_withdraws_and_says_so(tmp_path: Path, name: str) -> None:
    path = tmp_path / "store"
    fill(path)
    with open_mirror(path) as mirror:
        mirror.pulse.touch(state_now())
        mirror.must_be_there()
        if name:
            (path / name).unlink()
        else:
            path.rename(tmp_path / "elsewhere")
        with pytest.raises(
            MirrorLostError, match=f"^{path}/{name or 'pulse'}: removed or replaced under the running"
        ):
            mirror.must_be_there()
        assert mirror.pulse.state(state_now(), 60.0) is State.EMPTY
