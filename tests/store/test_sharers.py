"""Users that are read as somebody goes through them."""

import pytest

from colocroute.errors import StoreError
from colocroute.model import User
from colocroute.store.layout import with_owners
from colocroute.store.sharers import Sharers

NUMBER = 11


def person(number: int) -> User:
    """A user by his number."""
    return User((), (), (str(number),), "", "", True)


class Shelf:
    """Users by inner id; notes which were read."""

    def __init__(self) -> None:
        self.read: list[int] = []
        self.broken = False

    def __call__(self, inners: list[bytes]) -> list[User]:
        if self.broken:
            raise StoreError("broken")
        numbers = [int.from_bytes(inner, "big") for inner in inners]
        self.read += numbers
        return [person(number) for number in numbers]

    def sharers(self) -> Sharers:
        inners = [number.to_bytes(16, "big") for number in range(NUMBER)]
        return Sharers(with_owners(None, inners), NUMBER, self)


def test_all_are_read_once_and_in_order() -> None:
    shelf = Shelf()
    users = shelf.sharers()
    for _ in range(2):
        assert list(users) == list(map(person, range(NUMBER)))
        assert shelf.read == list(range(NUMBER))


def test_two_who_go_through_them_at_once_see_the_same() -> None:
    users = Shelf().sharers()
    assert [one is other for one, other in zip(users, users, strict=True)] == [True] * NUMBER


def test_as_few_are_read_as_are_wanted() -> None:
    shelf = Shelf()
    users = shelf.sharers()
    assert users
    assert len(users) == NUMBER
    assert shelf.read == []
    for number, user in enumerate(users):
        assert user == person(number)
        assert len(shelf.read) <= max(2, 2 * number)


@pytest.mark.parametrize(
    "at", [0, 1, 5, 10, -1, -11, slice(2), slice(3, 9, 2), slice(None, None, -1), slice(20)]
)
def test_it_is_a_sequence(at: int | slice) -> None:
    assert Shelf().sharers()[at] == list(map(person, range(NUMBER)))[at]


@pytest.mark.parametrize("at", [11, -12])
def test_there_is_none_beyond(at: int) -> None:
    with pytest.raises(IndexError):
        Shelf().sharers()[at]


def test_what_could_not_be_read_is_an_error_each_time() -> None:
    shelf = Shelf()
    users = shelf.sharers()
    shelf.broken = True
    for _ in range(2):
        with pytest.raises(StoreError):
            list(users)
    shelf.broken = False
    assert len(list(users)) == NUMBER
