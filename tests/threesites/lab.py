"""The company: three sites, the outside, the traffic between them, and where each user's mailbox is.

Owns their life, and the acts of the administrator, who writes to the central directory and to nothing else.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial

from tests.lab.company import DOMAIN, SITES, TRANSPORTS, Person
from tests.lab.daemon import wait_for
from tests.threesites.messages import Traffic
from tests.threesites.network import ADDRESSES, OUTSIDE, Network
from tests.threesites.receiver import receiver
from tests.threesites.sender import Post
from tests.threesites.site import CENTRAL, Site

USERS = 30
SETTLE_SECONDS = 60.0


class Lab:
    """Everything, running."""

    def __init__(self, stack: ExitStack, *, ldap_tables: bool, seed: int) -> None:
        self.ldap_tables = ldap_tables
        self.people = [Person(number) for number in range(USERS)]
        self.homes = {person.uid: {person.site} for person in self.people}
        self._routes = {person.mail: person.route for person in self.people}
        self._nexthops = {f"{site}.{DOMAIN}": f"smtp:[{address}]" for site, address in SITES.items()}
        self._numbers = itertools.count(USERS)
        self.network = Network()
        stack.callback(self.network.close)
        self.outside = stack.enter_context(receiver(self.network, OUTSIDE))
        self.sites: dict[str, Site] = {}
        for name in SITES:
            site = Site(self.network, name, ADDRESSES[OUTSIDE], self.people, ldap_tables=ldap_tables)
            stack.callback(site.close)
            self.sites[name] = site
        self._start()
        self.traffic = Traffic(list(self.people), self._routes, seed)
        self.post = Post(self.network)
        stack.callback(self.post.close)

    def _start(self) -> None:
        self.each(Site.start)
        self.wait_current()
        self.each(Site.open)

    @property
    def central(self) -> Site:
        """The site whose directory is written to."""
        return self.sites[CENTRAL]

    def each(self, action: Callable[[Site], object], names: Sequence[str] = tuple(SITES)) -> None:
        """Does it at these sites, at the same time."""
        with ThreadPoolExecutor(len(names)) as pool:
            list(pool.map(action, [self.sites[name] for name in names]))

    def wait_current(self, names: Sequence[str] = tuple(SITES)) -> None:
        """Waits until these sites know what the central directory knows."""
        for name in names:
            site = self.sites[name]
            wait_for(
                partial(site.knows, self._routes, self._nexthops), f"{name} to be current", SETTLE_SECONDS
            )

    def queued(self) -> int:
        """Mails in all queues."""
        return sum(site.queued() for site in self.sites.values())

    def waiting(self) -> list[str]:
        """What the queues say of each mail in them, and the last lines of the log that name it."""
        return [
            f"{name}: {mail}\n" + "\n".join([line for line in lines if mail["queue_id"] in line][-10:])
            for name, site in self.sites.items()
            for lines in [site.postfix.log_text().splitlines()]
            for mail in site.postfix.queue()
        ]

    def deferred(self) -> int:
        """Mails in all queues that have to wait."""
        return sum(site.deferred() for site in self.sites.values())

    def logs(self) -> dict[str, str]:
        """What each Postfix has logged."""
        return {name: site.postfix.log_text() for name, site in self.sites.items()}

    def move(self, person: Person, to: str) -> None:
        """Gives a user a mailbox at another site and changes the route; the old mailbox is there as before."""
        self.homes[person.uid].add(to)
        self.sites[to].mailboxes.add(person.uid)
        route = f"{person.uid}@{self.sites[to].domain}"
        self.central.slapd.modify(person.dn, colocRouteAddress=[route])
        self._routes[person.mail] = route

    def remove_mailbox(self, person: Person, at: str) -> None:
        """Whatever still comes for it there is refused."""
        self.sites[at].mailboxes.remove(person.uid)

    def create(self, at: str) -> Person:
        """A new user with a mailbox at this site, who is not yet in the directory."""
        person = next(person for person in map(Person, self._numbers) if person.site == at)
        self.homes[person.uid] = {at}
        self.sites[at].mailboxes.add(person.uid)
        return person

    def publish(self, person: Person) -> None:
        """Puts a new user into the directory."""
        self.central.slapd.add(person.dn, person.attributes())
        self._routes[person.mail] = person.route

    def change_nexthop(self, site: Site, nexthop: str) -> None:
        """The directory's transport of a site."""
        dn = f"suseMailTransportDestination={site.domain},{TRANSPORTS}"
        self.central.slapd.modify(dn, suseMailTransportNexthop=[nexthop])
        self._nexthops[site.domain] = nexthop


@contextmanager
def lab(*, ldap_tables: bool = False, seed: int = 1) -> Iterator[Lab]:
    """The whole laboratory, gone at the end."""
    with ExitStack() as stack:
        yield Lab(stack, ldap_tables=ldap_tables, seed=seed)
