"""The service under measurement: a real daemon over a mirror of any size.

Owns filling mirrors (kept in the working directory, for they take minutes) and starting daemons over them.
Where no directory is part of the measurement there is none: the mirror is filled past it, and the pulse is told
that it was heard of a moment ago, so that the state is `live`.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from colocroute.bench import requests
from colocroute.bench.load import Protocol
from colocroute.bench.requests import Mix, Order
from colocroute.daemon import build
from colocroute.directory.events import Event, RefreshDone, RefreshKind, Upsert
from colocroute.model import Entry, SiteEntry, UserEntry
from colocroute.replicate.apply import Applier
from colocroute.replicate.guard import GuardRules
from colocroute.replicate.whereabouts import Whereabouts
from colocroute.routing.records import record
from colocroute.store.mirror import Mirror
from colocroute.store.pulse import Pulse
from tests.lab.company import DOMAIN, SITES, SUFFIX, Person
from tests.lab.daemon import Daemon, daemon

ADDRESSES_PER_USER = 3  # of `Person`
HOT_KEYS = 1_000
COLD_KEYS = 1_000_000
COOKIE = b"rid=000,csn=20261124000000.000000Z#000000#000#000000"


def sections(directory_uri: str = "ldapi:///tmp/colocroute-load-nobody", **server: Any) -> dict[str, Any]:
    """The configuration of a daemon; `server` are keys of its section."""
    return {
        "directory": {"uri": directory_uri, "base": SUFFIX},
        "routing": {"domains": [DOMAIN], "here": ["central.test.tux"], "stale_after": "1d"},
        "server": server,
    }


def entries(users: int) -> Iterator[Entry]:
    """The company of `tests.lab.company`, as the directory's reader gives it."""
    for number, (site, address) in enumerate(SITES.items()):
        domain = f"{site}.{DOMAIN}"
        yield Entry(
            (1 << 100 | number).to_bytes(16, "big"), f"cn={domain},{SUFFIX}",
            site=SiteEntry((domain,), (f"smtp:[{address}]",)),
        )  # fmt: skip
    for person in map(Person, range(users)):
        user = UserEntry(
            addresses=(person.mail, *person.aliases),
            routes=(person.route,),
            logins=(person.uid,),
            imap_server=f"imap.{person.site}.{DOMAIN}",
            smtp_server=f"smtp.{person.site}.{DOMAIN}",
        )
        # Scattered, as random UUIDs are: neighbours in one index are no neighbours in another.
        scattered = (person.number * 0x9E3779B97F4A7C15) % (1 << 64)
        yield Entry(scattered.to_bytes(16, "big"), person.dn, user=user)


def fill(mirror: Mirror, users: int) -> float:
    """Fills an empty mirror past the directory; returns the seconds it took."""

    def events() -> Iterator[Event]:
        yield from map(Upsert, entries(users))
        yield RefreshDone(RefreshKind.COMPLETE, COOKIE)

    found = Whereabouts(here=("central.test.tux",), servers=tuple(SITES.values()))
    applier = Applier(mirror, GuardRules(), record, lambda _snapshot: found)
    started = time.monotonic()
    applier.refresh(events(), time.time(), "the load test", full=True)
    return time.monotonic() - started


def filled(work: Path, addresses: int) -> Path:
    """A store with so many public addresses, filled unless it is there."""
    store = work / f"mirror-{addresses}"
    store.mkdir(parents=True, exist_ok=True)
    users = -(-addresses // ADDRESSES_PER_USER)
    with _open(store) as mirror:
        with mirror.snapshot() as snapshot:
            missing = snapshot.counts().users != users
        if missing:
            (work / f"{store.name}.seconds").write_text(str(fill(mirror, users)))
    return store


def fill_seconds(work: Path, addresses: int) -> float:
    """How long the filling of that store took."""
    return float((work / f"mirror-{addresses}.seconds").read_text())


def _open(store: Path) -> Mirror:
    """The store as a daemon with `sections` opens it."""
    with daemon(sections(), start=False) as service:
        service.write_config({**sections(), "store": {"path": str(store)}})
        return build.open_mirror(build.load(service.config), writable=True)


@contextmanager
def serving(store: Path, **server: Any) -> Iterator["Ours"]:
    """A daemon over a filled store, live although it has no directory."""
    whole = {**sections(**server), "store": {"path": str(store)}}
    with daemon(whole) as service:
        service.settled("virtual_alias", Person(0).mail)
        # A service forgets at its start when the directory was last heard of.
        Pulse(store, "", writable=True).touch(time.clock_gettime(time.CLOCK_BOOTTIME))
        yield Ours(service)


class Ours:
    """A running daemon."""

    def __init__(self, service: Daemon) -> None:
        self.workers: list[int] = [worker["pid"] for worker in service.status()["workers"]]
        self.address = f"unix:{service.socket}"


def keys(addresses: int, *, hot: bool) -> list[bytes]:
    """Addresses that exist among so many: a few, or (spread evenly) so many that no cache holds them."""
    users = -(-addresses // ADDRESSES_PER_USER)
    wanted = HOT_KEYS if hot else min(COLD_KEYS, users * ADDRESSES_PER_USER)
    step = max(1, users * ADDRESSES_PER_USER // wanted)
    found = []
    for number in range(0, users * ADDRESSES_PER_USER, step):
        person = Person(number // ADDRESSES_PER_USER)
        found.append((person.mail, *person.aliases)[number % ADDRESSES_PER_USER].encode())
    return found[:wanted]


def prepare(path: Path, asked: list[bytes], *, hot: bool) -> Path:
    """A file of requests for these keys of `virtual_alias`, in an order without neighbours."""
    mix = Mix(order=Order.ONCE)
    number = 20 * len(asked) if hot else len(asked)
    frame = requests.framing(Protocol.SOCKETMAP, "virtual_alias")
    requests.write(path, requests.choose(asked, mix, number), frame)
    return path
