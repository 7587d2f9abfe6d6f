"""A directory whose clock is off by a year, either way, or is set while it runs: nobody gets a wrong answer.

The clock is in every CSN, and so in the cookie and in what the mirror is compared by.
"""

from datetime import UTC, datetime
from typing import Any

import pytest

from colocroute.model import Found, NotFound
from tests.lab.company import Person, company_ldif
from tests.lab.daemon import Daemon, daemon, wait_for
from tests.lab.slapd import Slapd
from tests.lab.watcher import Watcher, wait_equal

PEOPLE = 60
KNOWN = {Person(number).mail: [Person(number).route] for number in range(0, PEOPLE, 3)}
YEAR_AHEAD, YEAR_BEHIND = "+365d", "-365d"


def sections(slapd: Slapd, **directory: Any) -> dict[str, dict[str, Any]]:
    return {
        "directory": {"uri": slapd.ldapi, "base": "dc=test,dc=tux", **directory},
        "routing": {"domains": ["test.tux"], "here": [], "stale_after": "2s"},
    }


def move(slapd: Slapd, service: Daemon, person: Person, to: str) -> None:
    """Moves a user and waits until that is answered."""
    route = f"{person.uid}@{to}.test.tux"
    slapd.modify(person.dn, colocRouteAddress=[route])
    wait_for(lambda: service.ask("virtual_alias", person.mail) == Found(route), f"the move to {to}", 40)


def years_off(status: dict[str, Any]) -> float:
    """How many years the directory's position is ahead of our clock."""
    position = datetime.strptime(status["directory"]["cookie"].partition("csn=")[2][:14], "%Y%m%d%H%M%S")
    return (position.replace(tzinfo=UTC) - datetime.now(UTC)).days / 365


@pytest.mark.parametrize("clock", [YEAR_AHEAD, YEAR_BEHIND])
def test_a_clock_that_is_off_by_a_year(clock: str) -> None:
    with Slapd(company_ldif(PEOPLE), clock=clock) as slapd, daemon(sections(slapd)) as service:
        status = service.wait_state("live")
        assert round(abs(years_off(status))) == 1, "the lab's clock is right"
        with Watcher(service.socket, KNOWN) as watcher:
            assert service.settled("virtual_alias", "nobody@test.tux") == NotFound()
            move(slapd, service, Person(1), "paris")
            slapd.delete(Person(2).dn)
            wait_for(lambda: service.ask("virtual_alias", Person(2).mail) == NotFound(), "the deletion")
            slapd.restart()
            service.wait_state("live", 40)
            move(slapd, service, Person(1), "central")
            wait_for(lambda: service.status()["directory"]["lag"] == 0.0, "no lag")
            wait_equal(service)
        watcher.check()


def test_a_clock_that_was_ahead_and_is_set_right() -> None:
    """What changes while we are not connected is older than our cookie, which is therefore not sent."""
    with Slapd(company_ldif(PEOPLE), clock=YEAR_AHEAD) as slapd, daemon(sections(slapd)) as service:
        _set_right(slapd, service)


def test_a_clock_that_was_behind_and_is_set_right() -> None:
    with Slapd(company_ldif(PEOPLE), clock=YEAR_BEHIND) as slapd, daemon(sections(slapd)) as service:
        _set_right(slapd, service)


def _set_right(slapd: Slapd, service: Daemon) -> None:
    service.wait_state("live")
    with Watcher(service.socket, KNOWN) as watcher:
        move(slapd, service, Person(1), "paris")
        slapd.options.clock = ""
        slapd.restart()
        slapd.delete(Person(2).dn)
        move(slapd, service, Person(1), "central")
        wait_for(lambda: service.ask("virtual_alias", Person(2).mail) == NotFound(), "the deletion", 40)
        wait_equal(service, 60)
        service.wait_state("live", 40)
    watcher.check()
