"""Moves, and removals kept aside (DESIGN.md section 4); the property test has the breadth."""

from collections.abc import Iterator
from math import inf
from pathlib import Path

import pytest

from colocroute.store.meta import Held
from colocroute.store.mirror import Mirror
from tests.lab.mirror import (
    ANNA,
    ANNA_RELOADED,
    BOB,
    EXTERNAL,
    PARIS,
    ROME,
    anna,
    entry_id,
    former,
    open_mirror,
    owners,
    put,
    remove,
    topology,
    user,
)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    with open_mirror(tmp_path) as mirror:
        yield mirror


def test_who_moves_is_found_by_the_former_route(mirror: Mirror) -> None:
    put(mirror, ANNA, anna(EXTERNAL))
    put(mirror, ANNA, anna(PARIS))
    assert former(mirror, EXTERNAL) == [PARIS]
    put(mirror, ANNA, anna(ROME))
    assert former(mirror, EXTERNAL) == former(mirror, PARIS) == [ROME]


def test_who_moves_back_has_no_former_route_there(mirror: Mirror) -> None:
    put(mirror, ANNA, anna(EXTERNAL))
    put(mirror, ANNA, anna(PARIS))
    put(mirror, ANNA, anna(EXTERNAL))
    assert former(mirror, EXTERNAL) == []
    assert former(mirror, PARIS) == [EXTERNAL]


def test_a_former_route_that_is_somebodys_is_theirs(mirror: Mirror) -> None:
    put(mirror, ANNA, anna(EXTERNAL))
    put(mirror, ANNA, anna(PARIS))
    put(mirror, BOB, user("bob", "bob@test.tux", routes=(EXTERNAL,)))
    assert former(mirror, EXTERNAL) == []
    put(mirror, BOB, user("bob", "bob@test.tux", routes=(ROME,)))
    assert former(mirror, EXTERNAL) == [ROME], "the last who left it"


def test_a_shared_route_is_former_when_the_last_leaves(mirror: Mirror) -> None:
    put(mirror, ANNA, anna(EXTERNAL))
    put(mirror, BOB, user("bob", "bob@test.tux", routes=(EXTERNAL,)))
    put(mirror, ANNA, anna(PARIS))
    assert former(mirror, EXTERNAL) == []
    put(mirror, BOB, user("bob", "bob@test.tux", routes=(ROME,)))
    assert former(mirror, EXTERNAL) == [ROME]


def test_the_domain_of_a_former_route_is_known_as_long_as_that_is(mirror: Mirror) -> None:
    put(mirror, ANNA, anna(EXTERNAL), 100.0)
    put(mirror, BOB, user("bob", routes=("bob@external.test.tux",)), 100.0)
    with mirror.snapshot() as snapshot:
        assert snapshot.former_domains() == []
    put(mirror, ANNA, anna(PARIS), 200.0)
    put(mirror, BOB, user("bob", routes=("bob@paris.test.tux",)), 300.0)
    with mirror.snapshot() as snapshot:
        assert snapshot.former_domains() == ["external.test.tux"]
        assert snapshot.route_domains() == ["paris.test.tux"]
    for after, left, moved in ((650.0, ["external.test.tux"], 0), (550.0, [], 1)):
        number = topology(mirror)
        with mirror.transaction(900.0) as txn:
            txn.expire(former_after=after)
        with mirror.snapshot() as snapshot:
            assert snapshot.former_domains() == left
        assert topology(mirror) == number + moved


def test_a_former_route_expires(mirror: Mirror) -> None:
    put(mirror, ANNA, anna(EXTERNAL), 100.0)
    put(mirror, ANNA, anna(PARIS), 200.0)
    for after, left in ((700.0, [PARIS]), (699.5, [])):
        with mirror.transaction(900.0) as txn:
            txn.expire(former_after=after)
        assert former(mirror, EXTERNAL) == left


def test_a_disabled_user_is_found_by_nothing_and_again_when_enabled(mirror: Mirror) -> None:
    put(mirror, ANNA, anna(EXTERNAL))
    put(mirror, ANNA, anna(PARIS, enabled=False))
    with mirror.snapshot() as snapshot:
        assert snapshot.owners("anna@test.tux") == []
        assert snapshot.residents(PARIS) == snapshot.residents(EXTERNAL) == []
        assert snapshot.users_by_login("anna") == []
        assert snapshot.route_domains() == []
    assert former(mirror, EXTERNAL) == []
    put(mirror, ANNA, anna(PARIS))
    assert owners(mirror) == [PARIS]
    assert former(mirror, EXTERNAL) == [PARIS]


@pytest.mark.parametrize("new_first", [True, False])
def test_an_entry_reloaded_under_a_new_id_with_another_route_keeps_the_former_one(
    mirror: Mirror, new_first: bool
) -> None:
    put(mirror, ANNA, anna(EXTERNAL))
    if new_first:
        put(mirror, ANNA_RELOADED, anna(PARIS))
        remove(mirror, ANNA)
    else:
        remove(mirror, ANNA)
        put(mirror, ANNA_RELOADED, anna(PARIS))
    assert former(mirror, EXTERNAL) == [PARIS]


def test_a_former_route_outlives_a_reload_of_the_entry(mirror: Mirror) -> None:
    put(mirror, ANNA, anna(EXTERNAL))
    put(mirror, ANNA, anna(PARIS))
    put(mirror, ANNA_RELOADED, anna(PARIS))
    remove(mirror, ANNA)
    assert former(mirror, EXTERNAL) == [PARIS]


