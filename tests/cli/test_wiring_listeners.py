"""Which listener Postfix is told of."""

import pytest

from colocroute.cli.wiring_listeners import choose_policy, choose_socketmap
from colocroute.cli.wiring_model import Installed

UNIX, INET = "unix:/run/colocroute/map.sock", "inet:127.0.0.1:2526"
QUEUED = "unix:/var/spool/postfix/colocroute/policy.sock"
CHROOTED = Installed(chrooted=frozenset({"smtpd"}))


@pytest.mark.parametrize(
    ("listeners", "installed", "chosen"),
    [
        ((UNIX, INET), Installed(), UNIX),
        ((INET, UNIX), Installed(), INET),
        ((UNIX, INET), CHROOTED, INET),
        ((UNIX,), CHROOTED, UNIX),
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
        ((), CHROOTED, ""),
    ],
)
def test_the_first_policy_service_that_smtpd_reaches(
    listeners: tuple[str, ...], installed: Installed, chosen: str
) -> None:
    assert choose_policy(listeners, installed) == chosen
