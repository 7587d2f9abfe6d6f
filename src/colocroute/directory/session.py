"""Conversations with an LDAP directory: followed by syncrepl, or read again and again.

Owns the rhythm: reading in bounded portions, heartbeat meanwhile, and what of it is an event.  The meaning of
syncrepl's messages is in `syncrepl`.  Must not know the store, retries or how connections are made.

Known limit: parts of the tree on other servers (referrals) are not followed, only counted.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter

from colocroute.directory import controls
from colocroute.directory.events import Event, RefreshBegin, RefreshDone, RefreshKind, Upsert
from colocroute.directory.heartbeat import Heartbeat
from colocroute.directory.identity import ENTRY_UUID, identity
from colocroute.directory.link import Link, Search, refuse_notice
from colocroute.directory.messages import Message, RawEntry, Result, SearchReference, describe
from colocroute.directory.schema import Mapper
from colocroute.directory.settings import DirectorySettings
from colocroute.directory.survey import SUCCESS, Survey
from colocroute.directory.syncrepl import Stage, SyncConsumer
from colocroute.errors import DirectoryError
from colocroute.model import Entry

NO_SEARCH = -1  # a message id that is never used
BATCH_EVENTS = 2000  # of one call, and what one more portion may add; changes are committed together
REFRESH_EVENTS = 100  # the same during a refresh: so few are still in the processor's cache when used
REFRESH_SILENCE = 120.0  # seconds between two messages of a refresh; a large directory may be slow to begin

_message_id_of = attrgetter("message_id")


class LdapSession(ABC):
    """What both kinds of `Session` share.  `interval` is that of the heartbeat, in seconds."""

    mode = ""

    def __init__(
        self,
        uri: str,
        link: Link,
        found: Survey,
        settings: DirectorySettings,
        mapper: Mapper,
        interval: float,
    ) -> None:
        self.uri = uri
        self.contact = time.clock_gettime(time.CLOCK_BOOTTIME)
        self.position = found.position
        self.warnings = list(found.warnings)
        self._link = link
        self._settings = settings
        self._mapper = mapper
        self._heartbeat = Heartbeat(link, settings.base, found.suffix, found.position, interval)
        self._search_id = NO_SEARCH
        self._references = 0
        self._failure: DirectoryError | None = None
        self._progress = time.monotonic()
        self._lasting_warnings = len(self.warnings)

    def events(self, timeout: float) -> Sequence[Event]:
        """As in `Session`; what came before a failure is given before it is raised."""
        events: list[Event] = []
        if self._failure is None:
            try:
                self._gather(events, time.monotonic() + timeout)
            except DirectoryError as error:
                self._failure = type(error)(f"{self.uri}: {error}")
        if self._failure is not None and not events:
            raise self._failure
        return events

    def fileno(self) -> int:
        """As in `Session`."""
        return self._link.fileno()

    def close(self) -> None:
        """As in `Session`."""
        self._link.close()

    def _gather(self, events: list[Event], deadline: float) -> None:
        while len(events) < (REFRESH_EVENTS if self._is_refreshing() else BATCH_EVENTS):
            now = time.monotonic()
            wait = min(self._heartbeat.wait(now), self._begin(now, events))
            messages = self._link.receive(0.0 if events else min(wait, deadline - now))
            now = time.monotonic()
            if messages is None:
                self._heartbeat.check(now)
                self._check_progress(now)
                if events or now >= deadline:
                    return
                continue
            self._heartbeat.heard(now)
            for message_id, run in groupby(messages, _message_id_of):
                if message_id == self._search_id:
                    self._take(run, events)
                else:
                    self._take_others(run)
            if messages and messages[-1].message_id == self._search_id:
                self._progress = now
                self.contact = time.clock_gettime(time.CLOCK_BOOTTIME)

    @abstractmethod
    def _begin(self, now: float, events: list[Event]) -> float:
        """Starts a search if it is time to; returns the seconds until this must be called again."""

    @abstractmethod
    def _take(self, messages: Iterable[Message], events: list[Event]) -> None:
        """Adds the events that messages of the search mean, up to its end."""

    def _take_others(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if self._heartbeat.take(message):
                self.position = self._heartbeat.position
                self._alive()
            else:
                refuse_notice(message)

    @abstractmethod
    def _is_refreshing(self) -> bool:
        """Whether a refresh has begun and not ended."""

    def _check_progress(self, now: float) -> None:
        """Gives up a refresh that has stopped in the middle, though the directory answers the heartbeat."""
        if not self._is_refreshing():
            self._progress = now
        elif now - self._progress > REFRESH_SILENCE:
            raise DirectoryError(f"nothing of the refresh came for {REFRESH_SILENCE:g} s")

    def _alive(self) -> None:
        """The directory has answered with our base; also the time to say what the content has brought up."""
        self.contact = time.clock_gettime(time.CLOCK_BOOTTIME)
        del self.warnings[self._lasting_warnings :]
        if self._references:
            self.warnings.append(f"{self._references} referrals to other servers were not followed")
        if self._mapper.doubtful:
            self.warnings.append(
                f"{self._mapper.doubtful} entries match none of the filters as they are understood here and "
                f"were taken for what their attributes say, the last is {self._mapper.doubtful_dn!r}"
            )


class SyncreplSession(LdapSession):
    """Follows the directory from `cookie` on (empty: from the beginning)."""

    mode = "syncrepl"

    def __init__(
        self,
        uri: str,
        link: Link,
        found: Survey,
        settings: DirectorySettings,
        mapper: Mapper,
        interval: float,
        cookie: bytes,
    ) -> None:
        super().__init__(uri, link, found, settings, mapper, interval)
        schema = settings.schema
        request = controls.sync_request(controls.REFRESH_AND_PERSIST, cookie)
        self._search_id = link.send(
            Search(
                base=settings.base,
                filter=schema.search_filter(),
                attributes=schema.attributes(),
                control=(controls.SYNC_REQUEST, request),
            )
        )
        self._consumer = SyncConsumer(self._search_id, cookie, self._map)

    def _map(self, entry: RawEntry) -> Entry:
        return self._mapper(entry.uuid or b"", entry.dn, entry.attributes)

    def _begin(self, now: float, events: list[Event]) -> float:  # noqa: ARG002  # an override
        return float("inf")

    def _is_refreshing(self) -> bool:
        return self._consumer.stage is Stage.REFRESH

    def _take(self, messages: Iterable[Message], events: list[Event]) -> None:
        self._consumer.feed_all(messages, events)
        self._references = self._consumer.references


class PollSession(LdapSession):
    """Reads the whole content each `poll_interval`."""

    mode = "poll"

    def __init__(
        self,
        uri: str,
        link: Link,
        found: Survey,
        settings: DirectorySettings,
        mapper: Mapper,
        interval: float,
    ) -> None:
        super().__init__(uri, link, found, settings, mapper, interval)
        schema = settings.schema
        self._search = Search(
            base=settings.base,
            filter=schema.search_filter(),
            attributes=(*schema.attributes(), ENTRY_UUID),
        )
        self._due = time.monotonic()

    def fileno(self) -> int:
        """None: what comes next depends on the time."""
        return -1

    def _begin(self, now: float, events: list[Event]) -> float:
        if now < self._due:
            return self._due - now
        if self._search_id == NO_SEARCH:
            self._search_id = self._link.send(self._search)
            self._progress = now
            self._references = self._mapper.doubtful = 0
            events.append(RefreshBegin())
        return float("inf")

    def _is_refreshing(self) -> bool:
        return self._search_id != NO_SEARCH

    def _take(self, messages: Iterable[Message], events: list[Event]) -> None:
        for message in messages:
            if isinstance(message, RawEntry):
                events.append(Upsert(self._map(message)))
            elif isinstance(message, SearchReference):
                self._references += 1
            elif isinstance(message, Result):
                events.append(self._end(message))
                return  # nothing can follow it

    def _map(self, entry: RawEntry) -> Entry:
        try:
            entry_id = identity(entry.dn, entry.attributes)
        except ValueError as error:
            raise DirectoryError(f"{entry.dn!r}: {error}") from error
        return self._mapper(entry_id, entry.dn, entry.attributes)

    def _end(self, result: Result) -> RefreshDone:
        if result.code != SUCCESS:
            raise DirectoryError(f"the content is not complete: {describe(result.code, result.text)}")
        self._search_id = NO_SEARCH
        self._due = time.monotonic() + self._settings.poll_interval
        return RefreshDone(RefreshKind.COMPLETE)
