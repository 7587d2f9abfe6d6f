"""Keys and packed values: their limits, and that no two things share one."""

import msgspec
import pytest

from colocroute.model import Keys
from colocroute.store.layout import (
    FORMER,
    LONGEST_KEY,
    REMOVED,
    ROUTE_DOMAIN,
    domain_key,
    index_keys,
    inner_id,
    join_ids,
    key_bytes,
    split_ids,
    time_key,
)

A, B, C = (bytes([number]) * 16 for number in (1, 2, 3))


@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        ("anna@test.tux", False),
        ("@test.tux", False),
        ("x" * LONGEST_KEY, False),
        ("x" * (LONGEST_KEY + 1), True),
        ("ä" * 256, True),
        ("", True),
        ("\udcff@test.tux", False),
        ("a\0b", False),
    ],
)
def test_a_key_fits_lmdb_and_a_hashed_one_is_no_text(key: str, hashed: bool) -> None:
    data = key_bytes(key)
    assert 0 < len(data) <= LONGEST_KEY
    assert data.startswith(b"\xff") == hashed
    assert hashed or data.decode("utf-8", "surrogatepass") == key


def test_long_keys_that_differ_at_the_end_differ() -> None:
    assert key_bytes("x" * 600 + "a") != key_bytes("x" * 600 + "b")


def test_a_long_domain_fits() -> None:
    assert domain_key(ROUTE_DOMAIN, "x" * 510) == b"r" + b"x" * 510
    assert len(domain_key(ROUTE_DOMAIN, "x" * 511)) <= LONGEST_KEY
    assert domain_key(ROUTE_DOMAIN, "") == b"r"


@pytest.mark.parametrize("entry_id", [b"", b"uid=anna", b"x" * 15, b"x" * 17, b"x" * 3000])
def test_an_id_that_is_no_uuid_becomes_16_bytes(entry_id: bytes) -> None:
    assert len(inner_id(entry_id)) == 16
    assert inner_id(entry_id) != inner_id(entry_id + b"x")


def test_a_uuid_is_its_own_inner_id() -> None:
    assert inner_id(A) is A


def test_ids_are_joined_in_order_and_once() -> None:
    assert join_ids(None, [B]) == B
    assert join_ids(B, [A]) == A + B
    assert join_ids(A + C, [B]) == A + B + C
    assert join_ids(A + B, [B]) == A + B
    assert split_ids(A + B) == [A, B]


@pytest.mark.parametrize("value", [b"", b"x", b"x" * 15, b"x" * 33])
def test_what_is_no_list_of_ids_is_refused(value: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        split_ids(value)


def test_a_key_twice_in_a_record_is_one() -> None:
    keys = index_keys(Keys(addresses=("a", "b", "a"), route_domains=("x", "x")))
    assert keys.addresses == (b"a", b"b")
    assert keys.route_domains == ("x",)


def test_times_are_ordered_and_kinds_apart() -> None:
    times = [-1.0, 0.0, 0.000001, 1.0, 1.5, 1e9, 1e10, float("inf")]
    for kind in (FORMER, REMOVED):
        keys = [time_key(kind, at) for at in times]
        assert keys == sorted(keys)
    assert time_key(FORMER, float("inf")) < time_key(REMOVED, 0.0)
