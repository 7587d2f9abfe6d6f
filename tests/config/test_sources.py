"""`[directory]` and `[schema]`: values that are taken, and for each way to be wrong a file that is refused."""

from pathlib import Path

import pytest

from colocroute.config import load
from tests.config.files import mistakes, with_required, written

GOOD = [
    ("directory", 'uri = ["ldaps://a.example.com", "ldap://127.0.0.1:3890"]', "uri",
     ("ldaps://a.example.com", "ldap://127.0.0.1:3890")),
    ("directory", 'uri = "ldif:/srv/users.ldif"', "uri", ("ldif:/srv/users.ldif",)),
    ("directory", 'uri = "ldapi://%2Frun%2Fslapd%2Fldapi"', "uri", ("ldapi://%2Frun%2Fslapd%2Fldapi",)),
    ("directory", 'uri = "ldapi:///run/slapd/ldapi"', "uri", ("ldapi:///run/slapd/ldapi",)),
    ("directory", 'uri = "ldap://[::1]:3890/"', "uri", ("ldap://[::1]:3890/",)),
    ("directory", 'mode = "poll"', "mode", "poll"),
    ("directory", 'poll_interval = "2s"', "poll_interval", 2.0),
    ("schema", 'addresses = ["mail"]', "addresses", ("mail",)),
    ("schema", 'preset = "open-xchange"\nroute = "mailRoute"', "route", "mailRoute"),
]  # fmt: skip


@pytest.mark.parametrize(("section", "lines", "key", "value"), GOOD)
def test_a_value_is_taken(tmp_path: Path, section: str, lines: str, key: str, value: object) -> None:
    config = load(written(tmp_path, with_required(section, lines)))
    assert getattr(getattr(config, section), key) == value


BAD = [
    ("directory", "uri = []", "directory.uri: the list is empty"),
    ("directory", "uri = 5", "directory.uri: 5 is not a list"),
    ("directory", 'uri = ""', 'directory.uri: "" is not the address'),
    ("directory", 'uri = "http://x"', 'directory.uri: "http://x" is not the address'),
    ("directory", 'uri = "ldap:///"', 'directory.uri: "ldap:///" is not the address'),
    ("directory", 'uri = "ldap://h/dc=x"', 'directory.uri: "ldap://h/dc=x" is not the address'),
    ("directory", 'uri = "ldap://h?sub"', 'directory.uri: "ldap://h?sub" is not the address'),
    ("directory", 'uri = "ldap://[::1"', 'directory.uri: "ldap://[::1" is not the address'),
    ("directory", 'uri = "ldap://h:99999"', 'directory.uri: "ldap://h:99999" is not the address'),
    ("directory", 'uri = "ldap:h"', 'directory.uri: "ldap:h" is not the address'),
    ("directory", 'uri = "ldapi://run/slapd"', 'directory.uri: "ldapi://run/slapd" is not the address'),
    ("directory", 'uri = "ldif:users.ldif"', 'directory.uri: "ldif:users.ldif" is not the address'),
    ("directory", 'uri = ["ldap://a", "ldap://a"]', 'directory.uri: "ldap://a" is there twice'),
    ("directory", 'base = ""', "directory.base: is empty"),
    ("directory", 'base = "test.tux"', 'directory.base: "test.tux" is not a distinguished name'),
    ("directory", 'start_tls = "yes"', 'directory.start_tls: "yes" is not a truth value'),
    ("directory", 'ca_file = "ca.pem"', 'directory.ca_file: "ca.pem" is not an absolute path'),
    ("directory", 'mode = "push"', 'directory.mode: "push" is not known, expected one of "auto", "syncrepl"'),
    ("directory", "poll_interval = 60", "directory.poll_interval: 60 is not a string"),
    ("directory", 'poll_interval = "0s"', 'directory.poll_interval: "0s" is out of range'),
    ("directory", 'poll_intervall = "60s"',
     "directory.poll_intervall: unknown key, did you mean poll_interval?"),
    ("directory", "workers = 2", "directory.workers: unknown key, it belongs in [server]"),
    ("schema", 'preset = "exchange"', 'schema.preset: "exchange" is not known'),
    ("schema", 'login = "user name"', 'schema.login: "user name" is not an attribute name'),
    ("schema", "addresses = []", "schema.addresses: the list is empty"),
    ("schema", 'user_filter = "uid=*"', 'schema.user_filter: "uid=*" is not an LDAP filter'),
]  # fmt: skip


@pytest.mark.parametrize(("section", "lines", "begins"), BAD)
def test_a_mistake_is_refused_alone(tmp_path: Path, section: str, lines: str, begins: str) -> None:
    found = mistakes(tmp_path, with_required(section, lines))
    assert len(found) == 1
    assert found[0].startswith(begins)
