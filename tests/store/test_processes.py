"""Several processes with one mirror: each commit is seen at once, and a replaced mirror is followed."""

import shutil
import time
from pathlib import Path

import pytest

from colocroute.errors import StoreError
from colocroute.model import State
from colocroute.store import files
from colocroute.store.pulse import LOOK_SECONDS
from tests.lab.mirror import Child, entry_id, fill, open_mirror, user


def state_now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


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


def test_a_reader_of_removed_files_takes_the_next_writers_at_once(tmp_path: Path) -> None:
    """A worker must not deny what our own replicator has committed, though its old pulse is live."""
    path = tmp_path / "store"
    fill(path)
    with Child(path) as child:
        with open_mirror(path) as mirror:
            mirror.pulse.touch(state_now())
        assert child.ask(f"mirror.pulse.state({state_now()}, 60.0).value") == "live"
        assert len(child.ask("mirror.snapshot().owners('anna@test.tux')")) == 1
        shutil.rmtree(path)
        with open_mirror(path) as mirror, mirror.transaction(1.0) as txn:
            txn.put(entry_id(7), user("bob", "bob@test.tux"))
            txn.update_meta(complete=True)
        assert child.ask(f"mirror.pulse.state({state_now() + LOOK_SECONDS}, 60.0).value") == "stale"
        assert len(child.ask("mirror.snapshot().owners('bob@test.tux')")) == 1


def test_the_locks_of_lost_data_are_not_those_of_the_next(tmp_path: Path) -> None:
    fill(tmp_path)
    before = files.identity(tmp_path / files.LOCK)
    with Child(tmp_path) as child:
        child.do("snapshot = mirror.snapshot()")
        (tmp_path / files.DATA).unlink()
        with open_mirror(tmp_path):
            assert files.identity(tmp_path / files.LOCK) != before
            child.do("snapshot.close()")
            assert child.ask("mirror.snapshot().owners('anna@test.tux')") == []
