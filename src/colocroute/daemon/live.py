"""The directory asked directly, past the mirror: what `lookup --via directory` compares with.

Owns one complete read of the directory into memory, made for each command, so that every map is answered by the
same steps as from the mirror.  Limit: it takes as long as reading the whole directory does.
"""

from collections.abc import Sequence

import msgspec

from colocroute.config import Config
from colocroute.daemon import build
from colocroute.daemon.here import HereFinder
from colocroute.directory.client import open_session
from colocroute.directory.events import RefreshDone, Upsert
from colocroute.model import Record
from colocroute.routing.memory import MemoryView
from colocroute.routing.records import record

WAIT_SECONDS = 1.0


def read_directory(config: Config) -> list[Record]:
    """All records of the directory as they are now; raises `DirectoryError`."""
    settings = msgspec.structs.replace(build.directory(config), mode="poll")
    session = open_session(settings, b"", heartbeat=build.heartbeat(config))
    records: list[Record] = []
    try:
        while True:
            for event in session.events(WAIT_SECONDS):
                if isinstance(event, Upsert):
                    records.append(record(event.entry))
                elif isinstance(event, RefreshDone):
                    return records
    finally:
        session.close()


def live_view(config: Config) -> MemoryView:
    """A view of the directory as it is now; raises `DirectoryError`."""
    return view_of(config, read_directory(config))


def view_of(config: Config, records: Sequence[Record]) -> MemoryView:
    """A view of records that were read just now."""
    rules = build.rules(config)
    here = config.routing.here
    if here == "auto":
        nowhere = MemoryView(records, rules=rules)
        here = HereFinder(config.routing.proxy_addresses).find(nowhere.topology).here
    return MemoryView(records, rules=rules, here=here)
