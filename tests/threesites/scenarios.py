"""What may go wrong in a company's mail, each in the middle of a load.

Owns the troubles.  Each leaves the laboratory in order.
"""

import signal
import time
from functools import partial

from tests.lab.company import (
    SITES,
    SUFFIX,
    TRANSPORTS,
    USERS,
    ZONES,
    Person,
    as_ldif,
    base_entries,
    company_ldif,
)
from tests.lab.daemon import kill, wait_for
from tests.threesites.network import OUTSIDE
from tests.threesites.run import Run, Scenario
from tests.threesites.site import CENTRAL, Site

EXTERNAL, PARIS = "external", "paris"
NEW_ADDRESS = "10.3.0.2"
MOVED = 3
GREETINGS = 4


def bare_tree() -> str:
    """The company without users and sites."""
    tops = (SUFFIX, USERS, TRANSPORTS, ZONES)
    return "".join(as_ldif(dn, attributes) for dn, attributes in base_entries() if dn in tops)


def nothing(run: Run) -> None:
    """All is well."""
    with run.load():
        pass


def line_cut(run: Run) -> None:
    """Central and paris do not reach each other, nor does paris the directory that it replicates."""
    with run.load():
        run.at(0.15)
        run.lab.network.cut(CENTRAL, PARIS)
        run.at(0.75)
        run.lab.network.heal(CENTRAL, PARIS)


def central_down(run: Run) -> None:
    """Central is off, all of it; the others must have all of their mail before it returns."""
    central = run.lab.central
    run.lab.network.isolate(CENTRAL)
    central.slapd.kill()
    central.halt_service()
    central.postfix.stop()
    others = {person.uid for person in run.lab.people if CENTRAL not in run.lab.homes[person.uid]}
    with run.load(sources=(EXTERNAL, PARIS, OUTSIDE)):
        pass
    flowed = run.wait(lambda: run.delivered_all(others))
    run.lab.network.rejoin(CENTRAL)
    central.restart_slapd()
    central.start_service()
    central.inside(central.postfix.start)
    run.require(flowed, "mail between the other sites waited for central")


def slapd_killed(run: Run) -> None:
    """The replica of external is dead for a while."""
    site = run.lab.sites[EXTERNAL]
    with run.load():
        run.at(0.15)
        site.slapd.kill()
        run.at(0.75)
        site.restart_slapd()


def replica_emptied(run: Run) -> None:
    """The replica of external has no entries, then nothing but the bare tree; then it gets all anew."""
    _replace_replica(run, "", bare_tree())


def replica_without_users(run: Run) -> None:
    """The replica of external is rebuilt from a file that has the sites and no users, then gets all anew."""
    _replace_replica(run, company_ldif(0))


def _replace_replica(run: Run, *contents: str) -> None:
    site = run.lab.sites[EXTERNAL]
    with run.load():
        for number, ldif in enumerate(contents):
            run.at(0.15 + 0.3 * number)
            site.slapd.stop()
            site.restart_slapd(syncrepl=False, ldif=ldif)
        run.at(0.75)
        site.slapd.stop()
        site.restart_slapd(ldif="")


def service_killed(run: Run) -> None:
    """The supervisor of colocroute at external dies at once, and is started again."""
    site = run.lab.sites[EXTERNAL]
    with run.load():
        run.at(0.15)
        site.kill_service()
        run.at(0.6)
        site.start_service()


def worker_killed(run: Run) -> None:
    """At each site a process that answers dies at once."""
    with run.load():
        for number, site in enumerate(run.lab.sites.values()):
            run.at(0.2 + 0.2 * number)
            kill(site.service.status()["workers"][0]["pid"], signal.SIGKILL)


def user_moved(run: Run) -> None:
    """Mail waits for the line from external to paris; then those to whom it goes are at central."""
    lab = run.lab
    moved = _at_paris(run)
    lab.network.cut(EXTERNAL, PARIS)
    with run.load():
        run.send([lab.traffic.to(person, EXTERNAL) for person in moved * GREETINGS])
        run.at(0.3)
        for person in moved:
            lab.move(person, CENTRAL)
        lab.wait_current()
        run.at(0.5)
        _remove_mailboxes(run, moved)
        run.at(0.75)
        lab.network.heal(EXTERNAL, PARIS)


def _at_paris(run: Run) -> list[Person]:
    return [person for person in run.lab.people if run.lab.homes[person.uid] == {PARIS}][:MOVED]


def _remove_mailboxes(run: Run, moved: list[Person]) -> None:
    """At paris, once it has delivered what it took before it heard of the move."""
    run.wait(lambda: not run.lab.sites[PARIS].at_work())
    for person in moved:
        run.lab.remove_mailbox(person, PARIS)


