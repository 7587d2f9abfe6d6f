"""How it is sent: real SMTP from the place where the message is written, again and again while it is told "later".

Owns the schedule, the senders' patience and what each message met with.  As a mail client or a foreign mail
server would, a sender treats any "later" as one for the whole message, and takes the next server of the company
if it is outside.
"""

import heapq
import itertools
import smtplib
import threading
import time
from collections.abc import Iterable
from contextlib import suppress

import msgspec

from tests.lab.company import SITES
from tests.threesites.messages import CLIENT, Message
from tests.threesites.network import OUTSIDE, Network

THREADS = 8
AGAIN_SECONDS = 0.7
CONNECT_SECONDS = 3.0
REPLY_SECONDS = 30.0
PATIENCE_SECONDS = 60.0


class Fate(msgspec.Struct):
    """What became of a message at its sender; times in seconds of the monotonic clock."""

    message: Message
    begun: float = 0.0
    accepted: float = 0.0
    retries: int = 0
    refused: str = ""
    last: str = ""
    """The last reason to try again."""

    @property
    def settled(self) -> bool:
        """Whether the sender has done with it."""
        return bool(self.accepted or self.refused)


class Later(Exception):  # noqa: N818 - not an error, a reply
    """The sender shall try again."""


class Refused(Exception):  # noqa: N818 - not an error, a reply
    """The sender shall give up."""


class Post:
    """Senders at work.  `servers` are the sites' addresses, which may change meanwhile."""

    def __init__(self, network: Network) -> None:
        self.servers = dict(SITES)
        self.fates: list[Fate] = []
        self._network = network
        self._due: list[tuple[float, int, Fate]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"sender-{number}", daemon=True)
            for number in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def send(self, messages: Iterable[Message], over_seconds: float = 0.0) -> None:
        """Sends these, spread evenly; returns at once."""
        todo = list(messages)
        start = time.monotonic()
        with self._changed:
            for number, message in enumerate(todo):
                fate = Fate(message)
                self.fates.append(fate)
                self._put(start + over_seconds * number / max(1, len(todo)), fate)
            self._changed.notify_all()

    def unsettled(self) -> list[Fate]:
        """What is not yet sent."""
        return [fate for fate in list(self.fates) if not fate.settled]

    def close(self) -> None:
        """Ends the senders, whatever is left to do."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(REPLY_SECONDS)

    def _put(self, due: float, fate: Fate) -> None:
        heapq.heappush(self._due, (due, next(self._order), fate))

    def _take(self) -> Fate | None:
        with self._changed:
            while not self._closed:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(wait)
        return None

    def _work(self) -> None:
        while (fate := self._take()) is not None:
            fate.begun = fate.begun or time.monotonic()
            try:
                self._attempt(fate)
                fate.accepted = time.monotonic()
            except Refused as reply:
                fate.refused = str(reply)
            except Later as reply:
                fate.retries += 1
                fate.last = str(reply)
                if time.monotonic() - fate.begun < PATIENCE_SECONDS:
                    with self._changed:
                        self._put(time.monotonic() + AGAIN_SECONDS, fate)
                        self._changed.notify()

    def _attempt(self, fate: Fate) -> None:
        message = fate.message
        try:
            with self._network.inside(message.source):
                smtp = smtplib.SMTP(self._server(fate), 25, CLIENT, CONNECT_SECONDS)
        except (OSError, smtplib.SMTPException) as error:
            raise Later(f"no connection: {error}") from None
        try:
            assert smtp.sock is not None
            smtp.sock.settimeout(REPLY_SECONDS)
            _dialogue(smtp, fate.message)
        except (OSError, smtplib.SMTPException) as error:
            raise Later(f"connection lost: {error}") from None
        finally:
            smtp.close()

    def _server(self, fate: Fate) -> str:
        if fate.message.source != OUTSIDE:
            return self.servers[fate.message.source]
        first = int(fate.message.id.rpartition("-")[2])
        return list(self.servers.values())[(first + fate.retries) % len(self.servers)]


def _dialogue(smtp: smtplib.SMTP, message: Message) -> None:
    _accept(smtp.ehlo())
    _accept(smtp.mail(message.sender))
    for recipient in message.recipients:
        _accept(smtp.rcpt(recipient))
    _accept(smtp.docmd("DATA"))
    smtp.send(message.text + ".\r\n")
    _accept(smtp.getreply())
    with suppress(OSError, smtplib.SMTPException):
        smtp.docmd("QUIT")


def _accept(reply: tuple[int, bytes]) -> None:
    code, text = reply
    said = f"{code} {text.decode(errors='replace')}"
    if 400 <= code < 500:
        raise Later(said)
    if not 200 <= code < 400:
        raise Refused(said)
