"""Which listener Postfix is told of."""

import pytest

from colocroute.cli.wiring_listeners import choose_policy, choose_socketmap
from colocroute.cli.wiring_model import Installed

UNIX, INET = "unix:/run/colocroute/map.sock", "inet:127.0.0.1:2526"
QUEUED = "unix:/var/spool/postfix/colocroute/policy.sock"
INET6 = "inet:[::1]:2526"
IPV4 = Installed(protocols="ipv4")
CHROOTED = Installed(chrooted=frozenset({"smtpd"}))


@pytest.mark.parametrize(
    ("listeners", "installed", "chosen"),
    [
        ((UNIX, INET), Installed(), UNIX),
        ((INET, UNIX), Installed(), INET),
        ((UNIX, INET), CHROOTED, INET),
        ((UNIX,), CHROOTED, UNIX),
        ((INET6, INET), Installed(), INET6),
        ((INET6, INET), Installed(protocols="ipv4, ipv6"), INET6),
        ((INET6, INET), IPV4, INET),
        ((INET, INET6), Installed(protocols="ipv6"), INET6),
        (("inet:localhost:2526", INET), IPV4, "inet:localhost:2526"),
        ((INET6, UNIX), Installed(chrooted=CHROOTED.chrooted, protocols="ipv4"), UNIX),
        ((INET6,), IPV4, INET6),
    ],
)
def test_the_first_socketmap_without_a_detour(
    listeners: tuple[str, ...], installed: Installed, chosen: str
) -> None:
    assert choose_socketmap(listeners, installed) == chosen


@pytest.mark.parametrize(
    ("listeners", "installed", "chosen"),
    [
        ((UNIX, INET), Installed(), UNIX),
        ((UNIX, INET), CHROOTED, INET),
        ((UNIX, QUEUED, INET), CHROOTED, QUEUED),
        ((UNIX,), CHROOTED, UNIX),
        ((INET6, INET), IPV4, INET),
        ((INET6,), IPV4, INET6),
        ((), CHROOTED, ""),
    ],
)
def test_the_first_policy_service_that_smtpd_reaches(
    listeners: tuple[str, ...], installed: Installed, chosen: str
) -> None:
    assert choose_policy(listeners, installed) == chosen
