"""The stream reader: the same messages and the same errors whatever the pieces, in linear time."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colocroute.directory.messages import Message, RawEntry
from colocroute.directory.reader import MAX_MESSAGE, MessageReader
from colocroute.errors import DirectoryError
from tests.directory import malformed, odd_vectors, vectors
from tests.lab.feeding import bytewise, pieces
from tests.lab.ldapmessages import encode

MESSAGES = vectors.EXACT + vectors.READ + odd_vectors.READ
STREAM = b"".join(data for _, data, _ in MESSAGES)
VALUES = [value for _, _, value in MESSAGES]


def outcome(data: Iterable[bytes], reader: MessageReader | None = None) -> tuple[list[Message], str, int]:
    """The messages, the text of the error that ended it (empty: none), and the bytes left unread."""
    reader = reader or MessageReader()
    values: list[Message] = []
    try:
        for piece in data:
            reader.feed(piece)
            for value in reader:
                values.append(value)  # noqa: PERF402  what came before an error is wanted
    except DirectoryError as error:
        return values, str(error), reader.unread
    return values, "", reader.unread


@pytest.mark.parametrize(
    ("data", "value"), [vector[1:] for vector in MESSAGES], ids=[vector[0] for vector in MESSAGES]
)
def test_a_message_is_read_whole_bytewise_and_with_a_tail(data: bytes, value: Message) -> None:
    assert outcome([data]) == ([value], "", 0)
    if len(data) < 2000:
        assert outcome(bytewise(data)) == ([value], "", 0)
    assert outcome([data + b"\x30\x05\x02"]) == ([value], "", 3)
    assert outcome([data[:-1]]) == ([], "", len(data) - 1)


@pytest.mark.parametrize(
    ("data", "text"), [error[1:] for error in malformed.ERRORS], ids=[error[0] for error in malformed.ERRORS]
)
def test_a_malformed_message_is_an_error_that_says_where(data: bytes, text: str) -> None:
    values, error, unread = outcome([data])
    assert (values, unread) == ([], 0)
    assert text in error
    assert "\n" not in error
    assert outcome(bytewise(data)) == ([], error, 0)


@pytest.mark.parametrize("data", [b"HTTP", b"\x30\x80", b"\x30\x00"], ids=["no LDAP", "framing", "content"])
def test_nothing_is_read_after_an_error(data: bytes) -> None:
    reader = MessageReader()
    first = outcome([STREAM + data + STREAM], reader)
    assert first[0] == VALUES
    assert first[1]
    with pytest.raises(DirectoryError) as refused:
        reader.feed(STREAM)
    assert str(refused.value) == first[1]
    with pytest.raises(DirectoryError):
        list(reader)
    assert reader.unread == 0


@given(st.lists(st.integers(0, 4000), max_size=200))
def test_a_stream_in_any_pieces_is_the_same_messages(sizes: list[int]) -> None:
    assert outcome(pieces(STREAM, sizes)) == (VALUES, "", 0)


def test_iteration_may_be_left_and_taken_up_between_feeds() -> None:
    reader = MessageReader()
    values: list[Message] = []
    for piece in pieces(STREAM, [700] * (len(STREAM) // 700)):
        reader.feed(piece)
        for value in reader:
            values.append(value)
            break
    assert values + list(reader) == VALUES
    assert reader.unread == 0


def test_a_message_at_the_limit_is_read_and_one_above_refused_at_its_header() -> None:
    value = RawEntry(1, b"", {b"a": [b"x" * 972]})
    data = encode(value)
    assert len(data) == 4 + 1000
    assert outcome([data], MessageReader(max_message=1000)) == ([value], "", 0)
    _, error, _ = outcome([data[:4]], MessageReader(max_message=999))
    assert error == "LDAP message of 1000 bytes, more than the 999 allowed"
    assert MAX_MESSAGE >= 4 * 1024 * 1024


def test_a_large_message_in_small_pieces_is_not_copied_again_for_each() -> None:
    value = RawEntry(1, b"", {b"a": [b"x" * (8 << 20)]})
    data = encode(value) * 2
    reader = MessageReader()
    # Joined anew for each of these 160,000 pieces, 8 MiB would be 600 GB to copy: that does not end.
    assert outcome(pieces(data, [104] * (len(data) // 104)), reader) == ([value, value], "", 0)


def test_one_message_taken_for_each_small_feed_is_linear_too() -> None:
    message = encode(RawEntry(1, b"", {b"a": [b"x" * 100]}))
    reader = MessageReader()
    reader.feed(message * 100_000)
    taken = 0
    for _ in range(100_000):
        reader.feed(message[:1])
        taken += next(iter(reader)).message_id
    assert taken == 100_000
    assert reader.unread == 100_000
