"""The replicator process: the mirror opened for writing, the directory, and the watch on our own addresses.

Owns the joint between `replicate`, `directory` and `here`.  Runs in its own process.
"""

import logging
import os
import threading
import time
from collections.abc import Callable

import msgspec

from colocroute.config import Config
from colocroute.daemon import build, runtime
from colocroute.daemon.here import HereFinder
from colocroute.daemon.progress import RefreshProgress
from colocroute.directory.client import open_session
from colocroute.replicate.apply import Applier
from colocroute.replicate.replicator import Progress, Replicator
from colocroute.replicate.whereabouts import Whereabouts
from colocroute.routing.records import record
from colocroute.routing.topology import topology
from colocroute.store.mirror import Mirror
from colocroute.store.snapshot import Snapshot

log = logging.getLogger(__name__)

NICE = 5  # a third of a worker's share where both want the same core: lookups come first
HERE_SECONDS = 5.0  # how often a changed address of this machine is looked for


def run(config: Config, ready: Callable[[], None]) -> int:
    """Replicates until the process is ended; calls `ready` once it does."""
    mirror = build.open_mirror(config, writable=True)
    directory = build.directory(config)
    beat = build.heartbeat(config)
    watch = _Watch(config, mirror)
    replicator = Replicator(
        mirror,
        Applier(mirror, build.guard_rules(config), record, watch.locate),
        build.replicator_rules(config),
        lambda cookie, reached: open_session(directory, cookie, heartbeat=beat, reached=reached),
        watch,
    )
    threading.Thread(target=watch.look_forever, name="here", daemon=True).start()
    os.nice(NICE)
    ready()
    replicator.run()
    return 0


class _Watch:
    """`Surroundings` of the replicator.  Its thread only looks; the replicator writes what it finds."""

    def __init__(self, config: Config, mirror: Mirror) -> None:
        self._config = config
        self._rules = build.rules(config)
        self._mirror = mirror
        self._store = build.store_path(config)
        with mirror.snapshot() as snapshot:
            meta = snapshot.meta()
        self._finder = HereFinder(
            config.routing.proxy_addresses, before=Whereabouts(meta.here, meta.servers, meta.unresolved)
        )
        self._progress = RefreshProgress()
        self._lock = threading.Lock()
        self._started = time.time()
        self._latest: tuple[int, Whereabouts | None] = (-1, None)

    def whereabouts(self) -> tuple[int, Whereabouts | None]:
        """See `Surroundings`."""
        return self._latest

    def report(self, progress: Progress) -> None:
        """Publishes what `status` shows of the directory session."""
        runtime.publish(
            self._store,
            runtime.REPLICATOR_FILE,
            {**msgspec.structs.asdict(progress), "started": self._started},
        )

    def refreshing(self, events: int | None) -> None:
        """Shows how far a refresh is."""
        self._progress(events)

    def locate(self, snapshot: Snapshot) -> Whereabouts:
        """Where the sites of a snapshot are; may ask the DNS, for at most the finder's deadline."""
        known = topology(
            self._rules,
            sites=snapshot.sites(),
            route_domains=[*snapshot.route_domains(), *snapshot.former_domains()],
            directory_domains=snapshot.domains(),
            here=(),
        )
        with self._lock:
            return self._finder.find(known, self._config.routing.here)

    def look_forever(self) -> None:
        """The body of the thread: addresses of this machine and of the sites' servers change while we run."""
        while True:
            self.look()
            time.sleep(HERE_SECONDS)

    def look(self) -> None:
        """Looks once; never raises."""
        try:
            with self._mirror.snapshot() as snapshot:
                self._latest = (snapshot.meta().topology, self.locate(snapshot))
        except Exception:
            log.exception("finding out which sites are here failed; the last finding holds")
