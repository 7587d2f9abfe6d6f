"""Lookups in one commit."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from colocroute.errors import MirrorDamagedError, StoreError
from colocroute.model import Record
from colocroute.store import snapshot as snapshots
from colocroute.store.layout import decode_record
from colocroute.store.meta import Counts
from colocroute.store.mirror import Mirror
from tests.lab.mirror import ANNA, BOB, EXTERNAL, PARIS, anna, entry_id, open_mirror, put, site, user


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    with open_mirror(tmp_path) as mirror:
        put(mirror, ANNA, anna(EXTERNAL))
        yield mirror


def test_a_user_is_found_by_address_route_and_login(mirror: Mirror) -> None:
    with mirror.snapshot() as snapshot:
        expected = [anna(EXTERNAL).user]
        assert snapshot.owners("anna@test.tux") == expected
        assert snapshot.residents(EXTERNAL) == expected
        assert snapshot.users_by_login("anna") == expected
        assert snapshot.former_residents(EXTERNAL) == []
        assert snapshot.record(ANNA) == anna(EXTERNAL)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "@",
        "nobody@test.tux",
        "anna@test.tux ",
        "ANNA@test.tux",
        "\0",
        "\udcff@test.tux",
        "x" * 100_000,
        "ä" * 300,
    ],
)
def test_any_other_key_finds_nobody(mirror: Mirror, key: str) -> None:
    with mirror.snapshot() as snapshot:
        for find in (snapshot.owners, snapshot.residents, snapshot.users_by_login, snapshot.former_residents):
            assert find(key) == []
        assert snapshot.record(key.encode("utf-8", "surrogatepass")) is None


def test_owners_come_by_ascending_id(mirror: Mirror) -> None:
    for number in (9, 4, 7):
        put(mirror, entry_id(number), user(f"u{number}", "anna@test.tux", logins=(f"u{number}",)))
    with mirror.snapshot() as snapshot:
        assert [found.logins for found in snapshot.owners("anna@test.tux")] == [
            ("anna",),
            ("u4",),
            ("u7",),
            ("u9",),
        ]


def test_of_those_who_share_a_key_few_are_read_for_the_first_of_them(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mirror.transaction(1.0) as txn:
        txn.load((entry_id(number), user(f"u{number}", "all@test.tux")) for number in range(100, 1100))
    read: list[bytes] = []

    def noted(raw: bytes) -> Record:
        read.append(raw)
        return decode_record(raw)

    monkeypatch.setattr(snapshots, "decode_record", noted)
    with mirror.snapshot() as snapshot:
        found = snapshot.owners("all@test.tux")
        assert len(found) == 1000
        assert not read
        assert list(islice(found, 2)) == [user("u", "all@test.tux").user] * 2
        assert len(read) == 2
        assert len(list(found)) == len(list(found)) == len(read) == 1000


def test_one_of_those_who_share_a_key_is_missing(mirror: Mirror) -> None:
    with mirror.transaction(1.0) as txn:
        txn.load((entry_id(number), user(f"u{number}", "all@test.tux")) for number in range(100, 110))
    with mirror.transaction(1.0) as txn:
        txn._txn.delete(entry_id(105), db=txn._db.entries)
        with pytest.raises(MirrorDamagedError, match="missing entry"):
            list(txn.owners("all@test.tux"))


def test_those_who_share_a_key_cannot_be_read_after_the_snapshot(mirror: Mirror) -> None:
    put(mirror, BOB, user("bob", "anna@test.tux"))
    with mirror.snapshot() as snapshot:
        found = snapshot.owners("anna@test.tux")
    with pytest.raises(StoreError):
        list(found)


def test_records_and_ids_are_whole_whatever_the_id(mirror: Mirror) -> None:
    entries = {ANNA: anna(EXTERNAL)}
    for entry in (b"uid=bob,dc=test,dc=tux", b"cn=" + b"x" * 2000, b"0123456789abcdef", b""):
        entries[entry] = user(entry.decode(), f"{len(entry)}@test.tux")
        put(mirror, entry, entries[entry])
    with mirror.snapshot() as snapshot:
        assert dict(snapshot.records()) == entries
        assert set(snapshot.ids()) == set(entries)
        assert all(snapshot.record(entry) == record for entry, record in entries.items())


def test_counts_are_of_records_users_keys_and_sites(mirror: Mirror) -> None:
    put(mirror, BOB, user("bob", "bob@test.tux", "robert@test.tux", enabled=False))
    put(mirror, entry_id(10), site("external.test.tux"))
    put(mirror, entry_id(11), Record("zone", domains=("test.tux",)))
    put(mirror, ANNA, anna(PARIS))
    with mirror.snapshot() as snapshot:
        assert snapshot.counts() == Counts(entries=4, users=2, addresses=1, sites=1, former=1)
        assert snapshot.domains() == ["test.tux"]
        assert snapshot.route_domains() == ["paris.test.tux"]
        assert [each.domains for each in snapshot.sites()] == [("external.test.tux",)]


def test_more_rows_than_a_batch(mirror: Mirror) -> None:
    with mirror.transaction(1.0) as txn:
        for number in range(3001):
            txn.put(entry_id(1000 + number), site(f"s{number}.test.tux"))
    with mirror.snapshot() as snapshot:
        assert len(snapshot.sites()) == len(set(snapshot.sites())) == 3001
        assert len(set(snapshot.ids())) == 3002


def test_a_snapshot_that_was_left_is_of_no_use(mirror: Mirror) -> None:
    with mirror.snapshot() as snapshot:
        pass
    with pytest.raises(StoreError):
        snapshot.owners("anna@test.tux")
    with pytest.raises(StoreError):
        list(snapshot.ids())
    with pytest.raises(StoreError):
        snapshot.counts()


def test_an_index_can_be_walked_in_order(mirror: Mirror) -> None:
    put(mirror, BOB, user("bob", "bob@test.tux", "Ölga@test.tux", "@test.tux", "x" * 600, logins=("bob",)))
    put(mirror, ANNA, anna(PARIS))
    with mirror.snapshot() as snapshot:
        assert list(snapshot.keys("addresses")) == [
            "@test.tux",
            "anna@test.tux",
            "bob@test.tux",
            "ölga@test.tux",
        ]
        assert list(snapshot.keys("routes")) == [PARIS]
        assert list(snapshot.keys("former")) == [EXTERNAL]
        assert list(snapshot.keys("logins")) == ["anna", "bob"]


def test_nothing_is_walked_where_nothing_is(tmp_path: Path) -> None:
    with open_mirror(tmp_path / "none", writable=False) as mirror, mirror.snapshot() as snapshot:
        assert list(snapshot.keys("addresses")) == []
