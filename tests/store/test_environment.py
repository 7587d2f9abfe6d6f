"""Whose a file is, and what a start does to it; damaged files have a module of their own."""

from math import inf
from pathlib import Path

import pytest

from colocroute.errors import StoreError
from colocroute.model import Record
from colocroute.store import environment, files, layout
from colocroute.store.mirror import Mirror
from tests.lab.mirror import (
    ANNA,
    BOB,
    EXTERNAL,
    FINGERPRINT,
    PARIS,
    ROME,
    anna,
    entry_id,
    fill,
    former,
    open_mirror,
    put,
    remove,
    site,
    topology,
    user,
)


class Withdrawal:
    """Counts how often trust was withdrawn."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self) -> bool:
        self.number += 1
        return False


def establish(
    path: Path, withdrawal: Withdrawal, fingerprint: str = FINGERPRINT, *, suspect: bool = False
) -> int:
    attached = environment.establish(path, fingerprint, suspect=suspect, withdraw=withdrawal)
    attached.environment.close()
    return attached.mirror


def test_a_mirror_keeps_its_number_until_it_is_started_anew(tmp_path: Path) -> None:
    withdrawal = Withdrawal()
    first = establish(tmp_path, withdrawal)
    assert first
    assert establish(tmp_path, withdrawal) == first
    assert withdrawal.number == 0, "nobody lost anything"
    second = establish(tmp_path, withdrawal, "other")
    assert second not in (0, first)
    third = establish(tmp_path, withdrawal, "other", suspect=True)
    assert third not in (0, first, second)
    assert withdrawal.number == 2, "trust goes before the data do"


def test_attaching_tells_ours_from_others(tmp_path: Path) -> None:
    assert environment.attach(tmp_path, FINGERPRINT) is None
    assert not list(tmp_path.iterdir())
    fill(tmp_path)
    attached = environment.attach(tmp_path, FINGERPRINT)
    assert attached is not None
    attached.environment.close()
    assert environment.attach(tmp_path, "other") is None


def test_attaching_for_writing_needs_the_lock_file(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / files.LOCK).unlink()
    with pytest.raises(StoreError, match="never run"):
        environment.attach(tmp_path, FINGERPRINT, write=True)
    assert not (tmp_path / files.LOCK).exists()


def test_numbers_of_topologies_of_two_mirrors_do_not_meet(tmp_path: Path) -> None:
    numbers = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        attached = environment.establish(tmp_path / name, FINGERPRINT, suspect=False, withdraw=Withdrawal())
        with attached.environment.begin() as txn:
            raw = txn.get(layout.META_KEY, None, attached.databases.meta)
        assert raw is not None
        numbers.append(layout.decode_meta(raw).topology)
        attached.environment.close()
    assert numbers[0] < numbers[1]


# -- another configuration of the directory


def had_moves(path: Path) -> None:
    """A complete mirror in which one has moved, one was removed, and one site lost its transport."""
    with open_mirror(path) as mirror:
        with mirror.transaction(100.0) as txn:
            txn.put(ANNA, anna(EXTERNAL))
            txn.put(BOB, user("bob", "bob@test.tux", routes=("bob@gone.internal",)))
            txn.put(entry_id(31), site("mail.internal"))
            txn.put(entry_id(32), site("gone.internal"))
            txn.put(entry_id(33), Record("zone", domains=("second.tux",)))
            txn.update_meta(complete=True, cookie=b"cookie", here=("mail.internal",))
        put(mirror, ANNA, anna(PARIS), 200.0)
        remove(mirror, entry_id(32), 300.0)
        remove(mirror, BOB, 300.0)


def known(mirror: Mirror) -> tuple[list[str], list[str]]:
    with mirror.snapshot() as snapshot:
        return snapshot.domains(), sorted(snapshot.former_sites())


def test_emptied_for_another_configuration_it_knows_former_routes_and_domains(tmp_path: Path) -> None:
    had_moves(tmp_path)
    both = (["second.tux"], ["mail.internal"])
    for fingerprint in ("other", "third"):
        with open_mirror(tmp_path, fingerprint=fingerprint) as mirror, mirror.snapshot() as snapshot:
            assert known(mirror) == both
            assert sorted(snapshot.former_domains()) == ["external.test.tux", "gone.internal"]
            assert sorted(snapshot.keys("former")) == [EXTERNAL, "bob@gone.internal"]
            assert snapshot.former_residents(EXTERNAL) == []
            assert (snapshot.sites(), snapshot.route_domains(), list(snapshot.records())) == ([], [], [])
            meta = snapshot.meta()
            assert not meta.complete
            assert (meta.cookie, meta.here, meta.users) == (b"", (), 0)
            assert mirror.pulse.topology() == meta.topology
    with open_mirror(tmp_path, fingerprint="third") as mirror:
        with mirror.transaction(400.0) as txn:
            assert txn.removed_within(inf) == 0
            assert txn.load([(ANNA, anna(PARIS)), (entry_id(31), site("mail.internal"))]) == 2
            txn.update_meta(complete=True)
        assert known(mirror) == ([], [])
        assert former(mirror, EXTERNAL) == [PARIS]
        for after, left in ((299.5, ["bob@gone.internal"]), (199.5, [])):
            with mirror.transaction(500.0) as txn:
                txn.expire(former_after=after)
            with mirror.snapshot() as snapshot:
                assert list(snapshot.keys("former")) == left


def test_a_former_route_that_is_somebodys_after_the_load_is_theirs(tmp_path: Path) -> None:
    had_moves(tmp_path)
    with open_mirror(tmp_path, fingerprint="other") as mirror:
        with mirror.transaction(400.0) as txn:
            txn.load([(BOB, user("bob", "bob@test.tux", routes=(EXTERNAL,)))])
        assert former(mirror, EXTERNAL) == []
        put(mirror, BOB, user("bob", "bob@test.tux", routes=(ROME,)), 500.0)
        assert former(mirror, EXTERNAL) == [ROME]


def test_completing_changes_the_topology_and_a_refresh_that_fails_does_not(tmp_path: Path) -> None:
    had_moves(tmp_path)
    with open_mirror(tmp_path, fingerprint="other") as mirror:
        before, stamp = topology(mirror), mirror.pulse.stamp()
        with pytest.raises(KeyError), mirror.transaction(400.0) as txn:
            txn.put(ANNA, anna(PARIS))
            txn.update_meta(complete=True)
            assert txn.domains() == []
            raise KeyError
        assert known(mirror)[0] == ["second.tux"]
        with mirror.transaction(400.0) as txn:
            txn.update_meta(complete=True)
        assert topology(mirror) == mirror.pulse.topology() == before + 1
        assert mirror.pulse.stamp() != stamp


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("domains", b"smail.internal", b"\0"),
        ("domains", b"smail.internal", b"\0\0\0\1\xff"),
        ("former", EXTERNAL.encode(), b"\xc1"),
    ],
)
def test_nothing_is_taken_from_one_that_is_damaged(
    tmp_path: Path, name: str, key: bytes, value: bytes
) -> None:
    had_moves(tmp_path)
    with open_mirror(tmp_path) as mirror:
        attached = mirror._attached
        assert attached is not None
        with attached.environment.begin(write=True) as txn:
            txn.put(key, value, db=getattr(attached.databases, name))
    with open_mirror(tmp_path, fingerprint="other") as mirror, mirror.snapshot() as snapshot:
        assert known(mirror) == ([], [])
        assert list(snapshot.keys("former")) == []
    assert (tmp_path / files.ASIDE).exists()


def test_nothing_is_taken_from_one_of_another_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    had_moves(tmp_path)
    monkeypatch.setattr(environment, "LAYOUT", layout.LAYOUT + 1)
    with open_mirror(tmp_path, writable=False, fingerprint="other") as mirror:
        assert known(mirror) == ([], [])
    with open_mirror(tmp_path) as mirror:
        assert known(mirror) == ([], [])
    assert (tmp_path / files.ASIDE).exists()
