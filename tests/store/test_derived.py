"""What follows from the records: what a removal loses, and when the topology changes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colocroute.model import Record, SiteEntry
from colocroute.store import layout
from colocroute.store.mirror import Mirror
from tests.lab.mirror import (
    ANNA,
    ANNA_RELOADED,
    BOB,
    EXTERNAL,
    PARIS,
    anna,
    entry_id,
    open_mirror,
    owners,
    put,
    remove,
    site,
    topology,
    user,
)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    with open_mirror(tmp_path) as mirror:
        yield mirror


def test_a_removed_user_is_lost(mirror: Mirror) -> None:
    put(mirror, ANNA, anna())
    assert remove(mirror, ANNA) is True
    assert owners(mirror) == []
    assert remove(mirror, ANNA) is None


def test_one_whose_every_address_has_another_owner_is_not_lost(mirror: Mirror) -> None:
    put(mirror, ANNA, anna())
    put(mirror, ANNA_RELOADED, anna(PARIS))
    assert owners(mirror) == [EXTERNAL, PARIS]
    assert remove(mirror, ANNA) is False
    assert owners(mirror) == [PARIS]


def test_one_with_an_address_nobody_else_has_is_lost(mirror: Mirror) -> None:
    put(mirror, ANNA, anna(addresses=("anna@test.tux", "a.smith@test.tux")))
    put(mirror, ANNA_RELOADED, anna(PARIS))
    assert remove(mirror, ANNA) is True


def test_a_disabled_owner_is_no_other_owner(mirror: Mirror) -> None:
    put(mirror, ANNA, anna())
    put(mirror, ANNA_RELOADED, anna(PARIS, enabled=False))
    assert remove(mirror, ANNA) is True
    assert remove(mirror, ANNA_RELOADED) is False, "nobody could ask for a disabled user"


@pytest.mark.parametrize(
    ("record", "other"),
    [
        (site("external.test.tux"), site("paris.test.tux")),
        (Record("zone", domains=("test.tux",)), Record("zone", domains=("other.tux",))),
        (user("x", routes=(EXTERNAL,)), user("x", routes=(PARIS,))),
        (user("x", logins=("x",)), user("x", logins=("y",))),
        (
            Record("c", site=SiteEntry(("external.test.tux", "paris.test.tux"), ())),
            site("external.test.tux"),
        ),
    ],
)
def test_a_record_without_addresses_is_lost_unless_another_serves_the_same(
    mirror: Mirror, record: Record, other: Record
) -> None:
    put(mirror, ANNA, record)
    put(mirror, BOB, other)
    assert remove(mirror, ANNA) is True
    put(mirror, ANNA, record)
    put(mirror, ANNA_RELOADED, record)
    assert remove(mirror, ANNA) is False


def test_a_removal_tells_the_record(mirror: Mirror) -> None:
    put(mirror, ANNA, anna())
    with mirror.transaction(1.0) as txn:
        removal = txn.remove(ANNA, keep=False)
    assert removal is not None
    assert removal.record == anna()


def test_the_topology_changes_with_sites_domains_routes_and_whereabouts_only(mirror: Mirror) -> None:
    put(mirror, ANNA, anna(EXTERNAL))
    changing: list[tuple[bytes, Record]] = [
        (ANNA, anna(PARIS)),
        (entry_id(10), site("external.test.tux")),
        (entry_id(10), site("external.test.tux", "smtp:[10.9.9.9]")),
        (entry_id(11), Record("zone", domains=("test.tux",))),
    ]
    for entry, record in changing:
        before = topology(mirror)
        put(mirror, entry, record)
        assert topology(mirror) == before + 1, record
    for entry, record in (
        (BOB, user("bob", "bob@test.tux", routes=("bob@paris.test.tux",))),
        (BOB, user("bob", "robert@test.tux", routes=("robert@paris.test.tux",))),
        (entry_id(12), Record("the same again", domains=("test.tux",))),
        (ANNA, anna(PARIS, addresses=("other@test.tux",))),
    ):
        before = topology(mirror)
        put(mirror, entry, record)
        assert topology(mirror) == before, record
    for changes, moved in (
        ({"here": ("paris.test.tux",)}, 1),
        ({"here": ("paris.test.tux",)}, 0),
        ({"servers": ("10.2.0.1",)}, 1),
        ({"cookie": b"next", "refreshed": 9.0, "differences": 1}, 0),
    ):
        before = topology(mirror)
        with mirror.transaction(1.0) as txn:
            txn.update_meta(**changes)
        assert topology(mirror) == before + moved, changes
    assert mirror.pulse.topology() == topology(mirror)


def test_the_topology_stays_when_a_site_is_reloaded_under_a_new_id(mirror: Mirror) -> None:
    put(mirror, entry_id(10), site("external.test.tux"))
    before = topology(mirror)
    with mirror.transaction(1.0) as txn:
        txn.put(entry_id(11), site("external.test.tux"))
        assert txn.topology_changed
        txn.remove(entry_id(10), keep=False)
        assert not txn.topology_changed
    assert topology(mirror) == before


def direct(mirror: Mirror, address: str = "anna@test.tux", route: str = EXTERNAL) -> tuple[bytes, bytes]:
    """What the rows of an address and of a route address answer without a look at the user."""
    with mirror.snapshot() as snapshot:
        return snapshot.direct_owner(address.encode()), snapshot.direct_resident(route.encode())


def test_the_rows_follow_a_move_though_the_address_stays(mirror: Mirror) -> None:
    put(mirror, ANNA, anna())
    assert direct(mirror) == (EXTERNAL.encode(), EXTERNAL.encode())
    put(mirror, ANNA, anna(PARIS))
    assert direct(mirror, route=PARIS) == (PARIS.encode(), PARIS.encode())
    assert direct(mirror)[1] == b""


def test_a_row_of_two_owners_answers_nothing(mirror: Mirror) -> None:
    put(mirror, ANNA, anna())
    put(mirror, ANNA_RELOADED, anna(PARIS))
    assert direct(mirror) == (b"", EXTERNAL.encode())
    put(mirror, ANNA_RELOADED, anna(PARIS, enabled=False))
    assert direct(mirror)[0] in (b"", EXTERNAL.encode())
    assert owners(mirror) == [EXTERNAL]


def test_a_row_whose_user_has_more_routes_answers_nothing(mirror: Mirror) -> None:
    put(mirror, ANNA, anna())
    put(mirror, ANNA, user("anna", "anna@test.tux", routes=(EXTERNAL, PARIS), logins=("anna",)))
    assert direct(mirror) == (b"", b"")


SHARERS = 1024


def shared(number: int, route: str = EXTERNAL) -> Record:
    """One of those who share an address."""
    return user(f"u{number}", f"u{number}@test.tux", "all@test.tux", routes=(route,))


@pytest.fixture
def crowd(mirror: Mirror) -> Mirror:
    """A mirror in which many share an address."""
    with mirror.transaction(1.0) as txn:
        txn.load([(entry_id(number), shared(number)) for number in range(SHARERS)])
    return mirror


def test_one_who_comes_or_goes_has_few_of_the_others_looked_at(
    crowd: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[int] = []
    owner_at = layout.owner_at

    def noted(value: bytes, number: int) -> bytes:
        looked_at.append(number)
        return owner_at(value, number)

    monkeypatch.setattr(layout, "owner_at", noted)
    put(crowd, entry_id(SHARERS), shared(SHARERS))
    remove(crowd, entry_id(500))
    assert 0 < len(looked_at) < 100
    with crowd.snapshot() as snapshot:
        left = [shared(number).user for number in range(SHARERS + 1) if number != 500]
        assert list(snapshot.owners("all@test.tux")) == left


def test_the_row_that_many_share_is_not_written_for_one_who_moves(crowd: Mirror) -> None:
    with crowd.transaction(2.0) as txn:
        derived, written = txn._derived, []

        class Recorder:
            """The LMDB transaction, whose puts are noted."""

            def __getattr__(self, name: str) -> Any:
                return getattr(txn._txn, name)

            def put(self, key: bytes, value: bytes, db: Any) -> None:
                written.append(key)
                txn._txn.put(key, value, db=db)

        derived._txn = Recorder()  # type: ignore[assignment]  # stands in for what LMDB gives
        txn.put(entry_id(7), shared(7, PARIS))
        assert b"u7@test.tux" in written
        assert b"all@test.tux" not in written
