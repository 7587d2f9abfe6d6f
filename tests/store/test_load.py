"""The bulk load gives the same mirror as putting one by one, in one chunk or in many."""

import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from colocroute.errors import DirectoryError
from colocroute.model import Record
from colocroute.store import files, load
from colocroute.store.layout import owner_count, with_owners
from colocroute.store.mirror import Mirror
from tests.lab.mirror import entry_id, open_mirror, site, user

LONG = "x" * 700


def items(number: int) -> list[tuple[bytes, Record]]:
    """Records in no order; some addresses have several owners, some keys are long, some ids are DNs."""
    dice = random.Random(4)
    found: list[tuple[bytes, Record]] = [
        (entry_id(10**6), site("external.test.tux")),
        (b"cn=paris,dc=test", site("paris.test.tux")),
        (entry_id(10**6 + 1), Record("zone", domains=("test.tux", "test.tux"))),
    ]
    for count in range(number):
        record = user(
            f"u{count}",
            f"u{count}@test.tux",
            f"shared{count % 7}@test.tux",
            f"{LONG}{count % 5}@test.tux",
            f"u{count}@test.tux",
            f"nul\0{count % 3}@test.tux",
            "nul@test.tux",
            routes=(f"u{count}@{dice.choice(['external', 'paris'])}.test.tux",),
            logins=(f"u{count % 50}",),
            enabled=count % 10 != 0,
        )
        found.append((entry_id(dice.randrange(10**5)) if count % 3 else f"uid=u{count}".encode(), record))
    dice.shuffle(found)
    return list(dict(found).items())


def content(mirror: Mirror) -> dict[str, object]:
    """Everything, byte for byte, but what depends on when it was written."""
    attached = mirror._attached
    assert attached is not None
    with attached.environment.begin() as txn:
        return {
            name: list(txn.cursor(getattr(attached.databases, name)))
            for name in (
                "entries",
                "names",
                "addresses",
                "routes",
                "logins",
                "sites",
                "domains",
                "former",
                "times",
            )
        }


@pytest.fixture
def one_by_one(tmp_path: Path) -> dict[str, object]:
    with open_mirror(tmp_path / "one") as mirror:
        with mirror.transaction(1.0) as txn:
            for entry, record in items(300):
                txn.put(entry, record)
        return content(mirror)


@pytest.mark.parametrize("rows", [1, 7, 500, 10**6])
def test_a_load_is_the_same_as_putting_one_by_one(
    tmp_path: Path, one_by_one: dict[str, object], rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "CHUNK_ROWS", rows)
    with open_mirror(tmp_path / "load") as mirror:
        with mirror.transaction(1.0) as txn:
            assert txn.load(iter(items(300))) == len(items(300))
            assert txn.topology_changed
        assert content(mirror) == one_by_one
        with mirror.snapshot() as snapshot:
            assert snapshot.counts().users == sum(record.user is not None for _, record in items(300))
            assert dict(snapshot.records()) == dict(items(300))
            assert snapshot.meta().generation == 1


def test_a_load_into_a_mirror_that_is_not_empty_replaces_and_remembers(tmp_path: Path) -> None:
    with open_mirror(tmp_path) as mirror:
        with mirror.transaction(1.0) as txn:
            txn.put(entry_id(1), user("a", "a@test.tux", routes=("a@external.test.tux",)))
        with mirror.transaction(2.0) as txn:
            new = user("a", "a@test.tux", routes=("a@paris.test.tux",))
            assert txn.load([(entry_id(1), new), (entry_id(2), user("b", "b@test.tux"))]) == 2
            assert txn.load([(entry_id(1), new)]) == 0
        with mirror.snapshot() as snapshot:
            assert len(snapshot.former_residents("a@external.test.tux")) == 1
            assert snapshot.counts().entries == 2


