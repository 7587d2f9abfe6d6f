"""A connection to a directory that says what the test wants, at the times the test wants."""

from collections import deque
from collections.abc import Sequence

from colocroute.directory.link import Link, Search
from colocroute.directory.messages import Kind, Message, RawEntry, Result


class ScriptedLink(Link):
    """Remembers what is sent; `arrivals` are the next portions that are read, None for silence."""

    def __init__(self) -> None:
        self.sent: list[Search] = []
        self.arrivals: deque[list[Message] | None] = deque()
        self.answers: deque[tuple[list[RawEntry], int]] = deque()
        self.closed = False

    def send(self, search: Search) -> int:
        self.sent.append(search)
        return len(self.sent)

    def receive(self, timeout: float) -> Sequence[Message] | None:  # noqa: ARG002  time does not pass here
        return self.arrivals.popleft() if self.arrivals else None

    def ask(self, search: Search) -> tuple[list[RawEntry], Result]:
        self.sent.append(search)
        entries, code = self.answers.popleft()
        return entries, done(len(self.sent), code)

    def fileno(self) -> int:
        return -1 if self.closed else 7

    def close(self) -> None:
        self.closed = True


def done(message_id: int, code: int = 0, text: str = "") -> Result:
    """The end of a search."""
    return Result(message_id, Kind.SEARCH_DONE, code, "", text)


def entry(message_id: int, dn: bytes = b"dc=test,dc=tux", **attributes: list[bytes]) -> RawEntry:
    """An entry; the names of its attributes in lower case."""
    return RawEntry(message_id, dn, {name.encode(): values for name, values in attributes.items()})
