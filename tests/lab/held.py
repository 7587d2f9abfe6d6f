"""A mirror on disk that a configuration names, filled as the replicator would, with no daemon running."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from colocroute.daemon import build
from colocroute.model import Entry
from colocroute.replicate.apply import Applier
from colocroute.replicate.guard import GuardRules
from colocroute.replicate.whereabouts import Whereabouts
from colocroute.routing.records import record
from tests.lab.daemon import to_toml
from tests.replicate.scripted import refresh
from tests.vectors import COMPANY_LDIF, HERE, RULES, USER_FILTER
from tests.vectors.company import BASE


def configured(directory: Path, *, uri: str = f"ldif:{COMPANY_LDIF}", **routing: Any) -> Path:
    """A configuration file for the company of the vectors; its store is beside it."""
    sections: dict[str, dict[str, Any]] = {
        "directory": {"uri": uri, "base": BASE},
        "schema": {"user_filter": USER_FILTER},
        "routing": {"domains": list(RULES.domains), **routing},
        "listen": {"socketmap": [f"unix:{directory}/map.sock"]},
        "store": {"path": str(directory / "store")},
    }
    path = directory / "colocroute.toml"
    path.write_text(to_toml(sections))
    return path


def holds(config: Path, entries: Iterable[Entry], *, here: tuple[str, ...] = HERE, live: bool = True) -> None:
    """From now on the mirror has these entries and no others."""
    with build.open_mirror(build.load(config), writable=True) as mirror:
        found = Whereabouts(here=here)
        applier = Applier(mirror, GuardRules(), record, lambda _snapshot: found)
        applier.refresh(iter(refresh(entries, None)[1:]), time.time(), "test", full=True)
        mirror.pulse.touch(time.clock_gettime(time.CLOCK_BOOTTIME) if live else 0.0)
