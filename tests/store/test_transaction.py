"""A transaction as a whole; what records do is in the tests of `derived` and `leavings`."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from colocroute.store.layout import DATABASES
from colocroute.store.mirror import Mirror
from tests.lab.mirror import (
    ANNA,
    EXTERNAL,
    PARIS,
    ROME,
    anna,
    entry_id,
    open_mirror,
    put,
    remove,
    site,
    user,
)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    with open_mirror(tmp_path) as mirror:
        yield mirror


def test_an_identical_record_is_no_change(mirror: Mirror) -> None:
    assert put(mirror, ANNA, anna())
    stamp = mirror.pulse.stamp()
    assert not put(mirror, ANNA, anna())
    assert mirror.pulse.stamp() == stamp
    assert put(mirror, ANNA, msgspec.structs.replace(anna(), dn="uid=anna,ou=moved")), "a DN may change alone"


def test_everything_may_be_removed_while_ids_are_iterated(mirror: Mirror) -> None:
    with mirror.transaction(1.0) as txn:
        for number in range(2500):
            txn.put(entry_id(number), user(f"u{number}"))
    with mirror.transaction(1.0) as txn:
        assert sum(txn.remove(each, keep=False) is not None for each in txn.ids()) == 2500
        assert txn.counts().entries == 0


def test_a_transaction_sees_its_own_changes_and_others_do_not_yet(mirror: Mirror) -> None:
    with mirror.transaction(1.0) as txn:
        txn.put(ANNA, anna())
        txn.update_meta(cookie=b"new")
        assert len(txn.owners("anna@test.tux")) == 1
        assert txn.meta().cookie == b"new"
        assert txn.counts().users == txn.counts().entries == 1
        with mirror.snapshot() as snapshot:
            assert snapshot.owners("anna@test.tux") == []
            assert snapshot.meta().cookie == b""


@pytest.mark.parametrize("field", ["generation", "topology", "changed", "users", "no_such_field"])
def test_fields_that_are_not_the_callers_are_refused(mirror: Mirror, field: str) -> None:
    with mirror.transaction(1.0) as txn, pytest.raises(TypeError):
        txn.update_meta(**{field: 1})


def test_the_generation_counts_changes_of_entries(mirror: Mirror) -> None:
    for number in range(3):
        put(mirror, entry_id(number), user(f"u{number}"), 10.0 + number)
    with mirror.transaction(20.0) as txn:
        txn.update_meta(cookie=b"x")
    with mirror.snapshot() as snapshot:
        assert snapshot.meta().generation == 3
        assert snapshot.meta().changed == 12.0


def test_nothing_is_left_of_what_is_removed_and_forgotten(mirror: Mirror) -> None:
    entries = {
        ANNA: msgspec.structs.replace(anna(EXTERNAL), domains=("test.tux",)),
        b"uid=bob,dc=test": user("bob", "anna@test.tux", routes=(PARIS,), logins=("bob",)),
        b"cn=external": site("external.test.tux"),
    }
    for entry, record in entries.items():
        put(mirror, entry, record)
    put(mirror, ANNA, anna(ROME))
    for number, entry in enumerate(entries):
        remove(mirror, entry, float(number))
    with mirror.transaction(99.0) as txn:
        txn.expire(former_after=0.0, removed_after=0.0)
    attached = mirror._attached
    assert attached is not None
    with attached.environment.begin() as raw:
        left = {name: raw.stat(getattr(attached.databases, name))["entries"] for name in DATABASES}
    assert {name for name, number in left.items() if number} == {"meta"}
    with mirror.snapshot() as snapshot:
        assert snapshot.meta().users == 0
