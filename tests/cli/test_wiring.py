"""The choice of lines, without a Postfix; what they make a Postfix do is in tests/system/test_postconf.py."""

import itertools
import re

import pytest

from colocroute.cli.wiring import wire
from colocroute.cli.wiring_model import Installed, Wanted, Wiring
from colocroute.routing.policy import INTERNAL

SOCKET = "unix:/run/colocroute/map.sock"
WANTED = Wanted(
    socketmap=SOCKET,
    policy="inet:127.0.0.1:2527",
    public=("test.tux", "test.example"),
    sites=("external.test.tux", "central.test.tux"),
    local_transport="lmtp:unix:private/dovecot-lmtp",
)
VARIANTS = list(itertools.product((False, True), (False, True)))
CHROOTED = Installed(chrooted=frozenset({"smtpd"}))


def wanted(**changes: object) -> Wanted:
    fields = {name: getattr(WANTED, name) for name in WANTED.__struct_fields__}
    return Wanted(**{**fields, **changes})


def values(wiring: Wiring) -> dict[str, str]:
    return {parameter.name: parameter.value for parameter in wiring.parameters}


def test_lists_by_default() -> None:
    lines = values(wire(WANTED, Installed()))
    assert lines["virtual_alias_domains"] == "test.example, test.tux"
    assert lines["relay_domains"] == "central.test.tux, external.test.tux"
    assert lines["virtual_mailbox_domains"] == ""
    assert lines["mydestination"] == "$myhostname, localhost.$mydomain, localhost"
    assert lines["virtual_alias_maps"] == f"socketmap:{SOCKET}:virtual_alias"
    assert lines["relay_recipient_maps"] == f"socketmap:{SOCKET}:recipient"
    assert lines["transport_maps"] == f"socketmap:{SOCKET}:transport"
    assert lines["default_transport"] == "outbound"
    assert lines["enable_original_recipient"] == "no"
    assert lines["recipient_delimiter"] == "+"
    assert lines["smtp_generic_maps"] == ""


@pytest.mark.parametrize(("maps", "rewriting"), VARIANTS)
def test_every_class_of_addresses_is_decided(maps: bool, rewriting: bool) -> None:
    """`virtual_alias_domains` left out would be `$virtual_alias_maps` (postconf(5))."""
    lines = values(wire(wanted(maps=maps, rewriting=rewriting), Installed()))
    classes = {"mydestination", "virtual_alias_domains", "virtual_mailbox_domains", "relay_domains"}
    assert classes <= lines.keys()
    assert len(lines) == len(wire(wanted(maps=maps, rewriting=rewriting), Installed()).parameters)
    assert "relay_domains" not in lines["parent_domain_matches_subdomains"]
    assert all(parameter.why for parameter in wire(WANTED, Installed()).parameters)


def test_every_list_a_map() -> None:
    lines = values(wire(wanted(maps=True), Installed()))
    for name in ("virtual_alias_domains", "virtual_mailbox_domains", "relay_domains"):
        assert lines[name] == f"socketmap:{SOCKET}:{name}"
    assert lines["virtual_mailbox_maps"] == f"socketmap:{SOCKET}:virtual_mailbox"
    assert lines["relay_recipient_maps"] == f"socketmap:{SOCKET}:relay_recipient"


@pytest.mark.parametrize("maps", [False, True])
def test_without_rewriting_the_public_domains_are_relayed(maps: bool) -> None:
    lines = values(wire(wanted(maps=maps, rewriting=False), Installed()))
    assert lines["virtual_alias_domains"] == lines["virtual_alias_maps"] == ""
    assert "test.example" in lines["relay_domains"] and "test.tux" in lines["relay_domains"]
    assert lines["relay_recipient_maps"] == f"socketmap:{SOCKET}:recipient"


def test_the_outbound_service_alone_has_generic() -> None:
    wiring = wire(WANTED, CHROOTED)
    assert wiring.service.line == (
        "outbound unix - - n - - smtp -o syslog_name=postfix/outbound "
        f"-o smtp_generic_maps=socketmap:{SOCKET}:generic"
    )
    assert not any("generic" in parameter.value for parameter in wiring.parameters)


@pytest.mark.parametrize("command", ["smtpd", "cleanup", "trivial-rewrite"])
def test_a_chroot_hides_a_unix_socket_from_all_but_proxymap(command: str) -> None:
    lines = values(wire(WANTED, Installed(chrooted=frozenset({command}))))
    assert lines["transport_maps"] == f"proxy:socketmap:{SOCKET}:transport"
    assert lines["virtual_alias_maps"] == f"proxy:socketmap:{SOCKET}:virtual_alias"
    assert "proxy_read_maps" not in lines, "the default admits what main.cf names"


@pytest.mark.parametrize(
    ("socketmap", "chrooted"), [("inet:127.0.0.1:2526", "smtpd"), (SOCKET, "pickup"), (SOCKET, "smtp")]
)
def test_no_proxy_where_none_is_needed(socketmap: str, chrooted: str) -> None:
    lines = values(wire(wanted(socketmap=socketmap), Installed(chrooted=frozenset({chrooted}))))
    assert lines["transport_maps"] == f"socketmap:{socketmap}:transport"