@pytest.mark.parametrize("rows", [1, 10**6])
def test_of_an_id_that_comes_twice_the_later_record_counts(
    tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "CHUNK_ROWS", rows)
    with open_mirror(tmp_path) as mirror:
        with mirror.transaction(1.0) as txn:
            txn.load([(entry_id(1), user("a", f"{name}@test.tux")) for name in ("first", "second", "last")])
        with mirror.snapshot() as snapshot:
            assert [len(snapshot.owners(f"{name}@test.tux")) for name in ("first", "second", "last")] == [
                0,
                0,
                1,
            ]
            assert snapshot.counts().users == 1


def test_an_error_of_the_source_is_passed_on_and_nothing_is_loaded(tmp_path: Path) -> None:
    def source() -> Iterator[tuple[bytes, Record]]:
        yield from items(20)
        raise DirectoryError("connection lost")

    with open_mirror(tmp_path) as mirror:
        with pytest.raises(DirectoryError), mirror.transaction(1.0) as txn:
            txn.load(source())
        with mirror.snapshot() as snapshot:
            assert snapshot.counts().entries == 0
        with mirror.transaction(1.0) as txn:
            assert txn.load(items(20)) == len(items(20))


def sharers(number: int) -> list[tuple[bytes, Record]]:
    """Users in no order who all have one address, one route address and one login."""
    routes, logins = ("all@external.test.tux",), ("all",)
    return [
        (
            entry_id(count),
            user(f"u{count}", f"u{count}@test.tux", "all@test.tux", routes=routes, logins=logins),
        )
        for count in random.Random(6).sample(range(number), number)
    ]


@pytest.mark.parametrize("rows", [40, 10**6])
def test_those_who_share_a_key_are_joined_once_for_each_chunk(
    tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work counts: a list joined for each further owner takes minutes for 20,000 users."""
    joined: list[int] = []

    def counted(value: bytes | None, inners: Iterable[bytes]) -> bytes:
        row = with_owners(value, inners)
        joined.append(owner_count(row))
        return row

    number = 300
    monkeypatch.setattr(load, "with_owners", counted)
    monkeypatch.setattr(load, "CHUNK_ROWS", rows)
    with open_mirror(tmp_path) as mirror:
        with mirror.transaction(1.0) as txn:
            txn.load(sharers(number))
        chunks = -(-number * 5 // rows)
        assert len(joined) <= 3 * 2 * chunks
        assert joined.count(number) == 3
        with mirror.snapshot() as snapshot:
            in_order = [record.user for _, record in sorted(sharers(number))]
            assert list(snapshot.owners("all@test.tux")) == in_order
            assert list(snapshot.residents("all@external.test.tux")) == in_order
            assert list(snapshot.users_by_login("all")) == in_order


def test_a_load_takes_less_room_than_putting_one_by_one(tmp_path: Path) -> None:
    dice = random.Random(5)
    records = [
        (dice.randbytes(16), user(f"u{count}", f"u{count}@test.tux", f"alias{count}@test.tux"))
        for count in dice.sample(range(3000), 3000)
    ]
    with open_mirror(tmp_path / "load") as mirror, mirror.transaction(1.0) as txn:
        txn.load(records)
    with open_mirror(tmp_path / "put") as mirror, mirror.transaction(1.0) as txn:
        for entry, record in records:
            txn.put(entry, record)
    sizes = {name: (tmp_path / name / files.DATA).stat().st_size for name in ("load", "put")}
    assert sizes["load"] < 0.85 * sizes["put"], sizes


@pytest.mark.long
def test_a_million_addresses(tmp_path: Path) -> None:
    number = 333_334
    with open_mirror(tmp_path) as mirror:
        with mirror.transaction(1.0) as txn:
            txn.load(
                (entry_id((count * 7919) % number), user("u", *(f"{name}{count}@test.tux" for name in "abc")))
                for count in range(number)
            )
        with mirror.snapshot() as snapshot:
            assert snapshot.counts().addresses == 3 * number
            assert all(len(snapshot.owners(f"b{count}@test.tux")) == 1 for count in range(number))
