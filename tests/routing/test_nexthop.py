"""Nexthops are judged before smtp(8) dies of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colocroute.routing.nexthop import Destination, Nexthop, Unusable, choose, parse
from colocroute.routing.view import Rules

TRANSPORTS = (*Rules().transports, "slow")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("[10.2.0.1]", "smtp:[10.2.0.1]"),
        ("10.2.0.1", "smtp:[10.2.0.1]"),
        ("smtp:10.2.0.1", "smtp:[10.2.0.1]"),
        ("smtp:10.2.0.1:2525", "smtp:[10.2.0.1]:2525"),
        ("[10.2.0.1]:25", "smtp:[10.2.0.1]:25"),
        ("[10.2.0.1]:", "smtp:[10.2.0.1]"),
        (" smtp:[10.2.0.1] ", "smtp:[10.2.0.1]"),
        ("smtp: [10.2.0.1]", "smtp:[10.2.0.1]"),
        ("SMTP:[10.2.0.1]", "smtp:[10.2.0.1]"),
        ("smtp:[10.2.0.1]:0025", "smtp:[10.2.0.1]:25"),
        ("smtp:[10.2.0.1]:submission", "smtp:[10.2.0.1]:submission"),
        ("mail.test.tux", "smtp:mail.test.tux"),
        ("[Mail.Test.Tux]", "smtp:[mail.test.tux]"),
        ("smtp:mail.test.tux.", "smtp:mail.test.tux"),
        ("smtp:[mail.bücher.test]:25", "smtp:[mail.xn--bcher-kva.test]:25"),
        ("relay:mail.test.tux:smtp", "relay:mail.test.tux:smtp"),
        ("smtp:[2001:db8::1]", "smtp:[2001:db8::1]"),
        ("[2001:DB8:0::1]:25", "smtp:[2001:db8::1]:25"),
        ("smtp:[IPv6:2001:db8::1]", "smtp:[2001:db8::1]"),
        ("smtp:[ipv6:2001:db8::1]:25", "smtp:[2001:db8::1]:25"),
        ("smtp:[10.2.0.1],[10.2.0.2]:26", "smtp:[10.2.0.1], [10.2.0.2]:26"),
        ("smtp:a.test , b.test", "smtp:a.test, b.test"),
        ("lmtp:unix:/var/run/lmtp", "lmtp:unix:/var/run/lmtp"),
        ("lmtp:unix:private/lmtp", "lmtp:unix:private/lmtp"),
        ("lmtp:inet:127.0.0.1:24", "lmtp:inet:[127.0.0.1]:24"),
        ("lmtp:[10.2.0.1]:24", "lmtp:[10.2.0.1]:24"),
        ("lmtp:mail.test.tux", "lmtp:mail.test.tux"),
        ("slow:[10.2.0.1]", "slow:[10.2.0.1]"),
        ("slow:", "slow:"),
        ("smtp:", "smtp:"),
        ("smtp", "smtp:"),
        ("virtual", "virtual:"),
        ("local:whatever", "local:whatever"),
        ("error:5.1.1 no, not here: gone", "error:5.1.1 no, not here: gone"),
        ("discard:", "discard:"),
        ("uucp:host!x", "uucp:host!x"),
    ],
)
def test_usable(value: str, text: str) -> None:
    nexthop = parse(value, TRANSPORTS)
    assert isinstance(nexthop, Nexthop), nexthop
    assert nexthop.text == text
    assert parse(nexthop.text, TRANSPORTS) == nexthop


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "smtp:a:b:c",
        "smtp:bogus:host:9",
        "smtp:[10.2.0.1",
        "smtp:10.2.0.1]",
        "smtp:[]",
        "smtp:[10.2.0.1]x",
        "smtp:[10.2.0.1]:0",
        "smtp:[10.2.0.1]:65536",
        "smtp:[10.2.0.1]:99999999999999999999",
        "smtp:[10.2.0.1]:25x",
        "smtp:[10.2.0.1]:²",
        "smtp:[10.2.0.1]:nosuchservice",
        "smtp:10.2.0.1 10.2.0.2",
        "smtp:[10.2.0.1],",
        "smtp:[10.2.0.1],,[10.2.0.2]",
        "smtp:[10.2.0.1],[bad",
        "smtp:,",
        "smtp:2001:db8::1",
        "smtp:[fe80::1%eth0]",
        "smtp:[IPv6:10.2.0.1]",
        "smtp:[0.1.2.3]",
        "smtp:[10.2.0.256]",
        "smtp:1234",
        "smtp:-host",
        "smtp:ho st",
        "smtp:host..test",
        "smtp:unix:/path",
        "lmtp:unix:",
        "lmtp:unix:/a b",
        "lmtp:inet:",
        "host:25",
        "nosuch:[10.2.0.1]",
        ":[10.2.0.1]",
        ":",
        "smtp:[10.2.0.1]\n",
        "error:two\nlines",
        "error:\x00",
        "error:\ud800",
        "error:" + "x" * 1_000,
        "error:" + "中" * 400,
    ],
)
def test_unusable(value: str) -> None:
    outcome = parse(value, TRANSPORTS)
    assert isinstance(outcome, Unusable), outcome
    assert outcome.reason.isprintable()
    assert outcome.reason.isascii()
    assert ascii(value[:80])[1:-1] in outcome.reason


def test_a_transport_must_be_listed() -> None:
    assert isinstance(parse("slow:[10.2.0.1]", ("slow",)), Nexthop)
    assert parse("slow:[10.2.0.1]", ("smtp",)) == Unusable(
        "nexthop 'slow:[10.2.0.1]': transport 'slow' is not one of routing.transports"
    )
    assert isinstance(parse("[10.2.0.1]", ("lmtp",)), Unusable)


@pytest.mark.parametrize(
    ("value", "destinations", "delivers_here"),
    [
        ("[10.2.0.1]:25", (Destination("10.2.0.1", "25", bracketed=True),), False),
        ("smtp:mail.test", (Destination("mail.test", "", bracketed=False),), False),
        (
            "smtp:[a.test],b.test:smtp",
            (Destination("a.test", "", True), Destination("b.test", "smtp", False)),
            False,
        ),
        ("smtp:", (), False),
        ("error:x", (), False),
        ("lmtp:unix:/x", (), True),
        ("local:", (), True),
        ("virtual:x", (), True),
    ],
)
def test_where_it_leads(value: str, destinations: tuple[Destination, ...], delivers_here: bool) -> None:
    nexthop = parse(value, TRANSPORTS)
    assert isinstance(nexthop, Nexthop)
    assert nexthop.destinations == destinations
    assert nexthop.delivers_here is delivers_here


def test_choose() -> None:
    assert choose(("[10.2.0.1]", "smtp:[10.2.0.1]"), TRANSPORTS) == parse("smtp:[10.2.0.1]", TRANSPORTS)
    assert choose((), TRANSPORTS) == Unusable("no nexthop")
    assert choose(("smtp:[10.2.0.1]", "smtp:[10.2.0.2]"), TRANSPORTS) == Unusable(
        "several nexthops: 'smtp:[10.2.0.1]', 'smtp:[10.2.0.2]'"
    )
    assert isinstance(choose(("smtp:[10.2.0.1]", "smtp:a:b:c"), TRANSPORTS), Unusable)
    assert choose(("smtp:a:b:c",), TRANSPORTS) == parse("smtp:a:b:c", TRANSPORTS)


NEXTHOPS = st.one_of(
    st.text(), st.text(st.sampled_from("smtplocaunix:[],. 0125/")).map(lambda text: f"smtp:{text}")
)


@given(NEXTHOPS)
def test_every_text_has_an_outcome(value: str) -> None:
    outcome = parse(value, TRANSPORTS)
    if isinstance(outcome, Unusable):
        assert outcome.reason.isprintable()
    else:
        assert parse(outcome.text, TRANSPORTS) == outcome
        assert outcome.text.partition(":")[0] == outcome.transport
        assert len(outcome.text.encode()) < 4_096 // 3
