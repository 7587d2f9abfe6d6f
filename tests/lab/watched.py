"""A daemon that follows a slapd, and somebody who asks it all the time: the scene of the tests of directories.

Owns the size of the company and its configuration.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from colocroute.model import Found
from tests.lab.company import Person, company_ldif
from tests.lab.daemon import Daemon, daemon
from tests.lab.slapd import Slapd
from tests.lab.watcher import Watcher

PEOPLE = 120
KNOWN = {Person(number).mail: [Person(number).route] for number in range(0, PEOPLE, 3)}
STALE_AFTER = "2s"


def sections(slapd: Slapd, **directory: Any) -> dict[str, dict[str, Any]]:
    return {
        "directory": {"uri": slapd.ldapi, "base": "dc=test,dc=tux", **directory},
        "routing": {"domains": ["test.tux"], "here": [], "stale_after": STALE_AFTER},
    }


@contextmanager
def watched(slapd: Slapd, **directory: Any) -> Iterator[tuple[Daemon, Watcher]]:
    """A live daemon that follows `slapd`, and somebody who asks."""
    with daemon(sections(slapd, **directory)) as service:
        service.wait_state("live")
        with Watcher(service.socket, KNOWN) as watcher:
            yield service, watcher
        watcher.check()


@contextmanager
def replicated(people: int = PEOPLE) -> Iterator[tuple[Slapd, Slapd]]:
    """A provider and its replica, which is a provider itself, as at every site."""
    with Slapd(company_ldif(people)) as provider, Slapd(providers=[provider]) as replica:
        replica.wait_for(provider)
        yield provider, replica


def answers(service: Daemon, key: str, route: str) -> bool:
    """Whether this is the answer now."""
    return service.ask("virtual_alias", key) == Found(route)
