"""Our own clock is wrong, by libfaketime: what is remembered for a time is not forgotten for that."""

from colocroute.model import Found
from tests.lab.company import SITES, Person, company_ldif
from tests.lab.daemon import Daemon, daemon, wait_for
from tests.lab.slapd import Slapd, clock_of
from tests.lab.watched import sections

PEOPLE = 12


def again(service: Daemon, clock: str) -> None:
    """Starts the service with this clock; the first thing that its replicator does is to forget what is old."""
    service.stop()
    service.environment = clock_of(clock)
    service.start()
    service.wait_state("live", 40)


def move(slapd: Slapd, service: Daemon, person: Person) -> None:
    route = f"{person.uid}@paris.test.tux"
    slapd.modify(person.dn, colocRouteAddress=[route])
    wait_for(lambda: service.ask("virtual_alias", person.mail) == Found(route), "the move")


def led_on(service: Daemon, person: Person) -> bool:
    return service.ask("virtual_alias", person.route) == Found(
        f"{person.uid}@paris.test.tux"
    ) and service.ask("transport", person.route) == Found(f"smtp:[{SITES['paris']}]")


def test_a_clock_that_was_wrong_for_a_while_forgets_no_former_route() -> None:
    first, second = [person for person in map(Person, range(PEOPLE)) if person.site == "external"][:2]
    with Slapd(company_ldif(PEOPLE)) as slapd, daemon(sections(slapd)) as service:
        service.wait_state("live")
        move(slapd, service, first)
        again(service, "+31d")
        assert led_on(service, first)
        again(service, "-20000d")  # booted in 1970, as a machine without a battery does
        move(slapd, service, second)
        assert led_on(service, second)
        again(service, "")
        assert led_on(service, first)
        assert led_on(service, second)
