"""One scenario run: the load, the trouble in the middle of it, and the account.

Owns the order: all sites current, messages under way, trouble, every sender answered, every queue empty, account.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from tests.threesites.account import Account, account, message_id
from tests.threesites.lab import Lab
from tests.threesites.messages import Message
from tests.threesites.receiver import Arrival, Receiver
from tests.threesites.sender import Fate

PER_SECOND = 12.0
# Postfix does not use a transport for 60 s after an accident (transport_retry_time).
DRAIN_SECONDS = 150.0
POLL_SECONDS = 0.05


class Scenario(msgspec.Struct, frozen=True):
    """`play` makes the load and the trouble and puts right what it broke.  `own`: only colocroute can have it."""

    name: str
    title: str
    play: "Callable[[Run], None]"
    own: bool = False


class Result(msgspec.Struct):
    """One cell of the table."""

    scenario: str
    account: Account
    deferred: int
    """The most mails that were waiting in all queues at one time."""
    stuck: list[str]
    """What there is to say of the mails still in queues at the end of patience."""
    seconds: float
    broken: list[str]
    """What the scenario requires besides, and was not so."""

    @property
    def good(self) -> bool:
        """Whether all is as required."""
        return self.account.clean and not self.stuck and not self.broken

    @property
    def notes(self) -> list[str]:
        """What is not as required, one line each."""
        return [*self.account.notes, *self.broken, *(f"still waits: {mail}" for mail in self.stuck)]


class Run:
    """What a scenario is given."""

    def __init__(self, lab: Lab, messages: int) -> None:
        self.lab = lab
        self.messages = messages
        self.deferred = 0
        self.broken: list[str] = []
        self._begun = 0.0
        self._seconds = messages / PER_SECOND
        self._first = len(lab.post.fates)
        self._arrivals = {receiver.place: len(receiver.arrivals) for receiver in self._receivers()}

    @contextmanager
    def load(self, **choice: Sequence[str]) -> Iterator[None]:
        """Sends the messages meanwhile; `choice` as in `Traffic.messages`.  At the end all are sent."""
        self.send(list(self.lab.traffic.messages(self.messages, **choice)), self._seconds)
        self._begun = time.monotonic()
        yield
        self.wait(lambda: not self._unsettled())

    def send(self, messages: Sequence[Message], over_seconds: float = 0.0) -> None:
        """Sends more."""
        self.lab.post.send(messages, over_seconds)

    def at(self, fraction: float) -> None:
        """Waits for this moment of the load."""
        until = self._begun + self._seconds * fraction
        self.wait(lambda: time.monotonic() >= until)

    def wait(self, condition: Callable[[], bool], seconds: float = DRAIN_SECONDS) -> bool:
        """Waits, and watches the queues; returns whether it came true in time."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                return False
            self.deferred = max(self.deferred, self.lab.deferred())
            time.sleep(POLL_SECONDS)
        return True

    def require(self, condition: bool, otherwise: str) -> None:
        """Notes what is not as it must be."""
        if not condition:
            self.broken.append(otherwise)

    def drain(self) -> None:
        """Waits until all queues are empty, twice in a row: a mail may move on while the queues are counted."""
        self.wait(lambda: not (self.lab.queued() or self.lab.queued()))

    def delivered_all(self, uids: Collection[str]) -> bool:
        """Whether these users have all that was sent to them in this run."""
        sent = {(fate.message.id, uid) for fate in self.fates() for uid in fate.message.users & set(uids)}
        return sent <= {(message_id(arrival), arrival.mailbox) for arrival in self.arrivals()}

    def fates(self) -> list[Fate]:
        """The messages of this run."""
        return self.lab.post.fates[self._first :]

    def arrivals(self) -> list[Arrival]:
        """What arrived in this run."""
        return [
            arrival
            for receiver in self._receivers()
            for arrival in receiver.arrivals[self._arrivals[receiver.place] :]
        ]

    def _unsettled(self) -> list[Fate]:
        return [fate for fate in self.fates() if not fate.settled]

    def _receivers(self) -> list[Receiver]:
        return [self.lab.outside, *(site.receiver for site in self.lab.sites.values())]


def play(lab: Lab, scenario: Scenario, messages: int) -> Result:
    """Runs one scenario in a lab that is in order, and leaves it in order."""
    started = time.monotonic()
    lab.wait_current()
    run = Run(lab, messages)
    scenario.play(run)
    run.drain()
    found = account(run.fates(), run.arrivals(), lab.homes, lab.logs())
    return Result(scenario.name, found, run.deferred, lab.waiting(), time.monotonic() - started, run.broken)
