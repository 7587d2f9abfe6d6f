"""A directory with `syncprov-nopresent`: it never tells what was deleted while we were away."""

from typing import Any

from colocroute.model import Found, NotFound
from tests.lab.company import Person, company_ldif
from tests.lab.daemon import daemon, wait_for
from tests.lab.slapd import Slapd
from tests.lab.watcher import Watcher, wait_equal

PEOPLE = 60
KNOWN = {Person(number).mail: [Person(number).route] for number in range(0, PEOPLE, 3)}


def test_a_deletion_that_is_not_told_is_found_by_the_full_refresh() -> None:
    gone = Person(1)
    with Slapd(company_ldif(PEOPLE), no_present=True) as slapd:
        sections: dict[str, dict[str, Any]] = {
            "directory": {"uri": slapd.ldapi, "base": "dc=test,dc=tux", "full_refresh_interval": "3s"},
            "routing": {"domains": ["test.tux"], "here": []},
        }
        with daemon(sections) as service:
            service.wait_state("live")
            assert service.ask("virtual_alias", gone.mail) == Found(gone.route)
            with Watcher(service.socket, KNOWN) as watcher:
                slapd.restart()
                slapd.delete(gone.dn)
                wait_for(lambda: service.ask("virtual_alias", gone.mail) == NotFound(), "the deletion", 40)
                wait_equal(service)
            watcher.check()
