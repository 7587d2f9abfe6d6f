"""The company in a live mirror, for whoever asks a resolver."""

import time
from collections.abc import Callable

from colocroute.model import Entry, Found, SiteEntry
from colocroute.replicate.apply import Applier
from colocroute.replicate.guard import GuardRules
from colocroute.replicate.whereabouts import Whereabouts
from colocroute.routing.records import record
from colocroute.store.mirror import Mirror
from tests.replicate.scripted import refresh
from tests.vectors import HERE

STALE_AFTER = 60.0
ANNA, NOBODY, FOREIGN = b"anna@test.tux", b"nobody@test.tux", b"somebody@example.com"
ROUTE = Found("anna@external.test.tux")
FAR = b"anna@external.test.tux"
KINDS: list[Callable[[], Entry]] = [
    lambda: Entry(b"new", "cn=new", site=SiteEntry(("new.test.tux",), ("smtp:[10.9.0.1]",))),
    lambda: Entry(b"new", "zoneName=new", domains=("new.test",)),
]


def now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def fill(mirror: Mirror, entries: list[Entry]) -> None:
    """One committed refresh; says nothing of how fresh it is."""
    found = Whereabouts(here=HERE, servers=("10.1.0.1", "10.2.0.1"))
    Applier(mirror, GuardRules(), record, lambda _snapshot: found).refresh(
        iter(refresh(entries, None)[1:]), time.time(), "test", full=True
    )
