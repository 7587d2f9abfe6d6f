"""Opening, other processes, other users, acceptance; damage, crashes and full disks have their own modules."""

import os
import stat
import time
from pathlib import Path

import lmdb
import pytest

from colocroute.errors import StoreError
from colocroute.model import State
from colocroute.store import environment, files
from colocroute.store.environment import Attached
from tests.lab.mirror import Child, entry_id, open_mirror, user

NOBODY = 65534


def state_now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def fill(path: Path, *, complete: bool = True) -> None:
    with open_mirror(path) as mirror, mirror.transaction(5.0) as txn:
        txn.put(entry_id(1), user("anna", "anna@test.tux", routes=("anna@external.test.tux",)))
        txn.update_meta(complete=complete, cookie=b"cookie")


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
        assert snapshot.meta().committed == 5.0
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
            txn.expire(former_before=9.0, removed_before=9.0)
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


# -- several processes


def test_a_reader_sees_each_commit_at_once(tmp_path: Path) -> None:
    fill(tmp_path)
    with open_mirror(tmp_path) as mirror, Child(tmp_path) as child:
        stamps = set()
        for number in range(2, 12):
            with mirror.transaction(1.0) as txn:
                txn.put(entry_id(number), user(f"u{number}", f"u{number}@test.tux"))
            assert len(child.ask(f"mirror.snapshot().owners('u{number}@test.tux')")) == 1
            assert child.ask("mirror.pulse.stamp()") == mirror.pulse.stamp()
            stamps.add(mirror.pulse.stamp())
        assert len(stamps) == 10


def test_a_snapshot_does_not_see_later_commits(tmp_path: Path) -> None:
    fill(tmp_path)
    with open_mirror(tmp_path) as mirror, Child(tmp_path) as child:
        child.do("snapshot = mirror.snapshot()")
        with mirror.transaction(1.0) as txn:
            txn.remove(entry_id(1), keep=False)
        assert len(child.ask("snapshot.owners('anna@test.tux')")) == 1
        child.do("snapshot.__exit__(None, None, None)")
        assert child.ask("mirror.snapshot().owners('anna@test.tux')") == []


def test_a_reader_opened_before_the_first_writer_sees_the_mirror_appear(tmp_path: Path) -> None:
    path = tmp_path / "later"
    with Child(path) as child:
        assert child.ask("mirror.pulse.stamp()") == -1
        assert child.ask("mirror.snapshot().owners('anna@test.tux')") == []
        fill(path)
        with open_mirror(path) as mirror:
            mirror.pulse.touch(state_now())
            assert len(child.ask("mirror.snapshot().owners('anna@test.tux')")) == 1
            assert child.ask("mirror.pulse.stamp()") == mirror.pulse.stamp()
            assert child.ask(f"mirror.pulse.state({state_now()}, 60.0).value") == "live"
            with mirror.snapshot() as snapshot:
                assert child.ask("mirror.pulse.topology()") == snapshot.meta().topology


def test_a_reader_follows_when_the_mirror_is_set_aside(tmp_path: Path) -> None:
    """A running worker: its file is renamed under it, another one takes its place."""
    fill(tmp_path)
    with Child(tmp_path) as child:
        assert len(child.ask("mirror.snapshot().owners('anna@test.tux')")) == 1
        stamp, topology = child.ask("mirror.pulse.stamp()"), child.ask("mirror.pulse.topology()")
        files.set_aside(tmp_path, "test")
        with open_mirror(tmp_path) as mirror:
            assert child.ask("mirror.pulse.stamp()") != stamp
            assert child.ask("mirror.snapshot().owners('anna@test.tux')") == []
            assert child.ask(f"mirror.pulse.state({state_now()}, 60.0).value") == "empty"
            with mirror.transaction(2.0) as txn:
                txn.put(entry_id(2), user("bob", "bob@test.tux"))
                txn.update_meta(complete=True)
            assert len(child.ask("mirror.snapshot().owners('bob@test.tux')")) == 1
            assert child.ask("mirror.pulse.topology()") != topology


