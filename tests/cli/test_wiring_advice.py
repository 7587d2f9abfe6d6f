"""What is said where the lines alone do not help, and what is left out so that no mail is lost."""

import pytest

from colocroute.cli.wiring import wire
from colocroute.cli.wiring_model import RELAY, WAIT, Installed
from tests.cli.test_wiring import CHROOTED, WANTED, values, wanted


@pytest.mark.parametrize(
    ("policy", "chrooted", "endpoint"),
    [
        ("inet:127.0.0.1:2527", True, "inet:127.0.0.1:2527"),
        ("unix:/run/colocroute/policy.sock", False, "unix:/run/colocroute/policy.sock"),
        ("unix:/var/spool/postfix/colocroute/policy.sock", True, "unix:colocroute/policy.sock"),
        ("unix:/var/spool/postfix/colocroute/policy.sock", False, "unix:colocroute/policy.sock"),
    ],
)
def test_the_policy_socket_as_smtpd_finds_it(policy: str, chrooted: bool, endpoint: str) -> None:
    wiring = wire(wanted(policy=policy), CHROOTED if chrooted else Installed())
    assert f"{{ {endpoint}," in values(wiring)["smtpd_recipient_restrictions"]
    assert not wiring.warnings


def test_a_policy_socket_that_smtpd_cannot_reach_is_not_wired() -> None:
    """It would defer all mail: `451 4.3.5 Server configuration problem`."""
    wiring = wire(wanted(policy="unix:/run/colocroute/policy.sock"), CHROOTED)
    assert "smtpd_recipient_restrictions" not in values(wiring)
    assert "cannot reach unix:/run/colocroute/policy.sock" in wiring.warnings[0]


@pytest.mark.parametrize("policy", ["", "unix:/run/colocroute/policy.sock"])
def test_an_entry_of_a_service_that_is_not_wired_any_more_goes(policy: str) -> None:
    """It would defer all mail: nobody listens there."""
    before = values(wire(WANTED, Installed()))["smtpd_recipient_restrictions"]
    installed = Installed(chrooted=CHROOTED.chrooted, recipient_restrictions=before)
    after = values(wire(wanted(policy=policy), installed))["smtpd_recipient_restrictions"]
    assert after == "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination"


def test_no_policy_service() -> None:
    wiring = wire(wanted(policy=""), Installed())
    assert "smtpd_recipient_restrictions" not in values(wiring)
    assert wiring.warnings[0].startswith("listen.policy is empty")


def test_without_a_local_transport_mail_waits() -> None:
    wiring = wire(wanted(local_transport=""), Installed())
    assert values(wiring)["relay_transport"] == WAIT
    assert wiring.warnings[0].startswith("routing.local_transport is not set")
    assert values(wire(WANTED, Installed(relay_transport=WAIT)))["relay_transport"] == RELAY


def test_a_pure_relay_has_no_mailboxes() -> None:
    wiring = wire(wanted(local_transport="", relay_only=True), Installed())
    assert values(wiring)["relay_transport"] == RELAY
    assert not wiring.warnings


def test_a_relay_transport_of_the_operator_stays() -> None:
    wiring = wire(wanted(local_transport=""), Installed(relay_transport="lmtp:unix:private/lmtp"))
    assert "relay_transport" not in values(wiring)
    assert not wiring.warnings


def test_maps_without_a_way_to_the_mailboxes() -> None:
    homeless = wanted(local_transport="", maps=True)
    assert wire(homeless, Installed()).warnings
    assert not wire(homeless, Installed(virtual_transport="lmtp:unix:private/lmtp")).warnings


def test_a_host_name_that_shows_the_site() -> None:
    wiring = wire(WANTED, Installed(hostname="mx.central.test.tux"))
    assert "$myhostname" in values(wiring)["mydestination"]
    assert "shows in HELO" in wiring.warnings[0]
    assert not wire(WANTED, Installed(hostname="mx1.test.tux")).warnings


def test_local_mail_that_would_go_to_users() -> None:
    wiring = wire(WANTED, Installed(hostname="mx1.test.tux", origin="test.tux"))
    assert "root@test.tux" in wiring.warnings[0]


def test_a_fallback_relay_would_get_the_mail_between_sites() -> None:
    """smtp(8) hands it what it cannot deliver, whatever the nexthop (postconf(5))."""
    wiring = wire(WANTED, Installed(fallback_relay="[isp.example]"))
    assert "smtp_fallback_relay is [isp.example]" in wiring.warnings[0]


def test_senders_with_a_transport_of_their_own_do_without_the_outbound_service() -> None:
    wiring = wire(WANTED, Installed(sender_dependent="hash:/etc/postfix/by-sender"))
    assert "sender_dependent_default_transport_maps is hash:" in wiring.warnings[0]


def test_listeners_of_a_family_that_postfix_does_not_speak() -> None:
    wiring = wire(wanted(policy="inet:[::1]:2527", socketmap="inet:[::1]:2526"), Installed(protocols="ipv4"))
    assert "smtpd_recipient_restrictions" not in values(wiring)
    assert [warning.partition(":")[0] for warning in wiring.warnings] == ["Postfix cannot reach inet"] * 2
    assert "no policy service" in wiring.warnings[0] and "deferred" in wiring.warnings[1]
