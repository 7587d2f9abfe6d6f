"""The users that share a key, read from the first on as somebody goes through them.

Owns how many are read ahead.  Rule: thousands may share a key and the first few decide most answers, so who goes
through few has few read.  Must not know how a user is read, nor what the users are asked for.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import overload

from colocroute.model import User
from colocroute.store.layout import owner_at

_AT_FIRST = 2  # users; as many again as there are each time more are wanted


class Sharers(Sequence[User]):
    """The users of an index value of `number` owners; `read` gives the users of some inner ids, in their order."""

    __slots__ = ("_number", "_read", "_users", "_value")

    def __init__(self, value: bytes, number: int, read: Callable[[list[bytes]], list[User]]) -> None:
        self._value = value
        self._number = number
        self._read = read
        self._users: list[User] = []

    def __len__(self) -> int:
        return self._number

    def __iter__(self) -> Iterator[User]:
        users = self._users
        for number in range(self._number):
            if number == len(users):
                self._read_more()
            yield users[number]

    @overload
    def __getitem__(self, at: int) -> User: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[User]: ...
    def __getitem__(self, at: int | slice) -> User | Sequence[User]:
        numbers = range(self._number)[at]
        if isinstance(numbers, int):
            return next(islice(self, numbers, None))
        return list(self)[at]

    def _read_more(self) -> None:
        begin = len(self._users)
        end = min(2 * begin or _AT_FIRST, self._number)
        self._users += self._read([owner_at(self._value, number) for number in range(begin, end)])