def test_a_reader_follows_when_the_whole_store_is_deleted(tmp_path: Path) -> None:
    fill(tmp_path)
    with Child(tmp_path) as child:
        assert len(child.ask("mirror.snapshot().owners('anna@test.tux')")) == 1
        for file in tmp_path.iterdir():
            file.unlink()
        with open_mirror(tmp_path) as mirror:
            assert child.ask(f"mirror.pulse.state({state_now()}, 60.0).value") == "empty"
            assert child.ask("mirror.snapshot().owners('anna@test.tux')") == []
            with mirror.transaction(2.0) as txn:
                txn.update_meta(complete=True)
            assert child.ask("mirror.snapshot().meta().complete") is True


def test_a_reader_with_another_configuration_never_trusts_the_new_mirror(tmp_path: Path) -> None:
    """A worker that missed the reload must not deny what it cannot read."""
    fill(tmp_path)
    with Child(tmp_path) as child:
        assert len(child.ask("mirror.snapshot().owners('anna@test.tux')")) == 1
        with open_mirror(tmp_path, fingerprint="other") as mirror:
            with mirror.transaction(2.0) as txn:
                txn.put(entry_id(1), user("anna", "anna@test.tux"))
                txn.update_meta(complete=True)
            mirror.pulse.touch(state_now())
            assert mirror.pulse.state(state_now(), 60.0) is State.LIVE
            assert child.ask(f"mirror.pulse.state({state_now()}, 60.0).value") == "empty"
            assert child.ask("mirror.pulse.contact()") == 0.0
            assert child.ask("mirror.snapshot().owners('anna@test.tux')") == []
            assert child.ask("mirror.snapshot().meta().complete") is False


def test_data_that_vanish_under_a_trusting_pulse_are_no_reason_to_deny(tmp_path: Path) -> None:
    fill(tmp_path)
    for name in (files.DATA, files.LOCK):
        (tmp_path / name).unlink()
    with open_mirror(tmp_path, writable=False) as mirror, mirror.snapshot() as snapshot:
        assert not snapshot.meta().complete
        for read in (snapshot.owners, snapshot.residents, snapshot.former_residents, snapshot.users_by_login):
            with pytest.raises(StoreError, match="should be here"):
                read("anna@test.tux")
        for everything in (snapshot.sites, snapshot.domains, snapshot.route_domains):
            with pytest.raises(StoreError, match="should be here"):
                everything()
        with pytest.raises(StoreError, match="should be here"):
            list(snapshot.ids())


# -- other users


def test_files_are_for_owner_and_group(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        fill(tmp_path / "store")
    finally:
        os.umask(old)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "store").iterdir()}
    assert modes == {files.DATA: 0o660, files.LOCK: 0o660, "pulse": 0o660}
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o770


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A complete mirror in a directory that everybody may enter."""
    store = tmp_path / "store"
    fill(store)
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_mode & 0o005 != 0o005:
            parent.chmod(0o755)
        if parent.parent == Path("/tmp"):
            break
    store.chmod(0o755)
    return store


def read_as(path: Path, user_id: int) -> str:
    """What another user's process makes of the mirror."""
    with Child(path / "nowhere") as child:
        child.do(f"import os; os.setgroups([]); os.setgid({user_id}); os.setuid({user_id})")
        failure = child.do(f"m = open_mirror(Path({str(path)!r}), writable=False)")
        return failure or str(child.ask("len(m.snapshot().owners('anna@test.tux'))"))


def test_a_member_of_the_group_may_read(shared: Path) -> None:
    for file in shared.iterdir():
        os.chown(file, 0, NOBODY)
        file.chmod(0o660)
    assert read_as(shared, NOBODY) == "1"


