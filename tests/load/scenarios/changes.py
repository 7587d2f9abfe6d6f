"""How long after the replica's acknowledgement a change is answered by the socket."""

import statistics
import time

import ldap3

from colocroute.model import Found
from tests.lab.company import Person
from tests.lab.daemon import Client, daemon
from tests.load import company, ours
from tests.load.figures import Goal, Section, Table
from tests.load.lab import Lab

USERS, CHANGES, QUICK_CHANGES = 10_000, 1_000, 100
GOAL = 0.005  # seconds
PATIENCE = 10.0


def run(lab: Lab) -> Section:
    """Single changes of routes, each followed by questions until the new one is answered."""
    changes = QUICK_CHANGES if lab.quick else CHANGES
    waits: list[float] = []
    with company.slapd(USERS) as server, daemon(ours.sections(server.ldapi)) as service:
        service.wait_state("live", 120)
        with server.admin() as admin, Client(service.socket) as client:
            for number in range(changes):
                person = Person(number)
                route = f"moved{number}@paris.test.tux"
                admin.modify(person.dn, {"colocRouteAddress": [(ldap3.MODIFY_REPLACE, [route])]})
                acknowledged = time.monotonic()
                while client.ask("virtual_alias", person.mail) != Found(route):
                    if time.monotonic() - acknowledged > PATIENCE:
                        raise AssertionError(f"{person.mail} is not answered anew within {PATIENCE:g} s")
                waits.append(time.monotonic() - acknowledged)
    ordered = sorted(waits)
    middle, p99 = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
    return Section(
        name="changes",
        title="Changes",
        text=f"{changes:,} changes of a route in a slapd with {USERS:,} users on the same machine, in turn.",
        tables=[
            Table(
                ("change acknowledged by the replica -> answered by the socket", "ms"),
                [
                    ("median", f"{middle * 1e3:.2f}"),
                    ("p99", f"{p99 * 1e3:.2f}"),
                    ("longest", f"{ordered[-1] * 1e3:.2f}"),
                ],
            )
        ],
        goals=[
            Goal(
                what="change acknowledged by the local replica -> answered",
                goal=f"median under {GOAL * 1e3:g} ms",
                figure=f"{middle * 1e3:.2f} ms (p99 {p99 * 1e3:.1f} ms)",
                reached=middle < GOAL,
            )
        ],
    )
