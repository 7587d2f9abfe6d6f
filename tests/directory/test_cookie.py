"""Cookies as OpenLDAP writes them, and everything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colocroute.directory import cookie

A1 = b"20261124080925.814290Z#000000#001#000000"
A2 = b"20261124080925.814291Z#000000#001#000000"
B1 = b"20261124080917.000000Z#000000#00a#000000"
ZERO = b"20261124080925.814290Z#000000#000#000000"


def merge(data: bytes, newer: bytes) -> bytes:
    """Both in one, as a conversation goes on: the newest CSN of each sid."""
    return cookie.render(cookie.newest_of(cookie.parse(data), cookie.parse(newer)))


@pytest.mark.parametrize(
    ("data", "csns"),
    [
        (b"rid=000,csn=" + A1, {b"001": A1}),
        (b"rid=123,sid=001,csn=" + ZERO + b";" + A1, {b"000": ZERO, b"001": A1}),
        (b"rid=000,sid=001,csn=" + A1 + b",delcsn=" + A2, {b"001": A1}),
        (b"csn=" + B1 + b",rid=000", {b"00a": B1}),
        (b"rid=000,csn=" + A2 + b";" + A1, {b"001": A2}),
        (b"rid=000,csn=" + A1 + b",csn=" + B1, {b"001": A1, b"00a": B1}),
        (b"rid=000,news=1,csn=" + A1, {b"001": A1}),
    ],
)
def test_cookies_that_say_something(data: bytes, csns: dict[bytes, bytes]) -> None:
    assert cookie.parse(data) == csns


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"rid=000",
        b"rid=000,sid=001",
        b"rid=000,csn=",
        b"rid=000,delcsn=" + A1,
        b"rid=000,csn=" + A1 + b";",
        b"rid=000,csn=" + A1 + b";garbage",
        b"rid=000,csn=" + A1[:-1],
        b"rid=000,csn=" + A1 + b"0",
        b"rid=000,csn=" + A1 + b"\n",
        b"rid=000, csn=" + A1,
        b"rid=000,csn=" + A1.replace(b"#001#", b"#01#"),
        b"rid=000,csn=20261124080925Z#000000#001#000000",
        b"\xff\x00,csn",
        b"csn",
        b"ldap.test.tux:389#cn=directory manager:dc=test,dc=tux:(objectclass=*)#12",
    ],
)
def test_cookies_that_say_nothing(data: bytes) -> None:
    assert cookie.parse(data) == {}
    assert merge(b"rid=000,csn=" + A1, data) == b"rid=000,csn=" + A1
    assert merge(data, data) == b""
    assert not cookie.went_forward(b"", data)


def test_the_newest_of_each_server_counts() -> None:
    merged = merge(b"rid=007,sid=001,csn=" + ZERO + b";" + A2, b"rid=000,sid=00a,csn=" + A1 + b";" + B1)
    assert merged == b"rid=000,csn=" + ZERO + b";" + A2 + b";" + B1
    assert merge(merged, b"rid=000,sid=001,csn=" + A2) == merged


def test_what_is_sent_never_names_a_server() -> None:
    """A cookie with the sid of a provider has the changes made there kept from its sender."""
    assert b"sid=" not in merge(b"", b"rid=000,sid=001,csn=" + A1)


@pytest.mark.parametrize(
    ("before", "after", "forward"),
    [
        (A1, A1, False),
        (A1, A2, True),
        (A2, A1, False),
        (A1, A1 + b";" + B1, True),
        (A1 + b";" + B1, A1, False),
        (A2 + b";" + ZERO, A1 + b";" + B1, True),
    ],
)
def test_going_forward(before: bytes, after: bytes, forward: bool) -> None:
    assert cookie.went_forward(b"rid=000,csn=" + before, b"rid=000,csn=" + after) is forward


@pytest.mark.parametrize(
    ("ours", "theirs", "seconds"),
    [
        ([A1], [A1], 0.0),
        ([A1], [A2], 0.000001),
        ([A2], [A1], 0.0),
        ([B1], [B1.replace(b"0917.0", b"0927.5")], 10.5),
        ([A1, B1], [A1, B1.replace(b"24080917", b"25080917")], 86_400.0),
        ([A1], [B1], None),
        ([], [A1], None),
        ([A1], [], None),
        ([b"99999999999999.999999Z#000000#001#000000"], [A1], None),
    ],
)
def test_the_lag_is_the_greatest_difference_in_time(
    ours: list[bytes], theirs: list[bytes], seconds: float | None
) -> None:
    text = ("rid=000,csn=" + b";".join(ours).decode()) if ours else ""
    for joint in (b";", b", ", b"\n"):
        lag = cookie.lag_seconds(text, joint.join(theirs).decode())
        assert lag == (None if seconds is None else pytest.approx(seconds, abs=1e-6))


CSNS = st.builds(
    lambda time, sid: b"20261124%06d.000000Z#000000#%03x#000000" % (time, sid),
    st.integers(0, 235_959),
    st.integers(0, 3),
)
COOKIES = st.lists(CSNS, max_size=5).map(lambda csns: b"rid=000,sid=001,csn=" + b";".join(csns))


@given(COOKIES, COOKIES, COOKIES)
def test_merging_forgets_nothing_in_any_order(a: bytes, b: bytes, c: bytes) -> None:
    merged = merge(merge(a, b), c)
    assert merged == merge(c, merge(b, a)) == merge(merged, a)
    assert cookie.parse(merged) == cookie.newest_of(
        cookie.newest_of(cookie.parse(a), cookie.parse(b)), cookie.parse(c)
    )
    assert not any(cookie.went_forward(merged, part) for part in (a, b, c, merged))


@given(st.binary(max_size=100))
def test_any_bytes_are_a_cookie_that_says_something_or_nothing(data: bytes) -> None:
    assert bool(cookie.parse(data)) is bool(merge(data, b""))
    assert cookie.lag_seconds(data.decode("latin-1"), data.decode("latin-1")) in (None, 0.0)


@pytest.mark.parametrize(
    ("ours", "theirs", "behind"),
    [
        ([A1], [A1], False),
        ([A1], [A2], False),
        ([A2], [A1], True),
        ([A1, B1], [A1], True),
        ([A1], [A1, B1], False),
        ([A2, B1], [A1, B1], True),
        ([A1], [], False),
        ([], [A1], False),
    ],
)
def test_who_lacks_what_we_have_is_behind(ours: list[bytes], theirs: list[bytes], behind: bool) -> None:
    assert cookie.is_behind(b";".join(theirs).decode(), b"rid=000,csn=" + b";".join(ours)) is behind


def test_a_cookie_of_a_time_to_come_is_ahead() -> None:
    now = 1_795_507_765.0  # A1, in seconds
    assert not cookie.is_ahead(b"rid=000,csn=" + A1, now)
    assert not cookie.is_ahead(b"rid=000,csn=" + A1, now - cookie.CLOCK_ERROR + 1)
    assert cookie.is_ahead(b"rid=000,csn=" + A1, now - cookie.CLOCK_ERROR - 1)
    assert cookie.is_ahead(b"rid=000,csn=" + B1 + b";" + A1, now - 3600)
    assert not cookie.is_ahead(b"", now)
