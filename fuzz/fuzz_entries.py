"""Invariant: LDAP bytes mean the same in any pieces, and the shortcut for entries says what the clear way says.

Permitted exceptions: `DirectoryError`, because bytes that are no LDAP end the connection (`outcome` makes it a
value that must be the same in any pieces).
"""

from collections.abc import Iterable, Iterator

from colocroute.directory import entries, messages
from colocroute.directory.messages import Message, RawEntry
from colocroute.directory.reader import MessageReader
from colocroute.errors import DirectoryError
from fuzz import driver
from tests.directory import malformed, odd_vectors, vectors
from tests.lab.feeding import bytewise, pieces
from tests.lab.ldapmessages import encode, wide, windows

LARGE = 2000  # bytes: the few vectors above it are for lengths, and slow to mutate


def contents() -> Iterator[bytes]:
    """What is in the recorded messages that are entries: the seeds resemble them."""
    for _, data, value in vectors.EXACT + vectors.READ:
        if isinstance(value, RawEntry) and len(data) < LARGE:
            yield data[2 + (data[1] & 0x7F if data[1] > 0x7F else 0) :]


def seeds() -> list[bytes]:
    """The test vectors: recorded, odd and malformed, and some of them in a row."""
    good = [data for _, data, _ in vectors.EXACT + vectors.READ + odd_vectors.READ if len(data) < LARGE]
    bad = [data for _, data, _ in malformed.ERRORS]
    return [*good, *bad, b"".join(good), b"".join([*good[:5], *bad[-1:]])]


RECORDED = list(contents())


def check(data: bytes) -> None:
    """Raises AssertionError if the invariant does not hold for these bytes."""
    whole = outcome([data])
    assert outcome(bytewise(data)) == whole, "bytewise differs"
    assert outcome(pieces(data, data[:50])) == whole, "pieces differ"
    values, error, unread = whole
    assert not (error and unread), "bytes are kept after an error"
    for value in values:
        if isinstance(value, RawEntry):
            check_again(value)
    check_body(data)


def check_body(body: bytes) -> None:
    """The bytes as the content of one message, by both ways, whatever the short one remembers."""
    try:
        clear: object = messages.decode(body)
    except DirectoryError as error:
        clear = str(error)
    memory = entries.Memory()
    for earlier in (*RECORDED, body, body):
        try:
            quick: object = entries.quick_entry(earlier, memory)
        except DirectoryError as error:
            quick = str(error)
        assert earlier is not body or quick in (None, clear), "the shortcut says something else"


def check_again(value: RawEntry) -> None:
    """An entry that was read is read again from each way to write it."""
    if (value.uuid is None) == (value.sync_state is None):
        for element in (wide, windows):
            assert outcome([encode(value, element)]) == ([value], "", 0), (
                "an entry changes when it is written"
            )


def outcome(data: Iterable[bytes]) -> tuple[list[Message], str, int]:
    """The messages, the text of the error that ended it (empty: none), and the bytes left unread."""
    reader = MessageReader(max_message=1 << 20)
    values: list[Message] = []
    try:
        for piece in data:
            reader.feed(piece)
            for value in reader:
                values.append(value)  # noqa: PERF402  what came before an error is wanted
    except DirectoryError as error:
        return values, str(error), reader.unread
    return values, "", reader.unread


def main() -> None:
    """Fuzzes under atheris."""
    driver.run(check, seeds)


if __name__ == "__main__":
    main()
