"""The shortcut for entries says nothing that the clear way does not say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colocroute.directory import ber, entries, messages
from colocroute.directory.controls import ADD, DELETE, SYNC_STATE
from colocroute.directory.messages import RawEntry
from colocroute.errors import DirectoryError
from tests.directory import malformed, odd_vectors, vectors
from tests.lab.ldapmessages import (
    Element,
    attribute,
    control,
    encode,
    message,
    sync_state,
    wide,
    windows,
)

BODIES = [
    data[2 + (data[1] & 0x7F if data[1] > 0x7F else 0) :]
    for data in [vector[1] for vector in vectors.EXACT + vectors.READ + odd_vectors.READ]
    + [error[1] for error in malformed.ERRORS]
    if data[0] == 0x30
]
SMALL = [body for body in BODIES if len(body) < 2000]


def clear(body: bytes) -> object:
    """What the clear way says: a message, or the text of the error."""
    try:
        return messages.decode(body)
    except DirectoryError as error:
        return str(error)


def agrees(body: bytes, memory: entries.Memory) -> bool:
    """Whether the shortcut says the same or leaves it to the clear way, also once it remembers the message."""
    return all(quick in (None, clear(body)) for quick in (short(body, memory), short(body, memory)))


def short(body: bytes, memory: entries.Memory) -> object:
    """What the shortcut says: an entry, None, or the text of the error."""
    try:
        return entries.quick_entry(body, memory)
    except DirectoryError as error:
        return str(error)


def body_of(entry: RawEntry, element: Element = ber.element) -> bytes:
    """The entry as the content of a message."""
    return content_of(encode(entry, element))


def content_of(data: bytes) -> bytes:
    """What is in the outer SEQUENCE of a message."""
    return data[2 + (data[1] & 0x7F if data[1] > 0x7F else 0) :]


def damaged(body: bytes, data: st.DataObject) -> bytes:
    mutable = bytearray(body)
    for _ in range(data.draw(st.integers(1, 4))):
        if mutable:
            mutable[data.draw(st.integers(0, len(mutable) - 1))] = data.draw(st.integers(0, 255))
    return bytes(mutable)


def test_all_vectors() -> None:
    memory = entries.Memory()
    assert all(agrees(body, memory) for body in BODIES + BODIES[::-1])


@given(st.sampled_from(SMALL), st.data())
def test_damaged_messages(body: bytes, data: st.DataObject) -> None:
    worse = damaged(body, data)
    cut = worse[: data.draw(st.integers(0, len(worse)))]
    for memory in (entries.Memory(), remembering(body), remembering(*SMALL)):
        assert agrees(worse, memory)
        assert agrees(cut, memory)
        assert agrees(body, memory)


def remembering(*bodies: bytes) -> entries.Memory:
    memory = entries.Memory()
    for body in bodies:
        short(body, memory)
    return memory


ATTRIBUTES = st.dictionaries(
    st.sampled_from([b"mail", b"alias", b"uid", b"x" * 130]), st.lists(st.binary(max_size=200), max_size=4)
)


@given(
    st.builds(
        RawEntry,
        st.integers(0, 2**31 - 1),
        st.binary(max_size=300),
        ATTRIBUTES,
        st.sampled_from([None, ADD, DELETE]),
        st.binary(min_size=16, max_size=16),
        st.none() | st.binary(max_size=200),
    )
)
def test_entries_of_any_size_are_read_as_written(entry: RawEntry) -> None:
    if entry.sync_state is None:
        entry = RawEntry(entry.message_id, entry.dn, entry.attributes)
    memory = entries.Memory()
    for element in (ber.element, windows, wide) * 2:
        body = body_of(entry, element)
        assert messages.decode(body) == entry
        assert short(body, memory) in (entry, None)


NAMES = st.sampled_from([b"cn", b"uid", b"UID", b"uid;x", b"mail", b"objectClass", b"x" * 120])
VALUES = st.lists(st.sampled_from([b"", b"a", b"b", b"ab", b"cd", b"c" * 100, b"\x04\x01a"]), max_size=3)
ATTRIBUTE_LISTS = st.lists(st.tuples(NAMES, VALUES), max_size=4)
DNS = st.sampled_from([b"", b"cn=a", b"uid=a,dc=tux", b"uid=b,dc=tux", b"o=" + b"x" * 126])


@given(
    st.lists(st.tuples(DNS, ATTRIBUTE_LISTS, st.sampled_from([wide, windows, ber.element])), max_size=8),
    st.data(),
)
def test_entries_alike_are_not_confused(
    drawn: list[tuple[bytes, list[tuple[bytes, list[bytes]]], Element]], data: st.DataObject
) -> None:
    """Names, lengths and values repeat, so that most of what is remembered is met again, sound or damaged."""
    memory = entries.Memory()
    for dn, attributes, element in drawn:
        body = written(dn, attributes, element)
        assert agrees(body, memory)
        assert agrees(damaged(body, data), memory)
        assert short(body, memory) == (None if element is wide else clear(body))


def written(dn: bytes, attributes: list[tuple[bytes, list[bytes]]], element: Element) -> bytes:
    """The content of a message with these attributes, which may come twice."""
    entry = element(
        messages.SEARCH_ENTRY,
        element(ber.OCTET_STRING, dn),
        element(ber.SEQUENCE, *(attribute(name, *values, element=element) for name, values in attributes)),
    )
    state = control(SYNC_STATE, sync_state(ADD, b"0123456789abcdef", None, element), element)
    return content_of(message(6, entry, element(messages.CONTROLS, state), element))


@pytest.mark.parametrize("name", ["slapd: an entry of a refresh", "slapd: a change", "slapd: a deletion"])
def test_what_slapd_sends_goes_the_short_way(name: str) -> None:
    data, value = next(vector[1:] for vector in vectors.EXACT + vectors.READ if vector[0] == name)
    assert short(content_of(data), entries.Memory()) == value


def test_what_active_directory_writes_goes_the_short_way() -> None:
    assert short(body_of(odd_vectors.ANNA, windows), entries.Memory()) == odd_vectors.ANNA


def test_no_more_is_remembered_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "HEADS_LIMIT", 100)
    memory = entries.Memory()
    for number in range(120):
        entry = RawEntry(2, b"x" * number, {b"a%d" % number: [b"v"]})
        assert [short(body_of(entry), memory) for _ in range(2)] == [entry, entry]
        assert max(len(memory.heads), len(memory.openings)) <= 100
    assert len(memory.openings) == 120 - 100, "what earlier searches brought makes room"


@pytest.mark.parametrize(
    ("element", "heads", "openings"), [(ber.element, 2, 4), (windows, 2, 4), (wide, 0, 0)]
)
def test_what_is_remembered_of_values_of_any_length(element: Element, heads: int, openings: int) -> None:
    memory = entries.Memory()
    for entry in (RawEntry(6, b"cn=a", {b"a": [b"x" * size]}) for size in (1, 100, 200, 300)):
        body = body_of(entry, element)
        assert [short(body, memory) for _ in range(2)] == [entry if openings else None] * 2
    assert (len(memory.heads), len(memory.openings)) == (heads, openings)
