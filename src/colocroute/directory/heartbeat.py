"""The sign of life of a directory: our base is asked for now and then, beside whatever else is under way.

Owns when to ask, how long to wait, and what counts as alive.  A directory that answers but has not our base
is not alive.  Must not know the stream.
"""

import time

import ldap3

from colocroute.directory.link import Link, Search
from colocroute.directory.messages import Message, RawEntry, Result, describe
from colocroute.directory.survey import SUCCESS, position_of
from colocroute.errors import DirectoryError

PATIENCE_INTERVALS = 2.0  # an answer must come within so many intervals
PATIENCE_SECONDS = 3.0  # but no directory is given up sooner: it may be busy for a moment


class Heartbeat:
    """Asks for `base`, and for `suffix`, which has contextCSN, every `interval` seconds.

    `position` is what contextCSN was in the last answer.
    """

    def __init__(self, link: Link, base: str, suffix: str, position: str, interval: float) -> None:
        self.position = position
        self._link = link
        self._searches = [
            Search(base=dn, scope=ldap3.BASE, attributes=("contextCSN",))
            for dn in dict.fromkeys((base, suffix))
        ]
        self._interval = interval
        self._patience = max(PATIENCE_SECONDS, PATIENCE_INTERVALS * interval)
        self._pending: set[int] = set()
        self._entries: list[RawEntry] = []
        self._heard = time.monotonic()
        self._due = self._heard + interval

    def wait(self, now: float) -> float:
        """Asks if it is time to; returns the seconds until `overdue` or this must be called next."""
        if self._pending:
            return self._heard + self._patience - now
        if now >= self._due:
            self._due = now + self._interval
            self._heard = now
            self._entries.clear()
            self._pending.update(self._link.send(search) for search in self._searches)
            return self._patience
        return self._due - now

    def heard(self, now: float) -> None:
        """Something came: the directory is at work, and the answer may stand behind that."""
        self._heard = now

    def check(self, now: float) -> None:
        """To be called when nothing is there to be read.  Raises `DirectoryError` if an answer is overdue."""
        if self._pending and now >= self._heard + self._patience:
            raise DirectoryError(f"no answer for {self._patience:g} s")

    def take(self, message: Message) -> bool:
        """Whether the message completes an answer.  Raises `DirectoryError` if the base is not well."""
        if message.message_id not in self._pending:
            return False
        if isinstance(message, RawEntry):
            self._entries.append(message)
        elif isinstance(message, Result):
            if message.code != SUCCESS:
                raise DirectoryError(f"the base does not answer: {describe(message.code, message.text)}")
            self._pending.discard(message.message_id)
            if not self._pending:
                self.position = position_of(self._entries)
                return True
        return False
