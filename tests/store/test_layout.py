"""Keys and packed values: their limits, and that no two things share one."""

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from colocroute.model import Keys
from colocroute.store.layout import (
    FORMER,
    LONGEST_KEY,
    REMOVED,
    ROUTE_AT,
    ROUTE_DOMAIN,
    domain_key,
    has_owner,
    index_keys,
    inner_id,
    key_bytes,
    one_owner,
    owner_at,
    owner_count,
    owners,
    time_key,
    with_owner,
    with_owners,
    without_owner,
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


def test_owners_are_in_order_and_once() -> None:
    assert with_owners(None, [B]) == one_owner(B)
    both = with_owners(one_owner(B, b"b@b.test"), [A])
    assert owners(both) == [A, B]
    assert owners(with_owners(both, [A])) == [A, B]
    assert owners(with_owners(with_owners(None, [A, C]), [B])) == [A, B, C]


@pytest.mark.parametrize("route", [b"", b"x", b"x" * 15, b"x" * 16, b"x" * 31])
def test_the_route_of_one_owner_is_not_taken_for_more_owners(route: bytes) -> None:
    value = one_owner(A, route)
    assert owners(value) == [A]
    assert value[ROUTE_AT:] == route


def test_an_owner_leaves() -> None:
    both = with_owners(None, [A, B])
    left = without_owner(both, A)
    assert left == one_owner(B)
    assert without_owner(left, B) is None
    with pytest.raises(ValueError, match="no owner"):
        without_owner(left, A)


@pytest.mark.parametrize(
    "value", [b"", b"\x01", b"\x01" + A[1:], b"\x02", b"\x02" + A, b"\x02" + A + B[1:], b"\x03" + A, B + C]
)
def test_what_is_no_value_of_an_index_is_refused(value: bytes) -> None:
    for function in (owners, owner_count):
        with pytest.raises(msgspec.ValidationError):
            function(value)
    for change in (has_owner, with_owner, without_owner):
        with pytest.raises(msgspec.ValidationError):
            change(value, A)
    with pytest.raises(msgspec.ValidationError):
        with_owners(value, [A])


inners = st.integers(0, 40).map(lambda number: number.to_bytes(16, "big")) | st.binary(
    min_size=16, max_size=16
)


@given(st.sets(inners, min_size=1, max_size=30), inners, st.sampled_from([b"", b"a@b.test"]))
def test_owners_come_and_go_as_in_a_set(there: set[bytes], inner: bytes, route: bytes) -> None:
    value = one_owner(min(there), route) if len(there) == 1 else with_owners(None, there)
    assert owners(value) == [owner_at(value, number) for number in range(owner_count(value))] == sorted(there)
    assert has_owner(value, inner) == (inner in there)
    more = with_owner(value, inner)
    assert more == with_owners(value, [inner]) == with_owners(None, there | {inner})
    for gone in there:
        left = without_owner(value, gone)
        assert left == (with_owners(None, there - {gone}) if len(there) > 1 else None)
    if inner not in there:
        assert without_owner(more, inner) == with_owners(None, there)
        with pytest.raises(ValueError, match="no owner"):
            without_owner(value, inner)


def test_one_more_is_the_first_or_none_more() -> None:
    assert with_owner(None, A) == one_owner(A)
    many = with_owners(None, [A, B, C])
    assert with_owner(many, B) is many


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
