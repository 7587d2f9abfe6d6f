"""Sessions between the modelled directory and the state machine, over bytes, with everything that may happen.

Owns one session with its changes and losses, and what must hold of any sequence of events.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from colocroute.directory.cookie import parse
from colocroute.directory.events import Event, Present, RefreshBegin, RefreshDone
from colocroute.directory.messages import Kind, Message, RawEntry, Result, SearchReference
from colocroute.directory.reader import MessageReader
from colocroute.directory.syncrepl import SyncConsumer
from colocroute.errors import DirectoryError
from tests.lab.feeding import pieces
from tests.lab.ldapmessages import encode
from tests.lab.syncmodel import SEARCH, Choose, Directory, Mirror, to_entry

NOISE: list[Message] = [
    RawEntry(SEARCH + 1, b"o=x", {b"contextcsn": [b"x"]}),
    Result(SEARCH + 1, Kind.SEARCH_DONE, 0),
    SearchReference(SEARCH, (b"ldap://x",)),
]


def choices(data: bytes) -> Choose:
    """Choices out of bytes, all 0 when they are used up."""
    rest = iter(data)
    return lambda below: next(rest, 0) % below


class Lost(Exception):  # noqa: N818  what happens to a session, no error
    """The session is over before its time."""


class Session:
    """One search: messages go out as bytes and come back as events that the mirror applies."""

    def __init__(self, mirror: Mirror, cookie: bytes, choose: Choose) -> None:
        self.machine = SyncConsumer(SEARCH, cookie, to_entry)
        self._reader = MessageReader()
        self._mirror = mirror
        self._choose = choose

    def give(self, message: Message) -> None:
        """Sends a message, now and then among others, in two pieces."""
        data = encode(message)
        if self._choose(10) == 0:
            data = encode(NOISE[self._choose(len(NOISE))]) + data
        for piece in pieces(data, [self._choose(len(data))]):
            self._reader.feed(piece)
            for value in self._reader:
                for event in self.machine.feed(value):
                    self._mirror.apply(event)


def converse(directory: Directory, mirror: Mirror, choose: Choose, cuts: int) -> None:
    """One session: refresh, changes meanwhile and after; lost at a message with a chance of one in `cuts`."""
    cookie = mirror.cookie if choose(4) else b""
    only = choose(6) == 0
    session = Session(mirror, cookie, choose)

    def give(message: Message) -> None:
        if choose(cuts) == cuts - 1:
            mirror.drop()
            raise Lost
        session.give(message)

    try:
        for message in directory.refresh(cookie, only):
            give(message)
            for _ in range(choose(3)):
                directory.change()
        for _ in range(0 if only else choose(6)):
            for _ in range(choose(3)):
                directory.change()
            while directory.queue:
                give(directory.queue.pop(0))
            assert mirror.content == directory.content()
            assert parse(mirror.cookie) == directory.context
    except Lost:
        pass


def settle(directory: Directory, mirror: Mirror, choose: Choose) -> None:
    """A last session with nothing going on: whatever was committed before, it leads to the truth."""
    session = Session(mirror, mirror.cookie, choose)
    for message in directory.refresh(mirror.cookie, only=False):
        session.give(message)
    assert mirror.content == directory.content()
    assert parse(mirror.cookie) == directory.context


def events_of(feed: Callable[[Message], object], messages: Iterable[Message]) -> Iterator[Event]:
    """The events up to the first `DirectoryError`; after it there must be none."""
    failed = False
    for message in messages:
        try:
            events = feed(message)
        except DirectoryError:
            failed = True
            continue
        assert not failed, "it goes on after an error"
        assert isinstance(events, tuple | list)
        yield from events


def fed(machine: SyncConsumer, messages: Iterable[Message]) -> tuple[list[Event], object]:
    """The events of `feed` up to the first error, and what is to be seen after it."""
    events: list[Event] = []
    try:
        for message in messages:
            events += machine.feed(message)
    except (DirectoryError, KeyError) as error:
        return events, (repr(error), machine.stage, machine.cookie, machine.references)
    return events, (machine.stage, machine.cookie, machine.references)


def fed_in_runs(
    machine: SyncConsumer, messages: Sequence[Message], sizes: Iterable[int]
) -> tuple[list[Event], object]:
    """The same by `feed_all`, with at most so many messages at a time."""
    events: list[Event] = []
    rest = list(messages)
    try:
        for size in sizes:
            run, rest = rest[:size], rest[size:]
            machine.feed_all(run, events)
        machine.feed_all(rest, events)
    except (DirectoryError, KeyError) as error:
        return events, (repr(error), machine.stage, machine.cookie, machine.references)
    return events, (machine.stage, machine.cookie, machine.references)


def assert_well_formed(events: list[Event]) -> None:
    """One refresh at the beginning, cookies only from its end on, each with a CSN."""
    kinds = [type(event) for event in events]
    assert kinds[:1] in ([], [RefreshBegin])
    assert kinds.count(RefreshBegin) <= 1
    assert kinds.count(RefreshDone) <= 1
    end = kinds.index(RefreshDone) if RefreshDone in kinds else len(kinds)
    assert Present not in kinds[end:]
    cookies = [getattr(event, "cookie", None) for event in events]
    assert not any(cookies[:end])
    assert all(cookie is None or parse(cookie) for cookie in cookies)
