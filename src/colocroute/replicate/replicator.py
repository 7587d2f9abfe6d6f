"""The replicator: keeps one mirror equal to one directory, whatever happens to either.

Owns sessions, retries, the full refreshes and when the pulse may say that the directory is alive.  Runs in a
process of its own and is the only writer of the mirror.  Must not know LDAP, sockets or maps.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import msgspec

from colocroute.directory.cookie import is_ahead
from colocroute.directory.events import Event, RefreshBegin, Session
from colocroute.errors import (
    CookieRefusedError,
    DirectoryBehindError,
    DirectoryError,
    MirrorDamagedError,
    StoreError,
)
from colocroute.model import State
from colocroute.replicate.apply import Applier, RefusedError
from colocroute.replicate.backoff import FIRST_SECONDS, LONGEST_SECONDS, Backoff
from colocroute.replicate.whereabouts import Whereabouts
from colocroute.store.meta import Held
from colocroute.store.mirror import Mirror

log = logging.getLogger(__name__)

TICK_SECONDS = 0.5  # longest time without a look at the clock, the operator's approval and the own addresses
EXPIRE_SECONDS = 60.0
HELD_FIRST_SECONDS = 2.0
HELD_LONGEST_SECONDS = 60.0


class ReplicatorRules(msgspec.Struct, frozen=True):
    """Times in seconds."""

    stale_after: float
    full_refresh_interval: float
    remember_moves: float
    window: float
    longest_retry: float = LONGEST_SECONDS


class Progress(msgspec.Struct, frozen=True):
    """What `status` shows of the directory session; `alive_since` is the wall clock, 0 for not yet."""

    uri: str = ""
    mode: str = ""
    connected: bool = False
    position: str = ""
    alive_since: float = 0.0
    last_error: str = ""
    warnings: tuple[str, ...] = ()


class Surroundings(Protocol):
    """What the replicator is told and tells, besides the directory and the mirror."""

    def whereabouts(self) -> tuple[int, Whereabouts | None]:
        """The topology number and where its sites are, by the latest look; None when not looked yet."""
        ...

    def report(self, progress: Progress) -> None:
        """Publishes the progress; called when it changes."""
        ...

    def refreshing(self, events: int | None) -> None:
        """How much of a refresh has come so far; None: it is over, one way or the other."""
        ...


class Replicator:
    """`open_session(cookie, reached)` starts a conversation with a directory that has got as far as `reached`; an
    empty cookie asks for everything."""

    def __init__(
        self,
        mirror: Mirror,
        applier: Applier,
        rules: ReplicatorRules,
        open_session: Callable[[bytes, bytes], Session],
        surroundings: Surroundings,
    ) -> None:
        self._mirror = mirror
        self._applier = applier
        self._rules = rules
        self._open = open_session
        self._around = surroundings
        self._events: deque[Event] = deque()
        self._backoff = Backoff(FIRST_SECONDS, rules.longest_retry)
        self._held_backoff = Backoff(HELD_FIRST_SECONDS, HELD_LONGEST_SECONDS)
        self._progress = Progress()
        self._full_due = 0.0
        self._held_due = 0.0
        self._expire_due = 0.0
        self._alive = False
        self._judged = False
        self._full = True
        with mirror.snapshot() as snapshot:
            meta = snapshot.meta()
            self._held = meta.held is not None
        mirror.pulse.set(complete=meta.complete, held=self._held, unwritable=False)

    def run(self) -> None:
        """Follows the directory for ever; ends only by an exception that is not the directory's or the store's."""
        while True:
            try:
                self._converse()
                self._backoff.reset()
            except CookieRefusedError as error:
                log.warning("%s; refreshing in full", error)
                self._full_due = 0.0
                self._rest(self._backoff.delay(), str(error))
            except DirectoryBehindError as error:
                # Who read it now would deny what is new; who waits for ever would never follow a restored backup.
                if not self._heard_lately():
                    log.warning("%s; refreshing in full", error)
                    self._full_due = 0.0
                self._rest(self._backoff.delay(), str(error))
            except DirectoryError as error:
                self._rest(self._backoff.delay(), str(error))
            except MirrorDamagedError:
                raise  # the next process sets it aside and starts anew
            except StoreError as error:
                if str(error) != self._progress.last_error:
                    log.error("the mirror cannot be written, absent keys are deferred: %s", error)
                self._rest(self._backoff.delay(), str(error))

    def _converse(self) -> None:
        """One session, until a full refresh or a held mirror asks for another."""
        now = time.monotonic()
        full = self._held or now >= self._full_due
        with self._mirror.snapshot() as snapshot:
            reached = snapshot.meta().cookie
        cookie = b"" if full else reached
        if is_ahead(cookie, time.time()):
            cookie = b""  # once the directory's clock is set right, what changes is older than this
        self._full = not cookie
        self._alive = self._judged = False
        self._events.clear()
        session = self._open(cookie, reached if self._heard_lately() else b"")
        try:
            for warning in session.warnings:
                log.warning("%s: %s", session.uri, warning)
            self._show(session, connected=True)
            self._follow(session)
        finally:
            session.close()
            self._show(session, connected=False)

    def _follow(self, session: Session) -> None:
        while not self._reopen(session):
            if not self._events:
                self._events.extend(session.events(TICK_SECONDS))
            self._tick()
            if self._events:
                self._take(session)
            if self._alive:
                with self._noting_life():
                    self._mirror.pulse.touch(session.contact)
            self._show(session, connected=True)

    def _take(self, session: Session) -> None:
        if isinstance(self._events[0], RefreshBegin):
            self._events.popleft()
            with self._noting_life():
                self._refresh(session)
        elif self._held:
            # A held mirror takes nothing from the stream; that something changed may be the cure.
            self._events.clear()
            self._held_due = min(self._held_due, time.monotonic() + self._held_backoff.delay())
        else:
            self._stream()

    def _refresh(self, session: Session) -> None:
        started = time.monotonic()
        self._judged = True
        try:
            changed = self._applier.refresh(
                self._refresh_events(session), time.time(), session.uri, full=self._full
            )
        except RefusedError as refused:
            self._hold(refused.held)
            return
        finally:
            self._around.refreshing(None)
        if self._held:
            log.warning("the directory is believed again: %d entries changed by its refresh", changed)
        took = time.monotonic() - started
        log.info("%s: refresh committed, %d entries changed, %.1f s", session.uri, changed, took)
        self._held = False
        self._held_backoff.reset()
        self._backoff.reset()
        self._alive = True
        self._show(session, connected=True, last_error="")
        if self._full:
            self._full_due = time.monotonic() + self._rules.full_refresh_interval
        self._mirror.pulse.touch(session.contact)
        self._mirror.pulse.set(complete=True, held=False, unwritable=False)

    @contextmanager
    def _noting_life(self) -> Iterator[None]:
        """Notes the time if the block makes the mirror live."""
        before = self._state()
        yield
        if before is not State.LIVE and self._state() is State.LIVE:
            self._change(msgspec.structs.replace(self._progress, alive_since=time.time()))

    def _heard_lately(self) -> bool:
        """Whether the last contact is no older than `stale_after`."""
        contact = self._mirror.pulse.contact()
        return contact > 0 and time.clock_gettime(time.CLOCK_BOOTTIME) - contact <= self._rules.stale_after

    def _state(self) -> State:
        return self._mirror.pulse.state(time.clock_gettime(time.CLOCK_BOOTTIME), self._rules.stale_after)

    def _refresh_events(self, session: Session) -> Iterator[Event]:
        """The events of a refresh as they come; what follows its end stays in the queue."""
        events = self._events
        number = 0
        while True:
            number += len(events)
            self._around.refreshing(number)
            while events:
                yield events.popleft()
            events.extend(session.events(TICK_SECONDS))

    def _stream(self) -> None:
        batch: list[Event] = []
        while self._events and not isinstance(self._events[0], RefreshBegin):
            batch.append(self._events.popleft())
        try:
            held = self._applier.stream(batch, time.time())
        except RefusedError as refused:
            self._hold(refused.held)
            self._held_due = time.monotonic()
            return
        if held is not None:
            self._held = True
            self._announce(held)
            self._held_due = time.monotonic()
            return
        self._mirror.pulse.set(complete=True, held=False, unwritable=False)

    def _hold(self, held: Held) -> None:
        first = not self._held
        self._held = True
        self._alive = False
        self._applier.hold(held, time.time())
        self._held_due = time.monotonic() + HELD_LONGEST_SECONDS
        if first:
            self._announce(held)

    def _announce(self, held: Held) -> None:
        log.critical(
            "HELD: %s; the last good mirror goes on answering, unknown addresses are deferred; "
            "see 'colocroute status', and 'colocroute accept' if this is right",
            held.reason,
        )

    def _reopen(self, session: Session) -> bool:
        """Whether this session has to end: a full refresh is due, or a held mirror should be tried again."""
        now = time.monotonic()
        if not self._judged:
            return False  # its refresh is still to come
        if self._held:
            # Poll and LDIF sessions refresh by themselves; an approval must not wait for that.
            return self._approved() or (session.mode == "syncrepl" and now >= self._held_due)
        return session.mode == "syncrepl" and self._alive and now >= self._full_due

    def _approved(self) -> bool:
        with self._mirror.snapshot() as snapshot:
            return snapshot.meta().accept > 0

    def _tick(self) -> None:
        self._mirror.must_be_there()
        now = time.monotonic()
        seen, found = self._around.whereabouts()
        self._applier.locate(found, seen, time.time())
        if now >= self._expire_due:
            self._expire_due = now + min(EXPIRE_SECONDS, max(TICK_SECONDS, self._rules.remember_moves / 4))
            with self._mirror.transaction(time.time()) as txn:
                txn.expire(former_after=self._rules.remember_moves, removed_after=self._rules.window)

    def _rest(self, seconds: float, error: str) -> None:
        """Waits before the next attempt, going on with what does not need the directory."""
        if error != self._progress.last_error:
            log.warning("%s; trying again", error)
        self._change(msgspec.structs.replace(self._progress, connected=False, last_error=error))
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, TICK_SECONDS))
            try:
                self._tick()
            except StoreError as store_error:
                log.debug("%s", store_error)

    def _show(self, session: Session, *, connected: bool, last_error: str | None = None) -> None:
        self._change(
            Progress(
                uri=session.uri,
                mode=session.mode,
                connected=connected,
                position=session.position,
                alive_since=self._progress.alive_since,
                last_error=self._progress.last_error if last_error is None else last_error,
                warnings=tuple(session.warnings),
            )
        )

    def _change(self, progress: Progress) -> None:
        if progress != self._progress:
            self._progress = progress
            self._around.report(progress)