def test_who_moved_under_a_new_id_is_found_whatever_becomes_of_the_address(mirror: Mirror) -> None:
    put(mirror, ANNA, anna(EXTERNAL))
    put(mirror, ANNA_RELOADED, anna(PARIS))
    remove(mirror, ANNA)
    put(mirror, ANNA_RELOADED, anna(PARIS, addresses=("anna.smith@test.tux",)))
    assert former(mirror, EXTERNAL) == [PARIS]


def test_the_address_that_leads_to_a_reloaded_entry_is_the_one_it_moved_with(mirror: Mirror) -> None:
    put(mirror, ANNA, anna(EXTERNAL))
    put(mirror, ANNA, anna(PARIS, addresses=("anna.smith@test.tux",)))
    remove(mirror, ANNA)
    put(mirror, ANNA_RELOADED, anna(PARIS, addresses=("anna.smith@test.tux",)))
    assert former(mirror, EXTERNAL) == [PARIS]


def test_a_former_route_is_nobodys_when_its_address_has_two_owners(mirror: Mirror) -> None:
    put(mirror, ANNA, anna(EXTERNAL))
    remove(mirror, ANNA)
    put(mirror, ANNA_RELOADED, anna(PARIS))
    put(mirror, BOB, user("bob", "anna@test.tux", routes=(ROME,)))
    assert former(mirror, EXTERNAL) == []


def test_what_is_kept_aside_is_counted_within_a_window_and_put_back(mirror: Mirror) -> None:
    put(mirror, ANNA, anna(EXTERNAL))
    put(mirror, BOB, user("bob", "bob@test.tux"))
    remove(mirror, ANNA, 100.0)
    remove(mirror, BOB, 200.0)
    with mirror.transaction(300.0) as txn:
        assert [txn.removed_within(seconds) for seconds in (inf, 200.0, 199.5, 100.0, 99.0)] == [
            2,
            2,
            1,
            1,
            0,
        ]
        assert txn.removed_names(9) == ["uid=anna,dc=test,dc=tux", "uid=bob,dc=test,dc=tux"]
        assert txn.removed_names(1) == ["uid=anna,dc=test,dc=tux"]
        assert txn.restore_removed() == 2
        assert txn.removed_within(inf) == 0
    assert owners(mirror) == [EXTERNAL]
    assert former(mirror, EXTERNAL) == []


def test_a_removal_that_is_not_kept_cannot_be_put_back(mirror: Mirror) -> None:
    put(mirror, ANNA, anna())
    remove(mirror, ANNA, keep=False)
    with mirror.transaction(2.0) as txn:
        assert txn.removed_within(inf) == 0
        assert txn.restore_removed() == 0
    assert owners(mirror) == []


def test_an_entry_that_comes_again_is_not_missed_any_more(mirror: Mirror) -> None:
    put(mirror, ANNA, anna(EXTERNAL))
    remove(mirror, ANNA, 100.0)
    put(mirror, ANNA, anna(PARIS), 200.0)
    with mirror.transaction(300.0) as txn:
        assert txn.removed_within(inf) == 0
        assert txn.restore_removed() == 0
    assert owners(mirror) == [PARIS]


def test_what_others_serve_by_now_is_not_put_back(mirror: Mirror) -> None:
    """Else an entry reloaded under a new id would own its address twice, with two routes."""
    put(mirror, ANNA, anna(EXTERNAL))
    remove(mirror, ANNA, 100.0)
    put(mirror, ANNA_RELOADED, anna(PARIS), 200.0)
    with mirror.transaction(300.0) as txn:
        assert txn.restore_removed() == 0
    assert owners(mirror) == [PARIS]


def test_what_is_not_lost_is_not_kept(mirror: Mirror) -> None:
    put(mirror, ANNA, anna())
    put(mirror, ANNA_RELOADED, anna(PARIS))
    remove(mirror, ANNA)
    with mirror.transaction(2.0) as txn:
        assert txn.removed_within(inf) == 0
        assert txn.removed_names(9) == []


def test_of_two_that_serve_the_same_the_last_removed_is_put_back(mirror: Mirror) -> None:
    put(mirror, ANNA, anna(EXTERNAL))
    remove(mirror, ANNA, 100.0)
    put(mirror, ANNA_RELOADED, anna(PARIS))
    remove(mirror, ANNA_RELOADED, 200.0)
    with mirror.transaction(300.0) as txn:
        assert txn.removed_within(inf) == 2
        assert txn.restore_removed() == 1
        assert txn.removed_within(inf) == 0
    assert owners(mirror) == [PARIS]


def test_kept_records_expire(mirror: Mirror) -> None:
    put(mirror, ANNA, anna(), 100.0)
    remove(mirror, ANNA, 200.0)
    for after, left in ((100.0, 1), (99.9, 0)):
        with mirror.transaction(300.0) as txn:
            txn.expire(removed_after=after)
            assert txn.removed_within(inf) == left


def test_a_trip_inside_one_transaction_leaves_no_trace(mirror: Mirror) -> None:
    """As the guard does it: remove, see that it is too much, put back, hold."""
    for number in range(100):
        put(
            mirror,
            entry_id(number),
            user(f"u{number}", f"u{number}@test.tux", routes=(f"u{number}@ext.tux",)),
        )
    with mirror.snapshot() as snapshot:
        before = dict(snapshot.records())
    with mirror.transaction(5.0) as txn:
        assert all(txn.remove(entry_id(number), keep=True) for number in range(100))
        assert txn.counts().entries == 0
        assert txn.restore_removed() == 100
        txn.update_meta(held=Held(5.0, "too many", 100, ("uid=u0",)), cookie=b"")
        assert not txn.topology_changed
    with mirror.snapshot() as snapshot:
        assert dict(snapshot.records()) == before
        assert snapshot.counts().former == 0
        assert snapshot.meta().held == Held(5.0, "too many", 100, ("uid=u0",))