@pytest.mark.parametrize(
    ("name", "mode", "message"),
    [
        (files.LOCK, 0o444, "must be in the group"),
        (files.DATA, 0o000, "Permission denied"),
        ("pulse", 0o000, "Permission denied"),
    ],
)
def test_who_may_not_read_is_told_so(shared: Path, name: str, mode: int, message: str) -> None:
    for file in shared.iterdir():
        file.chmod(0o666)
    assert read_as(shared, NOBODY) == "1"
    (shared / name).chmod(mode)
    answer = read_as(shared, NOBODY)
    assert "StoreError" in answer
    assert name in answer
    assert message in answer


def test_a_copy_without_lock_file_is_read(shared: Path) -> None:
    (shared / files.LOCK).unlink()
    (shared / files.DATA).chmod(0o644)
    (shared / "pulse").chmod(0o644)
    assert read_as(shared, NOBODY) == "1"
    assert not (shared / files.LOCK).exists()


# -- accept


def test_accept_changes_one_number_beside_a_running_writer(tmp_path: Path) -> None:
    fill(tmp_path)
    with open_mirror(tmp_path) as mirror, Child(tmp_path) as child:
        with mirror.snapshot() as snapshot:
            before = snapshot.meta()
        stamp = mirror.pulse.stamp()
        owner = {file.name: file.stat().st_ino for file in tmp_path.iterdir()}
        assert child.ask("mirror.request_accept(17)") is None
        assert child.ask("mirror.snapshot().meta().accept") == 17
        with mirror.snapshot() as snapshot:
            after = snapshot.meta()
        assert after.accept == 17
        assert (after.generation, after.topology, after.cookie) == (
            before.generation,
            before.topology,
            b"cookie",
        )
        assert mirror.pulse.stamp() == stamp
        assert {file.name: file.stat().st_ino for file in tmp_path.iterdir()} == owner
        with mirror.transaction(2.0) as txn:
            assert txn.meta().accept == 17
            txn.update_meta(accept=0)
        assert child.ask("mirror.snapshot().meta().accept") == 0


def test_accept_waits_for_a_transaction_and_is_not_lost(tmp_path: Path) -> None:
    fill(tmp_path)
    with open_mirror(tmp_path) as mirror, Child(tmp_path) as child:
        with mirror.transaction(2.0) as txn:
            child.send("mirror.request_accept(5)")
            time.sleep(0.2)
            txn.put(entry_id(2), user("bob", "bob@test.tux"))
        assert child.process.stdout is not None
        assert child.process.stdout.readline() == "null\n"
        with mirror.snapshot() as snapshot:
            assert snapshot.meta().accept == 5
            assert len(snapshot.owners("bob@test.tux")) == 1


def test_the_writer_itself_may_accept(tmp_path: Path) -> None:
    fill(tmp_path)
    with open_mirror(tmp_path) as mirror:
        mirror.request_accept(3)
        with mirror.snapshot() as snapshot:
            assert snapshot.meta().accept == 3


def test_accept_makes_and_repairs_nothing(tmp_path: Path) -> None:
    with open_mirror(tmp_path / "absent", writable=False) as mirror:
        with pytest.raises(StoreError, match="no mirror"):
            mirror.request_accept(1)
        assert not (tmp_path / "absent").exists()
    fill(tmp_path)
    with (
        open_mirror(tmp_path, writable=False, fingerprint="other") as mirror,
        pytest.raises(StoreError, match="no mirror"),
    ):
        mirror.request_accept(1)
    (tmp_path / files.LOCK).unlink()
    with open_mirror(tmp_path, writable=False) as mirror:
        with pytest.raises(StoreError, match="has never run"):
            mirror.request_accept(1)
        with mirror.snapshot() as snapshot:
            assert len(snapshot.owners("anna@test.tux")) == 1
    assert not (tmp_path / files.LOCK).exists()
    (tmp_path / files.DATA).write_bytes(b"garbage")
    with open_mirror(tmp_path, writable=False) as mirror, pytest.raises(StoreError, match="no mirror"):
        mirror.request_accept(1)
    assert (tmp_path / files.DATA).read_bytes() == b"garbage"
