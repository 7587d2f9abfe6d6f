"""Which sites are here, from nexthops and addresses."""

import pytest

from colocroute.routing.here import (
    Host,
    here,
    hosts_to_resolve,
    is_loopback,
    normal_address,
    server_addresses,
)
from colocroute.routing.view import Site

OWN = ("10.1.0.1", "2001:db8::1", "fe80::1%eth0")


def sites(**nexthops: str) -> dict[str, Site]:
    """Sites by short name."""
    return {
        f"{name}.test": Site(f"{name}.test", nexthop, "" if nexthop else "none", here=False)
        for name, nexthop in nexthops.items()
    }


@pytest.mark.parametrize(
    ("nexthop", "is_here"),
    [
        ("smtp:[10.1.0.1]", True),
        ("smtp:[10.1.0.1]:2525", True),
        ("lmtp:inet:[10.1.0.1]:24", True),
        ("smtp:[10.1.0.2]", False),
        ("smtp:[::ffff:10.1.0.1]", True),
        ("smtp:[2001:db8::1]", True),
        ("smtp:[2001:db8::2]", False),
        ("smtp:[fe80::1]", True),
        ("smtp:[127.0.0.1]", True),
        ("smtp:[127.5.5.5]:2525", True),
        ("smtp:[::1]", True),
        ("smtp:[::ffff:127.0.0.1]", True),
        ("smtp:[localhost]:2525", True),
        ("smtp:mx.localhost", True),
        ("lmtp:unix:/run/lmtp", True),
        ("local:", True),
        ("virtual:", True),
        ("error:5.1.1 gone", False),
        ("discard:", False),
        ("uucp:10.1.0.1", False),
        ("", False),
        ("smtp:[mail.test]", True),
        ("smtp:mail.test", False),
        ("smtp:mx.test", True),
        ("lmtp:mail.test", True),
        ("smtp:[unknown.test]", False),
        ("smtp:", False),
        ("smtp:[10.1.0.2], [10.1.0.1]", False),
        ("smtp:[10.1.0.1], [10.1.0.2]", True),
        ("slow:[10.1.0.1]", True),
    ],
)
def test_here(nexthop: str, is_here: bool) -> None:
    resolved = {
        Host("mail.test", mx=False): ("10.9.9.9", "10.1.0.1"),
        Host("mail.test", mx=True): ("10.9.9.9",),
        Host("mx.test", mx=True): ("::ffff:10.1.0.1", "no address"),
    }
    assert here(sites(w=nexthop), OWN, resolved) == (("w.test",) if is_here else ())


def test_a_nexthop_without_a_host_leads_to_the_site_domain() -> None:
    known = sites(w="smtp:", e="lmtp:")
    assert hosts_to_resolve(known) == {Host("w.test", mx=True), Host("e.test", mx=False)}
    assert here(known, OWN, {Host("w.test", mx=True): ("10.1.0.1",)}) == ("w.test",)
    assert here(known, OWN, {Host("e.test", mx=False): ("10.1.0.1",)}) == ("e.test",)


def test_hosts_to_resolve() -> None:
    known = sites(
        a="smtp:[10.1.0.1], b.test:25, [c.test]",
        b="lmtp:unix:/x",
        c="error:no host",
        d="",
        e="smtp:[localhost]",
        f="local:h.test",
        g="lmtp:d.test",
    )
    assert hosts_to_resolve(known) == {
        Host("b.test", mx=True),
        Host("c.test", mx=False),
        Host("d.test", mx=False),
    }


def test_server_addresses() -> None:
    known = sites(
        a="smtp:[10.1.0.1], b.test",
        b="smtp:[::ffff:10.3.0.1]:25",
        c="error:10.4.0.1",
        d="",
        e="smtp:[x.test]",
    )
    resolved = {Host("b.test", mx=True): ("10.2.0.1", "2001:DB8::0:2")}
    assert server_addresses(known, resolved) == {"10.1.0.1", "10.2.0.1", "2001:db8::2", "10.3.0.1"}


def test_several_sites_in_order() -> None:
    assert here(sites(z="smtp:[10.1.0.1]", a="local:", m="smtp:[10.9.0.1]"), OWN, {}) == ("a.test", "z.test")


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("10.1.0.1", "10.1.0.1"),
        ("::FFFF:10.1.0.1", "10.1.0.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", ""),
        ("unknown", ""),
        ("10.1.0.1/24", ""),
    ],
)
def test_normal_address(text: str, normal: str) -> None:
    assert normal_address(text) == normal


def test_is_loopback() -> None:
    assert is_loopback("127.9.9.9")
    assert is_loopback("::1")
    assert not is_loopback("10.1.0.1")
    assert not is_loopback("")
