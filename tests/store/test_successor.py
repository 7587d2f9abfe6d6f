"""Who is known again under another id, and who is not: a deleted user's mail is nobody else's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from colocroute.model import Record
from colocroute.store.mirror import Mirror
from tests.lab.mirror import BOB, EXTERNAL, PARIS, anna, entry_id, former, open_mirror, put, remove, user

DORA, DORA_RELOADED, CARLA = (entry_id(number) for number in (21, 22, 23))
LEFT = "dora@external.test.tux"
INFO, OWN, SMITH = "info@test.tux", "dora@test.tux", "d.smith@test.tux"


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    with open_mirror(tmp_path) as mirror:
        yield mirror


def dora(*addresses: str, route: str = LEFT, login: str = "dora") -> Record:
    return user("dora", *addresses, routes=(route,), logins=(login,) if login else ())


def carla(*addresses: str, login: str = "carla") -> Record:
    logins = (login,) if login else ()
    return user("carla", "carla@test.tux", *addresses, routes=("carla@paris.test.tux",), logins=logins)


def change(mirror: Mirror, new: dict[bytes, Record], gone: list[bytes], order: str) -> None:
    """The new entries put and the others removed, in this order, in one transaction or in several."""
    steps = ["put", "remove"] if order.startswith("new first") else ["remove", "put"]
    if order.endswith("at once"):
        with mirror.transaction(2.0) as txn:
            for step in steps:
                for entry, record in new.items() if step == "put" else ():
                    txn.put(entry, record)
                for entry in gone if step == "remove" else ():
                    txn.remove(entry, keep=True)
        return
    for step in steps:
        for entry, record in new.items() if step == "put" else ():
            put(mirror, entry, record)
        for entry in gone if step == "remove" else ():
            remove(mirror, entry)


ORDERS = pytest.mark.parametrize(
    "order", ["new first", "old first", "new first, at once", "old first, at once"]
)


@ORDERS
@pytest.mark.parametrize(
    ("had", "has"),
    [
        ((OWN,), (OWN,)),
        ((INFO, OWN), (INFO, OWN)),
        ((INFO, OWN, SMITH), (SMITH,)),
        ((OWN,), (SMITH, OWN)),
    ],
)
def test_the_same_login_with_an_address_is_the_same_person(
    mirror: Mirror, had: tuple[str, ...], has: tuple[str, ...], order: str
) -> None:
    put(mirror, DORA, dora(*had))
    put(mirror, CARLA, carla(INFO))
    change(mirror, {DORA_RELOADED: dora(*has, route="dora@rome.test.tux")}, [DORA], order)
    assert former(mirror, LEFT) == ["dora@rome.test.tux"]


@ORDERS
def test_without_a_login_the_same_dn_with_an_address_is(mirror: Mirror, order: str) -> None:
    put(mirror, DORA, dora(INFO, OWN, login=""))
    change(mirror, {DORA_RELOADED: dora(INFO, OWN, route="dora@rome.test.tux", login="")}, [DORA], order)
    assert former(mirror, LEFT) == ["dora@rome.test.tux"]


@ORDERS
@pytest.mark.parametrize("login", ["dora", ""])
@pytest.mark.parametrize("taker", ["carla", ""])
@pytest.mark.parametrize(
    ("had", "taken"),
    [
        ((INFO, OWN), (INFO,)),
        ((INFO, OWN), (OWN,)),
        ((OWN,), (OWN,)),
        ((INFO, OWN, SMITH), (INFO, OWN, SMITH)),
        ((), ()),
    ],
)
def test_who_takes_addresses_over_is_somebody_else(
    mirror: Mirror, had: tuple[str, ...], taken: tuple[str, ...], taker: str, login: str, order: str
) -> None:
    put(mirror, DORA, dora(*had, login=login))
    change(mirror, {CARLA: carla(*taken, login=taker)}, [DORA], order)
    assert former(mirror, LEFT) == []


def test_who_had_the_function_address_too_is_somebody_else(mirror: Mirror) -> None:
    put(mirror, DORA, dora(INFO, OWN))
    put(mirror, CARLA, carla(INFO))
    remove(mirror, DORA)
    assert former(mirror, LEFT) == []


def test_a_route_left_before_the_deletion_is_nobodys_either(mirror: Mirror) -> None:
    put(mirror, DORA, dora(INFO, OWN))
    put(mirror, DORA, dora(INFO, OWN, route="dora@rome.test.tux"))
    put(mirror, CARLA, carla(INFO, OWN))
    remove(mirror, DORA)
    assert former(mirror, LEFT) == former(mirror, "dora@rome.test.tux") == []


def test_a_new_person_of_the_same_dn_and_another_login_is_somebody_else(mirror: Mirror) -> None:
    put(mirror, DORA, dora(OWN))
    remove(mirror, DORA)
    put(mirror, DORA_RELOADED, dora(OWN, route="dora@rome.test.tux", login="dora2"))
    assert former(mirror, LEFT) == []


def test_the_login_alone_is_not_enough(mirror: Mirror) -> None:
    put(mirror, DORA, dora(OWN))
    remove(mirror, DORA)
    put(mirror, DORA_RELOADED, dora(SMITH, route="dora@rome.test.tux"))
    assert former(mirror, LEFT) == []


def test_one_of_several_logins_is_not_enough(mirror: Mirror) -> None:
    put(mirror, DORA, user("dora", INFO, routes=(LEFT,), logins=("dora", "office")))
    remove(mirror, DORA)
    put(mirror, CARLA, carla(INFO, login="office"))
    assert former(mirror, LEFT) == []


def test_of_two_that_might_be_the_same_nobody_is(mirror: Mirror) -> None:
    put(mirror, DORA, dora(OWN, SMITH))
    remove(mirror, DORA)
    put(mirror, DORA_RELOADED, dora(OWN, route="dora@rome.test.tux"))
    assert former(mirror, LEFT) == ["dora@rome.test.tux"]
    put(mirror, CARLA, carla(SMITH, login="dora"))
    assert former(mirror, LEFT) == []


def test_reloaded_twice_is_the_same_person_still(mirror: Mirror) -> None:
    put(mirror, DORA, dora(OWN))
    put(mirror, DORA, dora(OWN, SMITH, route="dora@rome.test.tux"))
    for before, after in ((DORA, DORA_RELOADED), (DORA_RELOADED, BOB)):
        remove(mirror, before)
        put(mirror, after, dora(OWN, route="dora@rome.test.tux"))
        assert former(mirror, LEFT) == ["dora@rome.test.tux"]


def test_who_was_disabled_first_is_known_again(mirror: Mirror) -> None:
    put(mirror, DORA, anna(EXTERNAL))
    put(mirror, DORA, anna(EXTERNAL, enabled=False))
    remove(mirror, DORA)
    put(mirror, DORA_RELOADED, anna(PARIS))
    assert former(mirror, EXTERNAL) == [PARIS]


NAMED = b"cn=john smith,dc=test"


def john(login: str, *addresses: str, route: str) -> Record:
    return user("john", *addresses, routes=(route,), logins=(login,) if login else ())


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(("login", "other"), [("js", "js2"), ("", ""), ("js", ""), ("", "js2")])
def test_another_of_the_same_name_is_somebody_else(
    mirror: Mirror, login: str, other: str, at_once: bool
) -> None:
    """Where there are no entryUUIDs the name is the id; a poll may find the one in place of the other."""
    put(mirror, NAMED, john(login, "john@test.tux", route=EXTERNAL))
    if not at_once:
        remove(mirror, NAMED)
    put(mirror, NAMED, john(other, "j.smith@test.tux", route=PARIS), now=2.0)
    assert former(mirror, EXTERNAL) == []


@pytest.mark.parametrize("login", ["js", ""])
def test_who_moves_under_the_same_name_is_known(mirror: Mirror, login: str) -> None:
    put(mirror, NAMED, john(login, "john@test.tux", route=EXTERNAL))
    put(mirror, NAMED, john(login, "john@test.tux", "j.smith@test.tux", route=PARIS), now=2.0)
    assert former(mirror, EXTERNAL) == [PARIS]
