"""A process that fills a mirror from a directory once: `python -m tests.load.refreshing CONFIG`.

Prints the seconds from the first byte asked for to the durable commit, those of CPU, and the entries.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

from colocroute.daemon import build
from colocroute.directory.client import open_session
from colocroute.directory.events import Event
from colocroute.replicate.apply import Applier
from colocroute.replicate.whereabouts import Whereabouts
from colocroute.routing.records import record


def main(path: str) -> None:
    """Refreshes the mirror of this configuration."""
    config = build.load(Path(path))
    with build.open_mirror(config, writable=True) as mirror:
        started, cpu = time.monotonic(), time.process_time()
        session = open_session(build.directory(config), b"", heartbeat=build.heartbeat(config))

        def events() -> Iterator[Event]:
            while True:
                yield from session.events(1.0)

        arriving = events()
        next(arriving)
        applier = Applier(mirror, build.guard_rules(config), record, lambda _snapshot: Whereabouts())
        changed = applier.refresh(arriving, time.time(), session.uri, full=True)
        print(time.monotonic() - started, time.process_time() - cpu, changed)
        session.close()


if __name__ == "__main__":
    main(sys.argv[1])
