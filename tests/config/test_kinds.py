"""Kinds of values: what is shown is what is parsed."""

import ipaddress
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colocroute.config import kinds
from colocroute.config.setting import Declared
from tests.config.files import all_declared

OPTIONAL = [item for item in all_declared() if not item.setting.required]


@pytest.mark.parametrize("item", OPTIONAL, ids=[item.name for item in OPTIONAL])
def test_a_default_survives_being_written(item: Declared) -> None:
    kind = item.setting.kind
    assert kind.parse(tomllib.loads(f"x = {kind.show(item.default)}")["x"]) == item.default


REQUIRED = [item for item in all_declared() if item.setting.required]


@pytest.mark.parametrize("item", REQUIRED, ids=[item.name for item in REQUIRED])
def test_an_example_is_right_and_absence_is_not(item: Declared) -> None:
    kind = item.setting.kind
    kind.parse(tomllib.loads(f"x = {item.setting.example}")["x"])
    with pytest.raises(ValueError, match="empty"):
        kind.parse(tomllib.loads(f"x = {kind.show(item.default)}")["x"])


NETWORKS = [
    ("10.0.0.0/8", "10.0.0.0/8"),
    ("192.0.2.1", "192.0.2.1/32"),
    ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
    ("::FFFF:192.0.2.1", "192.0.2.1/32"),
    ("::ffff:0:0/96", "0.0.0.0/0"),
    ("2001:db8::/32", "2001:db8::/32"),
    ("::/0", "::/0"),
]


@pytest.mark.parametrize(("text", "network"), NETWORKS)
def test_a_mapped_network_is_one_of_ipv4(text: str, network: str) -> None:
    assert kinds.read_network(text) == ipaddress.ip_network(network)


@pytest.mark.parametrize("text", ["::ffff:10.0.0.0/95", "::ffff:0:0/80", "::ffff:10.0.0.0/8"])
def test_a_mapped_network_has_ipv4_addresses_only(text: str) -> None:
    with pytest.raises(ValueError, match="beyond IPv4, write it as IPv4"):
        kinds.read_network(text)


@pytest.mark.parametrize("text", ["10.0.0.1/8", "::ffff:10.0.0.1/104", "x", "10.0.0.0/33", ""])
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(ValueError, match="is not a network"):
        kinds.read_network(text)


@given(st.text())
def test_any_string_survives_being_written(text: str) -> None:
    assert tomllib.loads(f"x = {kinds.toml_string(text)}")["x"] == text


@pytest.mark.parametrize(
    ("raw", "shown"),
    [(True, "true"), (5, "5"), ("a\nb", '"a\\nb"'), ({"a": 1}, "a table"), ([1], "a list"), (1.5, "1.5")],
)
def test_any_value_can_be_shown(raw: object, shown: str) -> None:
    assert kinds.shown(raw) == shown
