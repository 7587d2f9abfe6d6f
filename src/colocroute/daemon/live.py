"""The directory asked directly, past the mirror: what `lookup --via directory` compares with.

Owns one complete read of the directory into memory, made for each command, so that every map is answered by the
same steps as from the mirror, and the look at one entry that tells its attributes apart, which the mirror does
not.  Limit: the first takes as long as reading the whole directory does.
"""

import threading
from collections.abc import Sequence
from queue import Empty, SimpleQueue

import msgspec

from colocroute.config import Config
from colocroute.daemon import build
from colocroute.daemon.here import HereFinder
from colocroute.directory.client import open_session
from colocroute.directory.dn import normalise
from colocroute.directory.events import RefreshDone, Upsert
from colocroute.directory.settings import DirectorySettings
from colocroute.errors import DirectoryError
from colocroute.model import Record
from colocroute.routing.memory import MemoryView
from colocroute.routing.records import address_key, record

WAIT_SECONDS = 1.0
ASK_SECONDS = 3.0  # for a look at one entry: somebody sits and waits, and can do without


def read_directory(config: Config) -> list[Record]:
    """All records of the directory as they are now; raises `DirectoryError`."""
    return _read(build.directory(config), build.heartbeat(config))


def holding(config: Config, dn: str, key: str) -> tuple[str, ...]:
    """The address attributes in which the entry has an address, by its folded key, now.

    Raises `DirectoryError` if the directory does not say it within `ASK_SECONDS`.
    """
    answers: SimpleQueue[tuple[str, ...] | DirectoryError] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(_holding(config, dn, key))
        except (DirectoryError, ValueError, OSError) as error:  # a DN that is none, a full disk under a file
            answers.put(DirectoryError(str(error)))

    # A thread that is left behind, as neither a name in the DNS nor a server has a deadline this short.
    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=ASK_SECONDS)
    except Empty:
        raise DirectoryError(f"no answer within {ASK_SECONDS:g} s") from None
    if isinstance(answer, DirectoryError):
        raise answer
    return answer


def _holding(config: Config, dn: str, key: str) -> tuple[str, ...]:
    """The entry read once for each attribute, by the steps that make a record of it."""
    settings = msgspec.structs.replace(build.directory(config), base=dn)
    schema = settings.schema
    found = []
    for name in schema.addresses:
        alone = msgspec.structs.replace(settings, schema=msgspec.structs.replace(schema, addresses=(name,)))
        records = _read(alone, build.heartbeat(config))
        if any(_has(one, key) for one in records if normalise(one.dn) == normalise(dn)):
            found.append(name)
    return tuple(found)


def _has(record: Record, key: str) -> bool:
    return record.user is not None and key in map(address_key, record.user.addresses)


def _read(settings: DirectorySettings, heartbeat: float) -> list[Record]:
    session = open_session(msgspec.structs.replace(settings, mode="poll"), b"", heartbeat=heartbeat)
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
    """A view of records that were read just now: without a memory, of former sites and routes as of names."""
    rules = build.rules(config)
    here = config.routing.here
    unplaced: tuple[str, ...] = ()
    if here == "auto":
        nowhere = MemoryView(records, rules=rules)
        found = HereFinder(config.routing.proxy_addresses).find(nowhere.topology)
        here, unplaced = found.here, found.unplaced
    return MemoryView(records, rules=rules, here=here, unplaced=unplaced)
