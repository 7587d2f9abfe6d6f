"""What `status` shows: the mirror, the pulse and what the running processes have published, put together.

Owns the names of the fields (DESIGN.md section 7).  Works with the daemon down.
"""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from colocroute.config import Config
from colocroute.daemon import build, runtime
from colocroute.directory.cookie import lag_seconds
from colocroute.errors import StoreError
from colocroute.model import State
from colocroute.store.meta import Counts, Meta
from colocroute.store.mirror import Mirror

UNKNOWN = "unknown"


def gather(config: Config) -> dict[str, Any]:
    """All fields of `status --json`; times are ISO 8601 in UTC, or null where there is none.

    Raises `StoreError` for a mirror that cannot be read; one that was never made is an empty one.
    """
    store = build.store_path(config)
    with build.open_mirror(config, writable=False) as mirror:
        contact = _contact_wall(mirror)
        boot_now = time.clock_gettime(time.CLOCK_BOOTTIME)
        state = mirror.pulse.state(boot_now, config.routing.stale_after)
        with mirror.snapshot() as snapshot:
            meta, counts = snapshot.meta(), snapshot.counts()
        warnings = [build.OTHERS_MIRROR] if mirror.is_others else []
    if state is not State.EMPTY and not meta.complete:
        raise StoreError(f"{store}: the mirror should be here and cannot be read")
    running = runtime.is_running(store)
    replicator = runtime.read(store, runtime.REPLICATOR_FILE)
    supervisor = runtime.read(store, runtime.SUPERVISOR_FILE) if running else {}
    return {
        "daemon": "running" if running else "stopped",
        "state": state.value,
        "error": "",
        "since": _time(_since(state, meta, contact, replicator, config.routing.stale_after)),
        "directory": _directory(config, meta, replicator, contact, warnings, running=running),
        **_counts(counts),
        "generation": meta.generation,
        "changed": _time(meta.changed),
        "refreshed": _time(meta.refreshed),
        "age": _age(meta.refreshed),
        "differences": meta.differences,
        "guard": _guard(meta),
        "here": list(meta.here),
        "workers": supervisor.get("workers", []),
        "processes": supervisor.get("processes", []),
    }


def unreadable(config: Config, error: StoreError) -> dict[str, Any]:
    """The same fields where `gather` raised `error`: the state is `unknown`; null is what only the mirror tells."""
    store = build.store_path(config)
    daemon = _daemon(store)
    running = daemon == "running"
    supervisor = runtime.read(store, runtime.SUPERVISOR_FILE) if running else {}
    replicator = runtime.read(store, runtime.REPLICATOR_FILE)
    mirror = ("since", *_counts(Counts()), "generation", "changed", "refreshed", "age", "differences", "here")
    return {
        **dict.fromkeys(mirror),
        "daemon": daemon,
        "state": UNKNOWN,
        "error": str(error),
        "directory": {**_directory(config, Meta(), replicator, 0.0, [], running=running), "cookie": None},
        "guard": dict.fromkeys(_guard(Meta())),
        "workers": supervisor.get("workers", []),
        "processes": supervisor.get("processes", []),
    }


def _daemon(store: Path) -> str:
    """Whether the daemon runs, where the store may not be ours to look into."""
    if runtime.is_running(store):
        return "running"
    try:
        (store / runtime.LOCK_FILE).open("rb").close()
    except FileNotFoundError:
        return "stopped"
    except OSError:
        return UNKNOWN
    return "stopped"


def _contact_wall(mirror: Mirror) -> float:
    """Wall-clock seconds of the last contact with the directory, 0 for none since the machine was booted."""
    contact = mirror.pulse.contact()
    if contact <= 0.0:
        return 0.0
    return time.time() - (time.clock_gettime(time.CLOCK_BOOTTIME) - contact)


def _since(state: State, meta: Meta, contact: float, replicator: dict[str, Any], stale_after: float) -> float:
    """When the state began, as far as that is known."""
    if state is State.HELD and meta.held is not None:
        return meta.held.since
    if state is State.LIVE:
        return float(replicator.get("alive_since") or meta.refreshed)
    if state is State.STALE:
        return contact + stale_after if contact else meta.refreshed
    return float(replicator.get("started") or 0.0)


def _directory(
    config: Config,
    meta: Meta,
    replicator: dict[str, Any],
    contact: float,
    warnings: list[str],
    *,
    running: bool,
) -> dict[str, Any]:
    position = str(replicator.get("position", ""))
    cookie = meta.cookie.decode("ascii", "backslashreplace")
    return {
        "uri": replicator.get("uri") or ", ".join(config.directory.uri),
        "mode": replicator.get("mode") or config.directory.mode,
        "connected": bool(running and replicator.get("connected")),
        "last_contact": _time(contact),
        "cookie": cookie,
        "position": position,
        "lag": lag_seconds(cookie, position),
        "last_error": replicator.get("last_error", ""),
        "warnings": [*warnings, *replicator.get("warnings", [])],
    }


def _counts(counts: Counts) -> dict[str, int]:
    return {
        "entries": counts.entries,
        "users": counts.users,
        "addresses": counts.addresses,
        "sites": counts.sites,
        "former_routes": counts.former,
    }


def _guard(meta: Meta) -> dict[str, Any]:
    held = meta.held
    if held is None:
        return {"held": False, "would_remove": 0, "reason": ""}
    return {"held": True, "would_remove": held.would_remove, "reason": held.reason}


def _age(wall: float) -> float | None:
    return round(time.time() - wall, 1) if wall else None


def _time(wall: float) -> str | None:
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="seconds") if wall else None
