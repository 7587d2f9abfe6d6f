import pytest

from colocroute.directory.identity import identity, uuid_of

UUID = "0a1b2c3d-0001-1020-8000-00000000abCD"


def test_the_uuid_where_there_is_one() -> None:
    expected = bytes.fromhex(UUID.replace("-", ""))
    assert identity(b"uid=anna,dc=tux", {b"entryuuid": [UUID.encode()]}) == expected
    assert len(expected) == 16


def test_the_normalised_name_where_there_is_none() -> None:
    assert identity(b"UID=Anna , DC=tux", {}) == b"uid=anna,dc=tux"
    assert identity(b"ou=\xff,dc=t", {}) == b"ou=\\5cxff,dc=t"


def test_a_name_is_never_taken_for_a_uuid() -> None:
    """Whoever is given the name of somebody who left is not the same person."""
    assert identity(b"uid=anna,dc=home", {}) == b"uid=anna,dc=home,"
    assert len(b"uid=anna,dc=home") == 16


@pytest.mark.parametrize("bad", [b"", b"anna", b"0a1b2c3d", b"\xff" * 36])
def test_a_malformed_uuid_is_refused(bad: bytes) -> None:
    with pytest.raises(ValueError):
        uuid_of({b"entryuuid": [bad]})


def test_a_malformed_name_is_refused() -> None:
    with pytest.raises(ValueError, match="DN"):
        identity(b"anna", {})
