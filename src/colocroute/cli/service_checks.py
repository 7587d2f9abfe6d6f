"""What is wrong with the service, and so with what `check` can say: an old mirror, files that are not there.

Owns these checks.  Pure: what `status` says and which files are missing come in.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from colocroute.cli.finding import Finding, Level, finding
from colocroute.config.rules import GONE

CREDENTIALS = Path("/run/credentials")  # systemd.exec(5), LoadCredential=: there while the service runs


def check_state(store: str, status: dict[str, Any]) -> Iterator[Finding]:
    """What else is found is about a mirror in this state; nothing of an empty one, which says so itself."""
    directory, state = status["directory"], status["state"]
    if state == "empty":
        return
    if status["daemon"] == "stopped":
        message = (
            f"the mirror is what it left, refreshed {status['refreshed'] or 'never'}; Postfix has no answer"
        )
        yield finding("service-stopped", store, message)
    if state == "stale":
        until = directory["last_contact"] or status["refreshed"] or "an unknown time"
        reason = f": {directory['last_error']}" if directory["last_error"] else ""
        yield finding(
            "mirror-stale", store, f"what is said here is what the directory had until {until}{reason}"
        )
    if state == "held":
        message = f"what is said here is what the directory had before {status['since']}"
        yield finding("mirror-held", store, f"{message}: {status['guard']['reason']}")


def check_files(missing: Iterable[tuple[str, Path, str]]) -> Iterator[Finding]:
    """The files without which the service does not start, as far as this user can tell."""
    for key, path, problem in missing:
        level: Level = "warning"
        remedy = "run this as root"
        if path.is_relative_to(CREDENTIALS):
            remedy = "start the service: systemd gives it the file, and then its session can be checked"
        elif problem == GONE:
            level, remedy = "error", "make it, or name another; the service does not start without"
        yield finding("file-unreadable", key, f"{path} {problem}", remedy=remedy, level=level)
