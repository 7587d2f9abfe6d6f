"""The policy service's decision."""

import ipaddress

import pytest

from colocroute.model import State
from colocroute.routing.policy import DEFER, DUNNO, UNKNOWN_USER, action
from colocroute.routing.view import View
from tests.routing.worlds import UnreadableView, company, person, rules, world

SERVERS = frozenset({"10.1.0.1", "10.2.0.1", "2001:db8::1"})
TRUSTED = (ipaddress.ip_network("192.0.2.0/24"), ipaddress.ip_network("2001:db8:1::/48"))
OUTSIDER = "203.0.113.9"


def decide(view: View, *, client: str = OUTSIDER, **attributes: str) -> str:
    """The action for a request at RCPT."""
    request = {"request": "smtpd_access_policy", "protocol_state": "RCPT", "client_address": client}
    return action(view, {**request, **attributes}, servers=SERVERS, trusted=TRUSTED)


LIVE = company()


@pytest.mark.parametrize(
    "attributes",
    [
        {"recipient": "anna@external.test.tux"},
        {"recipient": "ANNA+x@External.Test.Tux"},
        {"recipient": "nobody@external.test.tux"},
        {"recipient": "bob@central.test.tux"},
        {"recipient": '"a b"@lima.test.tux'},
        {"sender": "anna@external.test.tux", "recipient": "bob@test.tux"},
        {"sender": "anna@external.test.tux", "recipient": "bob@example.com"},
        {"sender": "anna@external.test.tux", "recipient": ""},
        {"sender": "anna@external.test.tux"},
        {"sender": "x@example.com", "recipient": "anna@external.test.tux", "protocol_state": "DATA"},
        {"recipient": "anna@external.test.tux", "sasl_username": ""},
        {"recipient": "anna@external.test.tux", "client": "unknown"},
        {"recipient": "anna@external.test.tux", "client": ""},
        {"recipient": "anna@external.test.tux", "client": "10.2.0.11"},
        {"recipient": "anna@external.test.tux", "client": "2001:db8::2"},
        {"recipient": "anna@external.test.tux", "client": "192.0.3.1"},
    ],
)
def test_outsiders_may_not_use_site_domains(attributes: dict[str, str]) -> None:
    said = decide(LIVE, **attributes)
    assert said.startswith("REJECT 5.7.1 ")
    assert "is an internal mail domain" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    "insider",
    [
        {"client": "10.2.0.1"},
        {"client": "::ffff:10.2.0.1"},
        {"client": "2001:DB8:0::1"},
        {"client": "127.0.0.1"},
        {"client": "127.8.8.8"},
        {"client": "::1"},
        {"client": "192.0.2.77"},
        {"client": "::ffff:192.0.2.77"},
        {"client": "2001:db8:1:2::3"},
        {"sasl_username": "anna"},
    ],
)
@pytest.mark.parametrize("state", State)
def test_insiders_may(insider: dict[str, str], state: State) -> None:
    view = company(state)
    assert decide(view, recipient="nobody@external.test.tux", **insider) == DUNNO
    assert decide(view, sender="anna@external.test.tux", recipient="x@example.com", **insider) == DUNNO


@pytest.mark.parametrize("state", [State.EMPTY, State.STALE, State.HELD])
def test_a_mirror_that_may_lack_a_server_does_not_refuse_it(state: State) -> None:
    assert decide(company(state), recipient="anna@external.test.tux") == DEFER
    assert decide(company(state), sender="anna@external.test.tux") == DEFER


@pytest.mark.parametrize(
    ("recipient", "said"),
    [
        ("nobody@test.tux", UNKNOWN_USER),
        ("NoBody+x@bücher.test", UNKNOWN_USER),
        ("dora@test.tux", UNKNOWN_USER),
        ("anna@test.tux", DUNNO),
        ("Anna+x@TEST.TUX", DUNNO),
        ("ida q@test.tux", DUNNO),
        ('"ida q"@test.tux', DUNNO),
        ("nobody@second.test", DUNNO),
        ("team@test.tux", DUNNO),
        ("erik@test.tux", DUNNO),
        ("gina@test.tux", DUNNO),
        ("x@example.com", DUNNO),
        ("postmaster", DUNNO),
        ("x@[10.1.0.1]", DUNNO),
        ("", DUNNO),
        ("*", DUNNO),
        ("a\ud800@test.tux", DUNNO),
    ],
)
@pytest.mark.parametrize("client", [OUTSIDER, "10.2.0.1", "127.0.0.1"])
def test_recipients(recipient: str, said: str, client: str) -> None:
    assert decide(LIVE, client=client, sender="x@example.com", recipient=recipient) == said


@pytest.mark.parametrize(
    "sender", ["", "nobody@test.tux", "dora@test.tux", "team@test.tux", "x@example.com", "<>"]
)
def test_senders_need_not_exist(sender: str) -> None:
    assert decide(LIVE, sender=sender, recipient="anna@test.tux") == DUNNO


@pytest.mark.parametrize(
    ("state", "said"),
    [(State.LIVE, UNKNOWN_USER), (State.STALE, DEFER), (State.HELD, DEFER), (State.EMPTY, DEFER)],
)
def test_only_a_live_mirror_refuses_a_recipient(state: State, said: str) -> None:
    view = company(state)
    assert decide(view, recipient="nobody@test.tux") == said
    if state is not State.EMPTY:
        assert decide(view, recipient="anna@test.tux") == DUNNO


def test_a_stale_mirror_may_be_told_to_reject() -> None:
    view = company(State.STALE, rules(reject_when_stale=True))
    assert decide(view, recipient="nobody@test.tux") == UNKNOWN_USER


@pytest.mark.parametrize("state", State)
def test_the_rest_of_the_world_is_none_of_our_business(state: State) -> None:
    view = UnreadableView(state)
    assert decide(view, sender="a@example.com", recipient="b@example.org") == DUNNO
    assert action(view, {}, servers=SERVERS, trusted=TRUSTED) == DUNNO


@pytest.mark.parametrize("protocol_state", ["CONNECT", "EHLO", "MAIL", "DATA", "END-OF-MESSAGE", "ETRN"])
def test_no_recipient_is_no_unknown_recipient(protocol_state: str) -> None:
    assert decide(LIVE, protocol_state=protocol_state, sender="x@example.com", recipient="") == DUNNO


def test_the_catch_all_counts() -> None:
    view = world(person("a", ["@test.tux"], ["a@west.test.tux"]))
    assert decide(view, recipient="nobody@test.tux") == DUNNO


def test_a_server_whose_address_is_not_known_is_not_refused() -> None:
    request = {
        "request": "smtpd_access_policy",
        "client_address": OUTSIDER,
        "recipient": "bob@central.test.tux",
    }
    assert action(LIVE, request, servers=SERVERS, trusted=TRUSTED, unresolved=True) == DEFER
    assert action(LIVE, request, servers=SERVERS, trusted=TRUSTED).startswith("REJECT")
