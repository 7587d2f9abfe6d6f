"""The look at the files before LMDB sees them, and the writer's lock."""

import os
from pathlib import Path

import lmdb
import pytest

from colocroute.errors import StoreError
from colocroute.store import files
from tests.lab.mirror import fill


@pytest.fixture
def path(tmp_path: Path) -> Path:
    fill(tmp_path)
    return tmp_path


def look(path: Path) -> files.DataFile:
    data = files.look_at_data(path)
    assert data is not None
    return data


def test_what_the_meta_pages_promise_is_what_lmdb_says(path: Path) -> None:
    with lmdb.open(str(path)) as env:
        promised = (env.info()["last_pgno"] + 1) * env.stat()["psize"]
    assert look(path).promised == promised
    assert look(path).size == (path / files.DATA).stat().st_size
    assert not look(path).missing
    assert files.judge(path, look(path)) == ""


def test_the_newer_meta_page_counts(path: Path) -> None:
    """Commits alternate between the two."""
    with lmdb.open(str(path)) as env:
        for number in range(4):
            with env.begin(write=True) as txn:
                txn.put(b"key", b"x" * 5000 * (number + 1))
            assert look(path).promised == (env.info()["last_pgno"] + 1) * env.stat()["psize"]


def test_no_file_is_none(tmp_path: Path) -> None:
    assert files.look_at_data(tmp_path) is None
    assert files.look_at_data(tmp_path / "absent") is None
    (tmp_path / files.DATA).write_bytes(b"")
    assert files.look_at_data(tmp_path) is None


def test_what_is_missing_is_judged(path: Path) -> None:
    with (path / files.DATA).open("r+b") as data:
        data.truncate(2 * 4096)
    assert look(path).missing == look(path).promised - 2 * 4096
    assert "bytes are missing" in files.judge(path, look(path))


def test_extending_adds_zeros_and_never_cuts(path: Path) -> None:
    before = (path / files.DATA).read_bytes()
    files.extend_data(path)
    assert (path / files.DATA).read_bytes() == before
    with (path / files.DATA).open("ab") as data:
        data.write(b"more")
    files.extend_data(path)
    assert (path / files.DATA).read_bytes() == before + b"more"
    with (path / files.DATA).open("r+b") as data:
        data.truncate(len(before) - 5000)
    files.extend_data(path)
    assert (path / files.DATA).read_bytes() == before[:-5000] + bytes(5000)


def test_giving_back_cuts_to_what_is_promised_and_not_further(path: Path) -> None:
    before = (path / files.DATA).read_bytes()
    with (path / files.DATA).open("ab") as data:
        data.write(bytes(100_000))
    files.give_back(path)
    assert (path / files.DATA).read_bytes() == before
    files.give_back(path)
    assert (path / files.DATA).read_bytes() == before
    (path / files.DATA).write_bytes(b"garbage" * 10_000)
    files.give_back(path)
    assert (path / files.DATA).stat().st_size == 70_000


def test_the_lock_file_has_its_slots_on_the_disk(tmp_path: Path) -> None:
    files.allocate_lock(tmp_path)
    status = (tmp_path / files.LOCK).stat()
    assert status.st_size == files.LOCK_BYTES
    assert status.st_blocks * 512 >= files.LOCK_BYTES
    with lmdb.open(str(tmp_path)) as env:
        assert env.max_readers() >= 512


def test_setting_aside_takes_the_lock_file_along(path: Path) -> None:
    data = (path / files.DATA).read_bytes()
    files.set_aside(path, "test")
    assert (path / files.ASIDE).read_bytes() == data
    assert not (path / files.DATA).exists()
    assert not (path / files.LOCK).exists()


def test_one_writer_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "WRITER_WAIT", 0.1)
    first = files.lock_writer(tmp_path)
    with pytest.raises(StoreError, match="another process"):
        files.lock_writer(tmp_path)
    files.unlock_writer(first)
    second = files.lock_writer(tmp_path)
    assert not os.get_inheritable(second)
    files.unlock_writer(second)
