"""From entries to records and keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colocroute.model import Entry, Keys, Record, SiteEntry, User, UserEntry
from colocroute.routing.address import VALUE_LIMIT, fold
from colocroute.routing.records import keys, record
from tests.vectors import company_records


def user_record(**values: object) -> User:
    """The user of an entry with these values."""
    made = record(Entry(b"id", "uid=x", UserEntry(**values)))  # type: ignore[arg-type]  # by keyword, in tests only
    assert made.user is not None
    return made.user


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("anna@test.tux", "anna@test.tux"),
        ("Anna.Smith@Test.Tux", "Anna.Smith@test.tux"),
        (" anna@test.tux ", "anna@test.tux"),
        ("anna@test.tux.", "anna@test.tux"),
        ("jörg@bücher.test", "jörg@xn--bcher-kva.test"),
        ('"a b"@test.tux', '"a b"@test.tux'),
        ("a b@test.tux", '"a b"@test.tux'),
        ("a@b@test.tux", '"a@b"@test.tux'),
        ('"anna"@test.tux', "anna@test.tux"),
        (r'"a\"b"@test.tux', r'"a\"b"@test.tux'),
        (r'"a\ b"@test.tux', '"a b"@test.tux'),
        ("a..b@test.tux", '"a..b"@test.tux'),
        ("@test.tux", "@test.tux"),
        (" @Bücher.Test", "@xn--bcher-kva.test"),
        ("x" * 310 + "@test.tux", "x" * 310 + "@test.tux"),
    ],
)
def test_usable_addresses(value: str, kept: str) -> None:
    assert user_record(addresses=(value,)) == User((kept,), (), (), "", "", True)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "anna",
        "anna@",
        "@",
        "@@",
        "anna@test tux",
        "Anna <anna@test.tux>",
        "anna@test.tux\n",
        "two\nlines@test.tux",
        "an\0na@test.tux",
        "anna@[10.2.0.1]",
        "anna@10.2.0.1",
        "a\\xffb@test.tux",
        'a"b@test.tux',
        '"a"b@test.tux',
        '"a"b"@test.tux',
        '""@test.tux',
        "anna@test.tux\ud800",
        "x" * 320 + "@test.tux",
        "ŉ" * 130 + "@test.tux",
    ],
)
def test_unusable_addresses_are_kept_aside(value: str) -> None:
    assert user_record(addresses=(value,)).unusable == (value,)
    assert user_record(routes=(value, "anna@west.test.tux")) == User(
        (), ("anna@west.test.tux",), (), "", "", True, (value,)
    )


def test_a_catch_all_is_no_route() -> None:
    assert user_record(routes=("@west.test.tux",)).unusable == ("@west.test.tux",)


def test_values_with_one_key_are_one_value() -> None:
    user = user_record(
        addresses=("Anna@test.tux", "anna@test.tux", '"anna"@TEST.tux', "a@test.tux"),
        routes=("anna@west.test.tux", "ANNA@west.test.tux"),
        logins=("anna", "Anna"),
    )
    assert user.addresses == ("Anna@test.tux", "a@test.tux")
    assert user.routes == ("anna@west.test.tux",)
    assert user.logins == ("anna",)
    assert user_record(routes=("anna@w.test", "anna@w.test")).routes == ("anna@w.test",)
    assert user_record(addresses=("anna@w.test",), routes=("anna@w.test",)).routes == ("anna@w.test",)


def test_logins_that_a_list_could_not_hold_are_kept_aside() -> None:
    user = user_record(logins=("anna", "anna,bob", "a b", " carla ", ""))
    assert user.logins == ("anna", "carla")
    assert user.unusable == ("anna,bob", "a b", "")


def test_servers() -> None:
    user = user_record(imap_server=" imap.test.tux ", smtp_server="smtp\n.test.tux")
    assert (user.imap_server, user.smtp_server) == ("imap.test.tux", "")
    assert user.unusable == ("smtp\n.test.tux",)
    assert user_record(imap_server="x" * (VALUE_LIMIT + 1)).imap_server == ""


def test_sites_and_domains() -> None:
    entry = Entry(
        b"id",
        "cn=x",
        site=SiteEntry(("West.Test.Tux", "west.test.tux.", "bad domain", "süd.test"), ("[10.2.0.1]", "x:y")),
        domains=("Test.Tux", "bücher.test", "", "-"),
    )
    assert record(entry) == Record(
        "cn=x",
        site=SiteEntry(("west.test.tux", "xn--sd-xka.test"), ("[10.2.0.1]", "x:y")),
        domains=("test.tux", "xn--bcher-kva.test"),
    )
    assert keys(record(entry)) == Keys()


def test_keys() -> None:
    entry = UserEntry(
        ("Anna@Test.Tux", '"a b"@test.tux', "@test.tux", "Jörg@test.tux"),
        ("Anna@West.Test.Tux", "anna@east.test.tux", "anna2@west.test.tux"),
        ("Anna", "anna.s"),
    )
    assert keys(record(Entry(b"id", "uid=x", entry))) == Keys(
        ("anna@test.tux", "a b@test.tux", "@test.tux", "jörg@test.tux"),
        ("anna@west.test.tux", "anna@east.test.tux", "anna2@west.test.tux"),
        ("anna", "anna.s"),
        ("west.test.tux", "east.test.tux"),
    )


def test_a_disabled_user_has_no_keys() -> None:
    entry = UserEntry(("anna@test.tux",), ("anna@west.test.tux",), ("anna",), enabled=False)
    made = record(Entry(b"id", "uid=x", entry))
    assert made.user is not None
    assert made.user.addresses == ("anna@test.tux",)
    assert keys(made) == Keys()


def test_the_company_has_the_keys_it_was_given() -> None:
    by_dn = {made.dn: keys(made) for made in company_records()}
    ida = by_dn["uid=ida,ou=users,dc=test,dc=tux"]
    assert ida.addresses == ("ida q@test.tux", "ida@home@test.tux", 'ida"\\@test.tux', "ida..dots@test.tux")
    assert by_dn["uid=dora,ou=users,dc=test,dc=tux"] == Keys()
    assert by_dn["uid=fred,ou=users,dc=test,dc=tux"] == Keys(("fred@test.tux",), (), ("fred",), ())


VALUES = st.lists(
    st.one_of(
        st.text(),
        st.text(st.sampled_from('abAB.+ "\\@ßÉ'), max_size=8).map(lambda local: f"{local}@Test.tux"),
        st.just("anna@test.tux"),
    ),
    max_size=4,
).map(tuple)


@given(VALUES, VALUES, VALUES)
def test_keys_are_the_folded_values(
    addresses: tuple[str, ...], routes: tuple[str, ...], logins: tuple[str, ...]
) -> None:
    made = record(Entry(b"id", "uid=x", UserEntry(addresses, routes, logins)))
    user, found = made.user, keys(made)
    assert user is not None
    assert found == keys(made)
    assert found.routes == tuple(map(fold, user.routes))
    assert len(found.addresses) == len(user.addresses)
    for each in (found.addresses, found.routes, found.logins, found.route_domains):
        assert len(set(each)) == len(each)
        assert all(0 < len(key.encode()) <= VALUE_LIMIT for key in each)
    for value in addresses:
        assert (
            value in user.unusable or fold(value.strip(" ")) in found.addresses or value.strip(" ")[0] == "@"
        )
    again = record(Entry(b"id", "uid=x", UserEntry(user.addresses, user.routes, user.logins)))
    assert again.user == User(user.addresses, user.routes, user.logins, "", "", True)
