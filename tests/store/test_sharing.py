"""Files that several users share: who may read, who is told why not, and `accept` beside the daemon."""

import os
import stat
import tempfile
import time
from pathlib import Path

import pytest

from colocroute.errors import StoreError
from colocroute.store import files
from tests.lab.mirror import Child, entry_id, fill, open_mirror, user

NOBODY = 65534


def test_files_are_for_owner_and_group(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        fill(tmp_path / "store")
    finally:
        os.umask(old)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "store").iterdir()}
    assert modes == {files.DATA: 0o660, files.LOCK: 0o660, "pulse": 0o660}
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o770


def test_the_lock_file_is_for_the_group_whatever_the_umask(tmp_path: Path) -> None:
    """Readers write their slots into it; the unit has UMask=0027."""
    old = os.umask(0o027)
    try:
        fill(tmp_path / "store")
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "store").iterdir()}
        assert modes == {files.DATA: 0o640, files.LOCK: 0o660, "pulse": 0o640}
        (tmp_path / "store" / files.LOCK).chmod(0o640)
        open_mirror(tmp_path / "store").close()
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "store" / files.LOCK).stat().st_mode) == 0o660, "an older version's"


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
    with Child(path / "nowhere") as child, tempfile.TemporaryDirectory() as other:
        # Loads all modules while it may: the tree of the project may be below a home directory.
        child.do(f"open_mirror(Path({other!r}), writable=True).close()")
        child.do(f"import os; os.setgroups([]); os.setgid({user_id}); os.setuid({user_id})")
        failure = child.do(f"m = open_mirror(Path({str(path)!r}), writable=False)")
        return failure or str(child.ask("len(m.snapshot().owners('anna@test.tux'))"))


def test_a_member_of_the_group_may_read(shared: Path) -> None:
    for file in shared.iterdir():
        os.chown(file, 0, NOBODY)
        file.chmod(0o660)
    assert read_as(shared, NOBODY) == "1"


def test_a_member_of_the_group_reads_what_the_unit_made(shared: Path) -> None:
    old = os.umask(0o027)
    try:
        for file in shared.iterdir():
            file.unlink()
        fill(shared)
    finally:
        os.umask(old)
    for file in (shared, *shared.iterdir()):
        os.chown(file, -1, NOBODY)
    shared.chmod(0o750)
    assert read_as(shared, NOBODY) == "1"


def test_the_lock_file_of_another_user_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.allocate_lock(tmp_path)
    (tmp_path / files.LOCK).chmod(0o600)
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
    files.allocate_lock(tmp_path)
    assert stat.S_IMODE((tmp_path / files.LOCK).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "mode", "message"),
    [
        (files.LOCK, 0o444, "not writable (mode 0444)"),
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


def test_a_reader_of_unlocked_data_locks_as_soon_as_there_is_a_writer(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / files.LOCK).unlink()
    with Child(tmp_path) as child:
        assert len(child.ask("mirror.snapshot().owners('anna@test.tux')")) == 1
        assert child.ask("mirror._attached.locked") is False
        with open_mirror(tmp_path):
            assert len(child.ask("mirror.snapshot().owners('anna@test.tux')")) == 1
            assert child.ask("mirror._attached.locked") is True


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
