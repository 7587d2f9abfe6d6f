"""The shortcut for entries says nothing that the clear way does not say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colocroute.directory import entries, messages
from colocroute.directory.controls import ADD, DELETE
from colocroute.directory.messages import RawEntry
from colocroute.errors import DirectoryError
from tests.directory import malformed, odd_vectors, vectors
from tests.lab.ldapmessages import encode, wide, windows

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


def agrees(body: bytes, names: entries.Names) -> bool:
    """Whether the shortcut says the same or leaves it to the clear way."""
    try:
        quick: object = entries.quick_entry(body, names)
    except DirectoryError as error:
        quick = str(error)
    return quick is None or quick == clear(body)


def test_all_vectors() -> None:
    names: entries.Names = {}
    assert all(agrees(body, names) for body in BODIES)


@given(st.sampled_from(SMALL), st.data())
def test_damaged_messages(body: bytes, data: st.DataObject) -> None:
    names: entries.Names = {}
    mutable = bytearray(body)
    for _ in range(data.draw(st.integers(1, 4))):
        if mutable:
            mutable[data.draw(st.integers(0, len(mutable) - 1))] = data.draw(st.integers(0, 255))
    assert agrees(bytes(mutable), names)
    assert agrees(bytes(mutable)[: data.draw(st.integers(0, len(mutable)))], names)


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
    for data in (encode(entry), encode(entry, windows), encode(entry, wide)):
        header = 2 + (data[1] & 0x7F if data[1] > 0x7F else 0)
        assert messages.decode(data[header:]) == entry
        assert entries.quick_entry(data[header:], {}) in (entry, None)


@pytest.mark.parametrize("name", ["slapd: an entry of a refresh", "slapd: a change", "slapd: a deletion"])
def test_what_slapd_sends_goes_the_short_way(name: str) -> None:
    data, value = next(vector[1:] for vector in vectors.EXACT + vectors.READ if vector[0] == name)
    assert entries.quick_entry(data[2 + (data[1] & 0x7F if data[1] > 0x7F else 0) :], {}) == value


def test_what_active_directory_writes_goes_the_short_way() -> None:
    assert entries.quick_entry(encode(odd_vectors.ANNA, windows)[6:], {}) == odd_vectors.ANNA


def test_no_more_attribute_types_are_remembered_than_the_limit() -> None:
    names: entries.Names = {}
    for number in range(entries.NAMES_LIMIT + 10):
        name = b"a%d" % number
        body = encode(RawEntry(2, b"", {name: [b"v"]}))[2:]
        assert entries.quick_entry(body, names) == RawEntry(2, b"", {name: [b"v"]})
    assert len(names) == entries.NAMES_LIMIT