def user_created(run: Run) -> None:
    """New users get mail as soon as their sender's site knows them, though the mailbox's may not yet."""
    lab = run.lab
    with run.load():
        for number, home in enumerate((PARIS, EXTERNAL)):
            run.at(0.1 + 0.1 * number)
            person = lab.create(home)
            lab.publish(person)
            for name in SITES:
                _greet(run, person, name)
        # The next one's own site is the last to learn of it.
        run.at(0.3)
        lab.network.cut(CENTRAL, EXTERNAL)
        person = lab.create(EXTERNAL)
        lab.publish(person)
        for _ in range(GREETINGS):
            _greet(run, person, PARIS)
        run.at(0.75)
        lab.network.heal(CENTRAL, EXTERNAL)


def _greet(run: Run, person: Person, source: str) -> None:
    wait_for(partial(run.lab.sites[source].has, person), f"{source} to know {person.uid}")
    run.send([run.lab.traffic.to(person, source)])


def address_changed(run: Run) -> None:
    """The server of paris gets another address, in the directory first."""
    lab, site, old = run.lab, run.lab.sites[PARIS], run.lab.post.servers[PARIS]
    with run.load():
        run.at(0.2)
        lab.change_nexthop(site, f"smtp:[{NEW_ADDRESS}]")
        lab.network.add_address(PARIS, NEW_ADDRESS)
        lab.post.servers[PARIS] = NEW_ADDRESS
        time.sleep(0.5)
        lab.network.remove_address(PARIS, old, NEW_ADDRESS)
    run.drain()
    lab.network.add_address(PARIS, old)
    lab.change_nexthop(site, f"smtp:[{old}]")
    lab.post.servers[PARIS] = old
    lab.wait_current()
    lab.network.remove_address(PARIS, NEW_ADDRESS, old)


def postfix_restarted(run: Run) -> None:
    """Each site's Postfix is stopped and started."""
    with run.load():
        for number, site in enumerate(run.lab.sites.values()):
            run.at(0.2 + 0.2 * number)
            site.postfix.stop()
            site.inside(site.postfix.start)


def moved_unheard(run: Run) -> None:
    """Users move from paris to external, which is cut off from the directory and has not heard of it."""
    lab = run.lab
    moved = _at_paris(run)
    lab.network.cut(CENTRAL, EXTERNAL)
    with run.load():
        run.at(0.2)
        for person in moved:
            lab.move(person, EXTERNAL)
        lab.wait_current((CENTRAL, PARIS))
        run.send([lab.traffic.to(person, source) for person in moved for source in SITES])
        run.at(0.5)
        _remove_mailboxes(run, moved)
        run.at(0.75)
        lab.network.heal(CENTRAL, EXTERNAL)


def services_killed(run: Run) -> None:
    """Every colocroute dies at once, and the replica of external with them, which returns last."""
    sites = run.lab.sites.values()
    with run.load():
        run.at(0.2)
        for site in sites:
            site.kill_service()
        run.lab.sites[EXTERNAL].slapd.kill()
        run.at(0.4)
        run.lab.each(Site.start_service)
        run.at(0.7)
        run.lab.sites[EXTERNAL].restart_slapd()


def service_restarted_on_nothing(run: Run) -> None:
    """colocroute at external is killed, and when it starts again its replica has neither users nor sites."""
    site = run.lab.sites[EXTERNAL]
    with run.load():
        run.at(0.2)
        site.kill_service()
        site.slapd.stop()
        site.restart_slapd(syncrepl=False, ldif=bare_tree())
        site.start_service()
        run.at(0.75)
        site.slapd.stop()
        site.restart_slapd(ldif="")


SCENARIOS = (
    Scenario("nothing", "nothing wrong", nothing),
    Scenario("line", "a line cut and healed", line_cut),
    Scenario("central", "central down for the whole run", central_down),
    Scenario("slapd", "local slapd killed", slapd_killed),
    Scenario("emptied", "replica emptied", replica_emptied),
    Scenario("rebuilt", "replica rebuilt without users", replica_without_users),
    Scenario("service", "colocroute killed, supervisor included", service_killed, own=True),
    Scenario("worker", "a worker killed under load", worker_killed, own=True),
    Scenario("moved", "users moved while mail to them is queued", user_moved),
    Scenario("created", "users created while mail is under way", user_created),
    Scenario("address", "a site's address changed", address_changed),
    Scenario("postfix", "Postfix restarted", postfix_restarted),
    Scenario("unheard", "users moved to a site that has not heard of it", moved_unheard),
    Scenario("services", "all colocroutes and a slapd killed at once", services_killed, own=True),
    Scenario(
        "restarted", "colocroute restarted on an emptied replica", service_restarted_on_nothing, own=True
    ),
)
