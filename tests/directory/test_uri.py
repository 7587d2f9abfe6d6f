import pytest

from colocroute.directory.uri import DEFAULT_SOCKET, Uri, is_loopback, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ldapi:///", Uri("ldapi", "ldapi:///", path=DEFAULT_SOCKET)),
        ("ldapi://", Uri("ldapi", "ldapi://", path=DEFAULT_SOCKET)),
        ("ldapi:///run/ldapi", Uri("ldapi", "ldapi:///run/ldapi", path="/run/ldapi")),
        ("ldapi://%2Frun%2Fldapi", Uri("ldapi", "ldapi://%2Frun%2Fldapi", path="/run/ldapi")),
        ("ldapi://%2Frun%2Fldapi/", Uri("ldapi", "ldapi://%2Frun%2Fldapi/", path="/run/ldapi")),
        ("ldap://localhost", Uri("ldap", "ldap://localhost", host="localhost", port=389)),
        ("LDAP://localhost/", Uri("ldap", "LDAP://localhost/", host="localhost", port=389)),
        ("ldap://10.2.0.1:3890", Uri("ldap", "ldap://10.2.0.1:3890", host="10.2.0.1", port=3890)),
        ("ldaps://ldap.test.tux", Uri("ldaps", "ldaps://ldap.test.tux", host="ldap.test.tux", port=636)),
        ("ldaps://[::1]:1636", Uri("ldaps", "ldaps://[::1]:1636", host="::1", port=1636)),
        ("ldap://[fe80::1]", Uri("ldap", "ldap://[fe80::1]", host="fe80::1", port=389)),
        ("ldif:/path/users.ldif", Uri("ldif", "ldif:/path/users.ldif", path="/path/users.ldif")),
        ("ldif:///path/users.ldif", Uri("ldif", "ldif:///path/users.ldif", path="/path/users.ldif")),
        ("ldif:users.ldif", Uri("ldif", "ldif:users.ldif", path="users.ldif")),
    ],
)
def test_addresses(text: str, expected: Uri) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected ldapi"),
        ("http://x", "expected ldapi"),
        ("localhost:389", "expected ldapi"),
        ("/etc/users.ldif", "expected ldapi"),
        ("ldap:localhost", "expected ldap://"),
        ("ldap://", "not a host name"),
        ("ldap://:389", "not a host name"),
        ("ldap://a b", "not a host name"),
        ("ldap://user@host", "not a host name"),
        ("ldap://host:0", "not a port"),
        ("ldap://host:65536", "not a port"),
        ("ldap://host:²", "not a port"),
        ("ldap://host:", "not a port"),
        ("ldap://::1", "not a host name"),
        ("ldap://[::1", "brackets"),
        ("ldap://[host]", "brackets"),
        ("ldap://[::1]389", "brackets"),
        ("ldap://host/dc=test,dc=tux", "directory.base"),
        ("ldap://host?x", "directory.base"),
        ("ldapi://%2Frun%2Fldapi/dc=tux", "directory.base"),
        ("ldapi://run", "expected ldapi:///path"),
        ("ldapi:///run?x", "expected ldapi:///path"),
        ("ldif:", "names no file"),
        ("ldif:/path/", "names no file"),
    ],
)
def test_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        parse(text)
    assert "\n" not in str(caught.value)
    assert repr(text) in str(caught.value)


def test_the_canonical_form_keeps_the_address() -> None:
    for text in ("ldapi:///run/ld api", "ldap://localhost:3890", "ldaps://[::1]:636"):
        first = parse(text)
        again = parse(first.canonical)
        assert (again.host, again.port, again.path) == (first.host, first.port, first.path)


def test_loopback_is_decided_by_the_address_only() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1")))
    assert not any(map(is_loopback, ("10.0.0.1", "::", "localhost", "", "fe80::1%lo")))
