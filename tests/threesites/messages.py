"""What is sent: random messages from random places to random users, by random spellings of their addresses.

Owns the choice and what is expected of each message.  The same seed makes the same messages.
"""

import random
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from tests.lab.company import DOMAIN, SITES, Person
from tests.threesites.network import OUTSIDE

ID_HEADER = "X-Lab-Id"
CLIENT = "client.example"
FOREIGN = "example.org"
FOREIGN_SHARE = 0.15
SECOND_SHARE = 0.2
TWICE_SHARE = 0.1
EXTENSIONS = ("news", "A.B", "list-7", "x=y")


class Message(msgspec.Struct, frozen=True):
    """One message.  `users` and `foreign` are who must get it, each once, whatever `recipients` lists."""

    id: str
    source: str
    sender: str
    recipients: tuple[str, ...]
    users: frozenset[str]
    foreign: frozenset[str]
    copies: tuple[str, ...] = ()
    """Further addresses that the headers name."""

    @property
    def text(self) -> str:
        """Headers and body."""
        lines = [
            f"{ID_HEADER}: {self.id}",
            f"Message-Id: <{self.id}@{CLIENT}>",
            f"From: Sender <{self.sender}>",
            f"To: {', '.join(self.recipients)}",
            *([f"Cc: {', '.join(self.copies)}"] if self.copies else []),
            "Subject: test",
            "",
            "test",
            "",
        ]
        return "\r\n".join(lines)


class Traffic:
    """A source of messages; `people`, and `routes` by their mail addresses, may change between two of them."""

    def __init__(self, people: list[Person], routes: Mapping[str, str], seed: int) -> None:
        self.people = people
        self._routes = routes
        self._random = random.Random(seed)
        self._run = f"{self._random.getrandbits(40):010x}"
        self._number = 0

    def messages(
        self, count: int, sources: Sequence[str] = (*SITES, OUTSIDE), without: Collection[str] = ()
    ) -> Iterator[Message]:
        """Random messages from these places, to nobody whose uid is in `without`."""
        people = [person for person in self.people if person.uid not in without]
        for _ in range(count):
            yield self._message(self._random.choice(sources), people)

    def to(self, person: Person, source: str) -> Message:
        """A message to one of a user's addresses."""
        return self._compose(source, [person], [])

    def _message(self, source: str, people: Sequence[Person]) -> Message:
        chance = self._random
        if source != OUTSIDE and chance.random() < FOREIGN_SHARE:
            friend = f"friend{chance.randrange(1000)}@{FOREIGN}"
            others = chance.sample(people, chance.randrange(2))
            return self._compose(source, others, [friend])
        return self._compose(source, chance.sample(people, 1 + (chance.random() < SECOND_SHARE)), [])

    def _compose(self, source: str, people: Sequence[Person], foreign: Sequence[str]) -> Message:
        chance = self._random
        self._number += 1
        recipients = [self._spelling(person) for person in people] + list(foreign)
        copies: tuple[str, ...] = ()
        if people and chance.random() < TWICE_SHARE:
            recipients = [people[0].mail, people[0].aliases[0], *recipients[1:]]
        if foreign and self.people:
            copies = (self._routes[chance.choice(self.people).mail],)
        return Message(
            id=f"{self._run}-{self._number}",
            source=source,
            sender=self._sender(source),
            recipients=tuple(recipients),
            users=frozenset(person.uid for person in people),
            foreign=frozenset(foreign),
            copies=copies,
        )

    def _sender(self, source: str) -> str:
        """A user of the site, some of them by the address that nobody outside may see."""
        if source == OUTSIDE:
            return f"stranger{self._random.randrange(1000)}@{FOREIGN}"
        site = f"@{source}.{DOMAIN}"
        theirs = [mail for mail, route in self._routes.items() if route.endswith(site)]
        mail = self._random.choice(theirs)
        return self._random.choice((mail, mail, self._routes[mail]))

    def _spelling(self, person: Person) -> str:
        chance = self._random
        local = chance.choice((person.mail, *person.aliases)).partition("@")[0]
        local = chance.choice((local, local.upper(), local.title()))
        if chance.random() < 0.3:
            local += f"+{chance.choice(EXTENSIONS)}"
        return f"{local}@{chance.choice((DOMAIN, DOMAIN, DOMAIN.upper(), DOMAIN.title()))}"
