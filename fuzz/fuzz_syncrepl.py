"""Invariant: whatever a directory sends, the events are one refresh and then changes; nothing after an error.

They are the same whether the messages are taken one by one or many at once.

As choices of a model of a directory instead, the same bytes are a legal conversation, cut somewhere, and what is
committed of it leads to the truth.

Permitted exceptions: `DirectoryError`, because bytes that are no LDAP, and messages that are no content
synchronization, end the conversation.
"""

from collections.abc import Iterator

from colocroute.directory.messages import Message
from colocroute.directory.reader import MessageReader
from colocroute.directory.syncrepl import SyncConsumer
from colocroute.errors import DirectoryError
from fuzz import driver
from tests.directory.conversations import C1, CONVERSATIONS, SEARCH, kept, to_entry
from tests.lab.ldapmessages import encode
from tests.lab.syncmodel import Directory, Mirror
from tests.lab.syncsessions import assert_well_formed, choices, converse, events_of, fed, fed_in_runs, settle

SENT = [b"", kept(C1)]  # the first byte tells which cookie was sent


def seeds() -> list[bytes]:
    """The conversations of the tests."""
    return [
        bytes([bool(conversation.cookie)]) + b"".join(encode(message) for message, _ in conversation.steps)
        for conversation in CONVERSATIONS.values()
    ]


def check(data: bytes) -> None:
    """Raises AssertionError if the invariant does not hold for these bytes."""
    cookie = SENT[data[:1] == b"\x01"]
    messages = list(messages_in(data[1:]))
    assert_well_formed(list(events_of(SyncConsumer(SEARCH, cookie, to_entry).feed, messages)))
    one_by_one = fed(SyncConsumer(SEARCH, cookie, to_entry), messages)
    for sizes in (b"", data[-9:]):
        in_runs = fed_in_runs(SyncConsumer(SEARCH, cookie, to_entry), messages, sizes)
        assert in_runs == one_by_one, "messages mean something else in runs"
    check_model(data)


def check_model(data: bytes) -> None:
    """A life of a directory out of the bytes."""
    choose = choices(data)
    directory, mirror = Directory(choose), Mirror()
    directory.change()
    for _ in range(1 + choose(3)):
        converse(directory, mirror, choose, cuts=12)
        for _ in range(choose(4)):
            directory.change()
        if choose(3) == 1:
            directory.forget_deletions()
    settle(directory, mirror, choose)


def messages_in(data: bytes) -> Iterator[Message]:
    """The messages up to the first that is malformed."""
    reader = MessageReader()
    reader.feed(data)
    try:
        yield from reader
    except DirectoryError:
        return


def main() -> None:
    """Fuzzes under atheris."""
    driver.run(check, seeds)


if __name__ == "__main__":
    main()
