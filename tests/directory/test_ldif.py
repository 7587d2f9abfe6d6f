import pytest
from hypothesis import given
from hypothesis import strategies as st

from colocroute.directory import ldif
from colocroute.directory.ldif import LdifReader, LdifRecord
from colocroute.errors import DirectoryError
from tests.directory.ldif_vectors import BAD, GOOD


def read(data: bytes, size: int = 0) -> list[LdifRecord]:
    reader = LdifReader("users.ldif")
    records: list[LdifRecord] = []
    for start in range(0, len(data), size or len(data) or 1):
        records += reader.feed(data[start : start + size] if size else data)
    return records + reader.finish()


@pytest.mark.parametrize("size", [0, 1, 7])
@pytest.mark.parametrize(("data", "expected"), GOOD)
def test_entries(data: bytes, expected: list[LdifRecord], size: int) -> None:
    assert read(data, size) == expected


@pytest.mark.parametrize("size", [0, 1, 7])
@pytest.mark.parametrize(("data", "expected"), GOOD)
def test_line_ends_may_be_those_of_other_systems(data: bytes, expected: list[LdifRecord], size: int) -> None:
    assert read(data.replace(b"\n", b"\r\n"), size) == expected


@pytest.mark.parametrize("size", [0, 1, 7])
@pytest.mark.parametrize(("data", "line", "why"), BAD)
def test_what_is_wrong_is_told_with_its_line(data: bytes, line: int, why: str, size: int) -> None:
    with pytest.raises(DirectoryError) as caught:
        read(data, size)
    text = str(caught.value)
    assert text.startswith(f"users.ldif, line {line}: ")
    assert why in text
    assert "\n" not in text


@pytest.mark.parametrize("size", [0, 1, 7])
def test_a_record_without_end_is_refused(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(ldif, "RECORD_MAX_BYTES", 40)
    one = b"dn: dc=a\ndescription: 0123456789\n\n"
    assert len(read(one * 3, size)) == 3
    for endless in (b"description: x\n" * 3, b"description: " + b"x" * 40):
        with pytest.raises(
            DirectoryError, match=r"users.ldif, line 4: the record that begins here is larger"
        ):
            read(one + b"dn: dc=b\n" + endless, size)


@given(st.binary(max_size=200), st.integers(1, 9))
def test_any_bytes_give_records_or_one_error_whatever_the_pieces(data: bytes, size: int) -> None:
    def outcome(pieces: int) -> object:
        try:
            return read(data, pieces)
        except DirectoryError as error:
            return str(error)

    assert outcome(0) == outcome(size)
