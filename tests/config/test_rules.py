"""Settings that do not go together are refused."""

import os
from pathlib import Path
from typing import Any

import pytest

from colocroute.config import load
from colocroute.config.rules import missing_files
from colocroute.errors import ConfigError
from tests.config.files import mistakes, with_required, written


def directory(tmp_path: Path, **settings: object) -> list[str]:
    """The mistakes of a `[directory]` section; an empty list if there are none."""
    lines = "\n".join(
        f"{key} = {str(value).lower() if value is True else repr(value)}" for key, value in settings.items()
    )
    path = written(tmp_path, with_required("directory", lines))
    try:
        load(path, for_service=True)
    except ConfigError as error:
        return error.mistakes
    return []


def secret(tmp_path: Path) -> str:
    path = tmp_path / "secret"
    path.write_text("x\n")
    return str(path)


def test_a_name_needs_a_password(tmp_path: Path) -> None:
    assert "a password is needed" in directory(tmp_path, bind_dn="cn=x")[0]


def test_a_password_needs_a_name(tmp_path: Path) -> None:
    assert "a password for nobody" in directory(tmp_path, bind_password_file=secret(tmp_path))[0]


@pytest.mark.parametrize("key", ["ca_file", "bind_password_file"])
def test_files_must_exist(tmp_path: Path, key: str) -> None:
    more = {"bind_dn": "cn=x"} if key == "bind_password_file" else {}
    (found,) = directory(tmp_path, **more, **{key: f"{tmp_path}/missing"})
    assert found.startswith(f"directory.{key}: {tmp_path}/missing does not exist")
    (found,) = directory(tmp_path, **more, **{key: str(tmp_path)})
    assert "is not a file" in found
    (found,) = directory(tmp_path, **more, **{key: "/" + "x" * 300})
    assert "cannot be looked at" in found


@pytest.mark.parametrize("key", ["ca_file", "bind_password_file"])
def test_files_must_be_readable(tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    more = {"bind_dn": "cn=x"} if key == "bind_password_file" else {}
    monkeypatch.setattr(os, "access", lambda *_: False)
    (found,) = directory(tmp_path, **more, **{key: secret(tmp_path)})
    assert found.startswith(f"directory.{key}: {tmp_path}/secret cannot be read by this user")


def test_only_the_service_needs_the_files(tmp_path: Path) -> None:
    """What systemd passes is there only while the service runs."""
    path = written(tmp_path, with_required("directory", 'bind_dn = "cn=x"\nbind_password_file = "/none"'))
    config = load(path)
    assert [(name, place, text) for name, place, text in missing_files(config)] == [
        ("directory.bind_password_file", Path("/none"), "does not exist")
    ]


PLAIN = [
    ("ldap://ldap.example.com", {}, True),
    ("ldap://10.0.0.1:389", {}, True),
    ("ldap://localhost.example.com", {}, True),
    ("ldap://ldap.example.com", {"start_tls": True}, False),
    ("ldap://ldap.example.com", {"allow_plaintext_bind": True}, False),
    ("ldap://localhost", {}, False),
    ("ldap://[::1]", {}, False),
    ("ldaps://ldap.example.com", {}, False),
    ("ldapi:///", {}, False),
]


@pytest.mark.parametrize(("uri", "more", "refused"), PLAIN)
def test_a_password_does_not_cross_the_network_in_the_clear(
    tmp_path: Path, uri: str, more: dict[str, Any], refused: bool
) -> None:
    found = directory(tmp_path, uri=uri, bind_dn="cn=x", bind_password_file=secret(tmp_path), **more)
    assert [line.startswith(f"directory.uri: {uri} would send the password") for line in found] == [
        True
    ] * refused


def test_one_plain_directory_among_others_is_enough(tmp_path: Path) -> None:
    uris = ["ldaps://a.example.com", "ldap://b.example.com"]
    (found,) = directory(tmp_path, uri=uris, bind_dn="cn=x", bind_password_file=secret(tmp_path))
    assert "ldap://b.example.com" in found


@pytest.mark.parametrize("uri", ["ldapi:///", "ldaps://a", "ldif:/x"])
def test_start_tls_is_for_plain_ldap(tmp_path: Path, uri: str) -> None:
    (found,) = directory(tmp_path, uri=uri, start_tls=True)
    assert found.startswith("directory.start_tls: cannot be used with")


def test_an_ldif_file_stands_alone(tmp_path: Path) -> None:
    (found,) = directory(tmp_path, uri=["ldif:/x", "ldapi:///"])
    assert found.startswith("directory.uri: an ldif: file must be the only directory")
    (found,) = directory(tmp_path, uri="ldif:/x", mode="syncrepl")
    assert found.startswith("directory.mode: ")
    found_two = directory(tmp_path, uri="ldif:/x", bind_dn="cn=x", bind_password_file=secret(tmp_path))
    assert [line.partition(":")[0] for line in found_two] == [
        "directory.bind_dn",
        "directory.bind_password_file",
    ]


def test_a_wrong_value_does_not_drag_others_along(tmp_path: Path) -> None:
    """`bind_dn` is there, though wrong: the password has not lost its owner."""
    assert len(directory(tmp_path, bind_dn=5, bind_password_file=secret(tmp_path))) == 1


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = """
[directory]
base = "dc=test,dc=tux"
uri = ["ldif:/x", "ldap://h"]
mode = "foo"
bind_dn = "cn=x"
ca_file = "/nonexistent"
bind_password_file = 5
[routing]
domains = ["test.tux"]
[listen]
socketmap = ["inet:0.0.0.0:1"]
tcp_table = { virtual_alias = "0.0.0.0:1" }
policy = ["bad"]
"""
    found = mistakes(tmp_path, text)
    assert sorted(line.partition(":")[0] for line in found) == [
        "directory.bind_dn",
        "directory.bind_password_file",
        "directory.ca_file",  # does not exist
        "directory.ca_file",  # has no meaning with an ldif: file
        "directory.mode",
        "directory.uri",  # two directories, one of them a file
        "directory.uri",  # the password in the clear, if it is the file that goes
        "listen.policy",
        "listen.socketmap",
        "listen.tcp_table",  # not on the loopback
        "listen.tcp_table",  # used by the socketmap too
    ]


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        ("socketmap = [5]", ["socketmap"]),
        ('socketmap = []\npolicy = ["bad"]', ["policy"]),
        ('socketmap = [5]\npolicy = ["unix:/run/colocroute/map.sock"]', ["socketmap"]),
        ('allow_remote = "yes"\nsocketmap = ["inet:0.0.0.0:1"]', ["allow_remote"]),
        ('policy = ["bad"]\nsocketmap = ["inet:0.0.0.0:1"]', ["policy", "socketmap"]),
        ("socketmap = []", [""]),
    ],
)
def test_a_wrong_socket_hides_what_it_has_to_do_with_and_no_more(
    tmp_path: Path, lines: str, wrong: list[str]
) -> None:
    found = mistakes(tmp_path, with_required("listen", lines))
    assert [line.partition(":")[0].removeprefix("listen").removeprefix(".") for line in found] == wrong


def test_an_ldif_file_wants_neither_a_name_nor_a_password_for_it(tmp_path: Path) -> None:
    (found,) = directory(tmp_path, uri="ldif:/x", bind_dn="cn=x")
    assert found.startswith("directory.bind_dn: has no meaning with an ldif: file")
    (found,) = directory(tmp_path, uri="ldif:/x", bind_password_file=secret(tmp_path))
    assert found.startswith("directory.bind_password_file: has no meaning with an ldif: file")
