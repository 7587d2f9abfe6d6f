"""Talking to a directory in tests: settings for a slapd, and all that a session says until something is said."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from colocroute.directory.client import open_session
from colocroute.directory.events import Delete, Event, RefreshDone, Session, Upsert
from colocroute.directory.settings import DirectorySettings
from colocroute.model import Entry
from tests.lab.company import SUFFIX
from tests.lab.slapd import Slapd

HEARTBEAT = 1.0
DEADLINE = 30.0


def settings_for(slapd: Slapd, **others: Any) -> DirectorySettings:
    """Settings for its unix socket, or as `others` say."""
    return DirectorySettings(**{"uris": (slapd.ldapi,), "base": SUFFIX, **others})


def connect(slapd: Slapd, cookie: bytes = b"", **others: Any) -> Session:
    """A session with a short heartbeat."""
    return open_session(settings_for(slapd, **others), cookie, heartbeat=HEARTBEAT)


def gather(session: Session, enough: Callable[[Sequence[Event]], bool]) -> list[Event]:
    """The events until there are enough of them."""
    events: list[Event] = []
    deadline = time.monotonic() + DEADLINE
    while not enough(events):
        assert time.monotonic() < deadline, f"waited in vain; {len(events)} events, the last {events[-3:]}"
        events += session.events(0.5)
    return events


def refresh(session: Session) -> list[Event]:
    """The events of one whole refresh."""
    return gather(session, lambda events: any(isinstance(event, RefreshDone) for event in events[-50:]))


def changes(session: Session, number: int = 1) -> list[Event]:
    """The next changes: at least `number` of entries added, changed or deleted."""
    return gather(
        session,
        lambda events: sum(isinstance(event, Upsert | Delete) for event in events) >= number,
    )


def entries(events: Sequence[Event]) -> list[Entry]:
    """The entries that were added or changed, in order."""
    return [event.entry for event in events if isinstance(event, Upsert)]


def last_cookie(events: Sequence[Event]) -> bytes:
    """The newest cookie, empty if none came."""
    cookies = [getattr(event, "cookie", None) for event in events]
    return next((cookie for cookie in reversed(cookies) if cookie), b"")
