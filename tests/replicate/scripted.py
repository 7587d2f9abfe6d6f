"""A directory that says what a test wants, and a mirror to say it to."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from colocroute.directory.events import Delete, Event, RefreshBegin, RefreshDone, RefreshKind, Upsert
from colocroute.model import Entry, SiteEntry, UserEntry
from colocroute.replicate.apply import Applier
from colocroute.replicate.guard import GuardRules
from colocroute.replicate.whereabouts import Whereabouts
from colocroute.routing.records import keys, record
from colocroute.store.mirror import Mirror
from tests.lab.mirror import Timed

CSN = b"rid=000,csn=20261124000%03d.000000Z#000000#000#000000"


def cookie(number: int) -> bytes:
    """The cookie of a moment."""
    return CSN % number


def entry_id(number: int) -> bytes:
    """An entryUUID."""
    return number.to_bytes(16, "big")


def user(number: int, site: str = "external", *, name: str = "", id_from: int | None = None) -> Entry:
    """User `number` with one address and a route."""
    name = name or f"user{number}"
    return Entry(
        id=entry_id(number if id_from is None else id_from),
        dn=f"uid={name},dc=test,dc=tux",
        user=UserEntry(addresses=(f"{name}@test.tux",), routes=(f"{name}@{site}.test.tux",), logins=(name,)),
    )


def site(name: str, number: int) -> Entry:
    """A transport."""
    domain = f"{name}.test.tux"
    return Entry(
        id=entry_id(1_000_000 + number),
        dn=f"cn={domain},dc=test,dc=tux",
        site=SiteEntry((domain,), (f"smtp:[10.{number}.0.1]",)),
    )


def company(users: int) -> list[Entry]:
    """Two sites and so many users."""
    return [site("central", 1), site("external", 2), *(user(number) for number in range(users))]


def refresh(
    entries: Iterable[Entry], number: int | None = 1, kind: RefreshKind = RefreshKind.COMPLETE, *more: Event
) -> list[Event]:
    """A whole refresh; `more` comes before its end."""
    done = RefreshDone(kind, None if number is None else cookie(number))
    return [RefreshBegin(), *(Upsert(entry) for entry in entries), *more, done]


def deletes(numbers: Iterable[int], first_cookie: int = 2) -> list[Event]:
    """Single deletions as the persist stage tells them."""
    return [Delete((entry_id(number),), cookie(first_cookie + index)) for index, number in enumerate(numbers)]


@contextmanager
def opened(path: Path) -> Iterator[Mirror]:
    """A mirror for writing, with the age that is said to it."""
    mirror = Timed.open(path, fingerprint="test", keys_of=keys, writable=True)
    try:
        yield mirror
    finally:
        mirror.close()


def applier(mirror: Mirror, rules: GuardRules | None = None) -> Applier:
    """An applier that finds the central site here."""
    found = Whereabouts(here=("central.test.tux",), servers=("10.1.0.1",))
    return Applier(mirror, rules or GuardRules(), record, lambda _snapshot: found)


def fill(mirror: Mirror, entries: Iterable[Entry], now: float = 1000.0, number: int = 1) -> int:
    """Refreshes the mirror with these entries, past the sessions."""
    return applier(mirror).refresh(iter(refresh(entries, number)[1:]), now, "test", full=True)


def routes(mirror: Mirror, name: str) -> list[str]:
    """The routes of the owners of an address."""
    with mirror.snapshot() as snapshot:
        return [route for owner in snapshot.owners(f"{name}@test.tux") for route in owner.routes]


class ScriptedSession:
    """Gives out portions of events; an exception in the script is raised, its end is silence."""

    uri = "script:"
    position = ""

    def __init__(self, script: Sequence[Sequence[Event] | Exception], mode: str = "syncrepl") -> None:
        self.mode = mode
        self.warnings: list[str] = []
        self.closed = False
        self.contact = time.clock_gettime(time.CLOCK_BOOTTIME)
        self._script = list(script)

    def events(self, timeout: float) -> Sequence[Event]:
        if not self._script:
            time.sleep(min(timeout, 0.01))
            return ()
        portion = self._script.pop(0)
        if isinstance(portion, Exception):
            raise portion
        return portion

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        self.closed = True
