"""What is taken back of another wiring, without a Postfix; with one: test_postconf.py."""

import subprocess

import pytest

from colocroute.cli.wiring_earlier import DEFAULTS, LOOKED_AT, taken_back
from colocroute.cli.wiring_model import Installed, Wanted

TABLE = "socketmap:unix:/run/colocroute/map.sock"
OURS = {
    "virtual_alias_maps": f"{TABLE}:virtual_alias",
    "virtual_mailbox_maps": f"proxy:{TABLE}:virtual_mailbox",
    "unknown_virtual_mailbox_reject_code": "450",
    "unknown_relay_recipient_reject_code": "450",
}


def back(earlier: dict[str, str], *, maps: bool = False, rewriting: bool = True) -> dict[str, str]:
    wanted = Wanted(
        socketmap="inet:127.0.0.1:1", public=("test.tux",), sites=(), maps=maps, rewriting=rewriting
    )
    return {one.name: one.value for one in taken_back(wanted, Installed(earlier=earlier))}


def test_the_defaults_are_those_of_postfix() -> None:
    done = subprocess.run(["postconf", "-d", *DEFAULTS], capture_output=True, text=True, check=True)
    told = [line.partition("=") for line in done.stdout.splitlines()]
    assert {name.strip(): value.strip() for name, _, value in told} == DEFAULTS


def test_each_wiring_takes_back_what_it_does_not_set() -> None:
    of_maps = {name: value for name, value in DEFAULTS.items() if "relay_recipient" not in name}
    assert back(OURS, maps=True) == {}
    assert back(OURS) == of_maps
    assert back(OURS, maps=True, rewriting=False) == {"unknown_relay_recipient_reject_code": "550"}
    assert back(OURS, rewriting=False) == DEFAULTS
    assert set(OURS) == set(LOOKED_AT)


def test_nothing_is_left_to_take_back() -> None:
    assert back({**OURS, **DEFAULTS, "virtual_alias_maps": ""}, rewriting=False) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("virtual_mailbox_maps", f"hash:/etc/boxes, {OURS['virtual_mailbox_maps']}"),
        ("unknown_virtual_mailbox_reject_code", "451"),
        ("unknown_relay_recipient_reject_code", "451"),
    ],
)
def test_another_value_stays(name: str, value: str) -> None:
    assert back({**OURS, name: value}, rewriting=False) == {
        key: default for key, default in DEFAULTS.items() if key != name
    }


@pytest.mark.parametrize("aliases", ["", "hash:/etc/aliases", "socketmap:unix:/x:other"])
def test_where_we_were_not_wired_nothing_is_ours(aliases: str) -> None:
    theirs = {**OURS, "virtual_alias_maps": aliases, "virtual_mailbox_maps": "hash:/etc/boxes"}
    assert back(theirs, rewriting=False) == {}
