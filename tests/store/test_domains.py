"""Which domains are known: those in use, and those that were a site's and still matter."""

from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path

import pytest

from colocroute.store.mirror import Mirror
from colocroute.store.transaction import Transaction
from tests.lab.mirror import ANNA, BOB, anna, entry_id, open_mirror, put, remove, site, topology, user

SITE, ALIKE, ZONE = entry_id(31), entry_id(32), entry_id(33)
INTERNAL = "mail.internal"
HOME, AWAY = f"anna@{INTERNAL}", "anna@paris.test.tux"


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    with open_mirror(tmp_path) as mirror:
        with mirror.transaction(1.0) as txn:
            txn.put(SITE, site(INTERNAL))
            txn.put(ANNA, anna(HOME))
            txn.update_meta(complete=True)
        yield mirror


def former_sites(mirror: Mirror) -> list[str]:
    with mirror.snapshot() as snapshot:
        return snapshot.former_sites()


def rows(mirror: Mirror) -> list[bytes]:
    """The keys of everything that is known of domains."""
    attached = mirror._attached
    assert attached is not None
    with attached.environment.begin() as txn:
        return [key for key, _ in txn.cursor(attached.databases.domains)]


def forget(mirror: Mirror) -> None:
    with mirror.transaction(99.0) as txn:
        txn.expire(former_after=0.0, removed_after=0.0)


def test_a_site_whose_transport_goes_is_known_as_long_as_routes_point_into_it(mirror: Mirror) -> None:
    assert former_sites(mirror) == []
    before = topology(mirror)
    assert remove(mirror, SITE) is True, "lost all the same"
    assert former_sites(mirror) == [INTERNAL]
    assert topology(mirror) == before + 1
    before = topology(mirror)
    put(mirror, ANNA, anna(AWAY))
    assert former_sites(mirror) == [], "a former route is no reason"
    assert topology(mirror) == before + 1
    forget(mirror)
    assert rows(mirror) == [b"rparis.test.tux"]


def test_a_site_that_nobody_routes_to_is_forgotten_with_its_transport(mirror: Mirror) -> None:
    put(mirror, ANNA, anna(AWAY))
    forget(mirror)
    remove(mirror, SITE)
    assert former_sites(mirror) == []
    put(mirror, ANNA, anna(HOME))
    assert former_sites(mirror) == [], "a route alone makes no site"


def test_a_transport_that_comes_again_is_a_site(mirror: Mirror) -> None:
    remove(mirror, SITE)
    put(mirror, ALIKE, site(INTERNAL))
    assert former_sites(mirror) == []
    remove(mirror, ALIKE)
    assert former_sites(mirror) == [INTERNAL]


def test_one_transport_of_two_is_no_former_site(mirror: Mirror) -> None:
    put(mirror, ALIKE, site(INTERNAL, "smtp:[10.9.0.1]"))
    remove(mirror, SITE)
    assert former_sites(mirror) == []


Step = Callable[[Transaction], object]
STEPS: dict[str, Step] = {
    "site": lambda txn: txn.remove(SITE, keep=True),
    "user": lambda txn: txn.remove(ANNA, keep=True),
    "move": lambda txn: txn.put(ANNA, anna(AWAY)),
    "bob": lambda txn: txn.put(BOB, user("bob", routes=(f"bob@{INTERNAL}",))),
    "new": lambda txn: txn.put(ALIKE, site(INTERNAL)),
    "forget": lambda txn: txn.expire(former_after=-97.0),
    "restore": lambda txn: txn.restore_removed(),
}


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    ("steps", "known"),
    [
        ("site", True),
        ("site user", False),
        ("user site", False),
        ("site move", False),
        ("move site", False),
        ("site user forget", False),
        ("user site forget", False),
        ("site bob user", True),
        ("bob site user", True),
        ("user bob site", True),
        ("site new", False),
        ("new site", False),
        ("site restore", False),
        ("site user restore", False),
        ("user site restore", False),
    ],
)
def test_the_order_does_not_matter(mirror: Mirror, steps: str, known: bool, at_once: bool) -> None:
    if at_once:
        with mirror.transaction(2.0) as txn:
            for step in steps.split():
                STEPS[step](txn)
            assert txn.former_sites() == [INTERNAL] * known
    else:
        for step in steps.split():
            with mirror.transaction(2.0) as txn:
                STEPS[step](txn)
    assert former_sites(mirror) == [INTERNAL] * known
    with mirror.snapshot() as snapshot:
        is_site = any(INTERNAL in one.domains for one in snapshot.sites())
    assert (b"s" + INTERNAL.encode() in rows(mirror)) == (known or is_site)


def test_a_route_and_a_transport_that_go_at_once_after_another_route_came(mirror: Mirror) -> None:
    with mirror.transaction(2.0) as txn:
        txn.remove(ANNA, keep=False)
        txn.remove(SITE, keep=False)
        txn.expire(former_after=-97.0, removed_after=-97.0)
        assert txn.former_sites() == []
        txn.put(BOB, user("bob", routes=(f"bob@{INTERNAL}",)))
    assert former_sites(mirror) == [INTERNAL]


def test_a_transport_that_is_lost_is_kept_aside_whatever_routes_there_are(mirror: Mirror) -> None:
    remove(mirror, SITE)
    put(mirror, ALIKE, site(INTERNAL))
    assert remove(mirror, ALIKE) is True
    with mirror.transaction(3.0) as txn:
        assert txn.removed_within(inf) == 2
        assert txn.restore_removed() == 1


def test_a_trip_leaves_no_trace(mirror: Mirror) -> None:
    before, kept = topology(mirror), rows(mirror)
    with mirror.transaction(5.0) as txn:
        txn.remove(SITE, keep=True)
        txn.remove(ANNA, keep=True)
        assert txn.topology_changed
        assert txn.restore_removed() == 2
        assert not txn.topology_changed
    assert (topology(mirror), rows(mirror)) == (before, kept)


def test_a_name_too_long_for_a_key_is_known_too(mirror: Mirror) -> None:
    long = "x" * 600
    put(mirror, ALIKE, site(long))
    put(mirror, BOB, user("bob", routes=(f"b@{long}",)))
    remove(mirror, ALIKE)
    assert former_sites(mirror) == [long]
