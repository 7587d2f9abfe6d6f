"""Whose a file is, and what a start does to it; damaged files have a module of their own."""

from pathlib import Path

import pytest

from colocroute.errors import StoreError
from colocroute.store import environment, files, layout
from tests.lab.mirror import FINGERPRINT, fill


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
