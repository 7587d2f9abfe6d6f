"""What the running processes tell each other and the command line besides the mirror: small JSON files and a lock.

Owns the names and the atomic writing of these files in `[store] path`.  They are for display: nothing that an
answer depends on is in them.
"""

import errno
import fcntl
import json
import logging
import os
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict

import msgspec

from colocroute.errors import ColocrouteError

log = logging.getLogger(__name__)

LOCK_FILE = "colocroute.lock"
SUPERVISOR_FILE = "supervisor.json"
REPLICATOR_FILE = "replicator.json"

LOCK_WAIT = 1.0  # seconds: `is_running` of another process holds the lock for a moment, too
_LOCK_POLL = 0.02


LATEST = 32_503_680_000  # the year 3000: long before what a datetime cannot show

_Moment = Annotated[float, msgspec.Meta(ge=0, le=LATEST)]  # wall clock, seconds


class _Process(TypedDict):
    name: str
    pid: int
    restarts: NotRequired[int]


class _Supervisor(TypedDict, total=False):
    pid: int
    processes: list[_Process]
    workers: list[_Process]


class _Replicator(TypedDict, total=False):
    uri: str
    mode: str
    connected: bool
    position: str
    alive_since: _Moment
    last_error: str
    warnings: list[str]
    started: _Moment


_SHAPES: dict[str, Any] = {SUPERVISOR_FILE: _Supervisor, REPLICATOR_FILE: _Replicator}


class RunningError(ColocrouteError):
    """Another daemon already uses this store."""


def acquire(store: Path, *, patient: bool = True) -> int:
    """Takes the lock that one daemon holds for its life; returns its descriptor, which must stay open.

    Raises `RunningError` if another daemon goes on holding it (if not `patient`: holds it now),
    `ColocrouteError` if it cannot be made.
    """
    path = store / LOCK_FILE
    try:
        store.mkdir(mode=0o750, parents=True, exist_ok=True)
        descriptor = _open_lock(path)
    except OSError as error:
        raise ColocrouteError(f"{error.filename or path}: {error.strerror}") from error
    deadline = time.monotonic() + (LOCK_WAIT if patient else 0.0)
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except OSError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise RunningError(f"{path}: another colocroute daemon is running with this store") from None
        time.sleep(_LOCK_POLL)


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
    # The mirror that is there can be answered from, and to lock a file it need not be written.
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path)) from None


def renew(store: Path, lock: int) -> int:
    """The lock that is held, or one in its place if its file is not there any more; a failure is logged."""
    path = store / LOCK_FILE
    try:
        if path.exists() and os.path.samestat(path.stat(), os.fstat(lock)):
            return lock
    except OSError as error:
        log.debug("%s: %s", path, error)
        return lock
    try:
        anew = acquire(store, patient=False)
    except ColocrouteError as error:
        log.error("%s; the lock that is held is of a removed file", error)
        return lock
    log.warning("%s: removed under the running service, made anew", path)
    os.close(lock)
    return anew


def is_running(store: Path) -> bool:
    """Whether a daemon holds the lock of this store."""
    try:
        descriptor = os.open(store / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def publish(store: Path, name: str, value: dict[str, Any]) -> None:
    """Replaces one of the files; a failure (disk full) is logged and otherwise ignored."""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=store)
        try:
            os.fchmod(descriptor, 0o644)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(value, file)
            Path(temporary).replace(store / name)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        log.debug("%s: %s", store / name, error)


def read(store: Path, name: str) -> dict[str, Any]:
    """The last published value, or an empty one if there is none, it is damaged, or it is of another shape."""
    try:
        content = (store / name).read_bytes()
        value: dict[str, Any] = msgspec.json.decode(content, type=_SHAPES.get(name, dict[str, Any]))
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
    return value