def test_what_proxymap_may_not_open_is_added() -> None:
    table = f"proxy:socketmap:{SOCKET}"
    installed = Installed(chrooted=CHROOTED.chrooted, proxy_read_maps="$transport_maps, $virtual_alias_maps")
    allowed = values(wire(WANTED, installed))["proxy_read_maps"]
    assert allowed == (f"$transport_maps, $virtual_alias_maps {table}:recipient {table}:sender_login")
    again = Installed(chrooted=CHROOTED.chrooted, proxy_read_maps=allowed)
    assert "proxy_read_maps" not in values(wire(WANTED, again))
    assert "proxy_read_maps" not in values(wire(WANTED, Installed(proxy_read_maps="$transport_maps")))


@pytest.mark.parametrize(("maps", "rewriting"), VARIANTS)
def test_a_site_that_knows_less_than_another_says_later(maps: bool, rewriting: bool) -> None:
    lines = values(wire(wanted(maps=maps, rewriting=rewriting), Installed()))
    assert lines.get("unknown_relay_recipient_reject_code") == ("450" if rewriting else None)
    assert lines.get("unknown_virtual_mailbox_reject_code") == ("450" if maps else None)


def test_what_fails_between_two_states_waits_unless_there_is_another_filter() -> None:
    name = "smtp_delivery_status_filter"
    ours = values(wire(WANTED, Installed()))[name]
    assert ours.startswith("regexp:{{/") and ours.endswith(" 4$$1}}")
    pattern = ours.removeprefix("regexp:{{/").removesuffix("/ 4$$1}}")
    assert re.fullmatch(pattern, "5.4.6 mail for [10.3.0.2] loops back to myself")
    said = "host 10.2.0.1 said: 554 5.7.1 <x>: Recipient address rejected: external.test.tux"
    assert re.fullmatch(pattern, f"5.7.1 {said} {INTERNAL}: nothing may be sent to it")
    assert not re.match(pattern, "5.7.1 host mx.example said: 554 5.7.1 no spam")
    assert not re.match(pattern, f"2.0.0 {INTERNAL}")
    assert values(wire(WANTED, Installed(status_filter=ours)))[name] == ours
    assert name not in values(wire(WANTED, Installed(status_filter="pcre:/etc/postfix/filter")))


def test_the_policy_service_comes_first_and_keeps_what_is_there() -> None:
    told = "inet:127.0.0.1:2527, timeout=10s, default_action=DEFER_IF_PERMIT, policy_context=colocroute"
    unlisted = r"check_recipient_access regexp:{{/@(test\.example|test\.tux)$$/ reject_unlisted_recipient}}"
    check = f"{unlisted}, check_policy_service {{ {told} }}"
    fresh = values(wire(WANTED, Installed()))["smtpd_recipient_restrictions"]
    assert fresh == f"{check}, permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination"
    theirs = "reject_rbl_client bl.example, reject_unauth_destination"
    merged = values(wire(WANTED, Installed(recipient_restrictions=theirs)))["smtpd_recipient_restrictions"]
    assert merged == f"{check}, {theirs}"
    assert values(wire(WANTED, Installed()))["smtpd_reject_unlisted_recipient"] == "yes"
    assert "smtpd_reject_unlisted_recipient" not in values(wire(wanted(policy=""), Installed()))
    moved = f"permit_mynetworks, {check}"
    again = values(wire(WANTED, Installed(recipient_restrictions=moved)))["smtpd_recipient_restrictions"]
    assert again == moved


@pytest.mark.parametrize("hostname", ["central.test.tux", "test.tux"])
def test_a_host_named_like_a_domain_of_users_is_not_local(hostname: str) -> None:
    """smtpd would look for its users among the local ones, and refuse them all."""
    wiring = wire(WANTED, Installed(hostname=hostname, origin=hostname))
    assert values(wiring)["mydestination"] == "localhost.$mydomain, localhost"
    assert len(wiring.warnings) == 1 and f"myhostname is {hostname}" in wiring.warnings[0]


def test_extensions_turned_off() -> None:
    assert values(wire(wanted(recipient_delimiter=""), Installed()))["recipient_delimiter"] == ""


@pytest.mark.parametrize(("maps", "rewriting"), VARIANTS)
def test_etrn_for_no_domain_of_ours(maps: bool, rewriting: bool) -> None:
    told = wanted(maps=maps, rewriting=rewriting)
    assert values(wire(told, Installed()))["fast_flush_domains"] == ""
    theirs = Installed(fast_flush="lists.example $relay_domains, hash:/etc/postfix/etrn")
    assert values(wire(told, theirs))["fast_flush_domains"] == "lists.example, hash:/etc/postfix/etrn"


def test_changed_parent_matching_keeps_the_rest() -> None:
    lines = values(wire(WANTED, Installed(parent_matches="mynetworks relay_domains smtpd_access_maps")))
    assert lines["parent_domain_matches_subdomains"] == "mynetworks,smtpd_access_maps"
