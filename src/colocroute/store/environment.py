"""The LMDB environment of a mirror: opened for reading or writing, and only if it is what was asked for.

Owns the LMDB settings and whose a file is (layout and fingerprint).  Rule: opening for reading creates and
changes nothing; only `establish` (the writer's) makes, empties or sets aside.

An environment must not be used across a fork, and not be opened twice in one process (fcntl locks).
"""

import logging
import os
import secrets
import stat
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

import lmdb
import msgspec

from colocroute.errors import StoreError
from colocroute.store import files
from colocroute.store.domains import rows_to_keep
from colocroute.store.failures import FILE_FAILURES, store_error
from colocroute.store.layout import (
    DATABASES,
    LAYOUT,
    META_KEY,
    TAG_KEY,
    Databases,
    Txn,
    decode_meta,
    decode_tag,
    encode,
)
from colocroute.store.leavings import rows_of_former
from colocroute.store.meta import Meta, Tag

log = logging.getLogger(__name__)

MAP_SIZE = 64 << 30 if sys.maxsize > 2**32 else 1 << 30  # address space, not disk: the file grows as it fills
_ENGINE = 0  # LMDB 0.9: the files every tool reads
_MODE = files.FILE_MODE
_WITHDRAWAL = 0.1  # seconds for lookups that began before the mirror was withdrawn to end

_NOT_OURS = (
    lmdb.InvalidError,
    lmdb.VersionMismatchError,
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.NotFoundError,
    lmdb.IncompatibleError,
    msgspec.MsgspecError,
    UnicodeDecodeError,
    struct.error,
)


class Attached(msgspec.Struct, frozen=True):
    """An open environment, its databases, which mirror it holds, and whether writers know of its readers.

    Not `ours`: it has another fingerprint.
    """

    environment: lmdb.Environment
    databases: Databases
    mirror: int
    locked: bool = True
    ours: bool = True


def attach(
    directory: Path, fingerprint: str, *, write: bool = False, others: bool = False
) -> Attached | None:
    """The mirror in `directory`, or None if there is none with this fingerprint; raises `StoreError`.

    Creates nothing; `write` allows write transactions, `others` mirrors of another fingerprint.
    """
    try:
        data = files.look_at_data(directory)
        if data is None or data.problem or data.missing:
            return None
        locked = _lockable(directory, write=write)
        environment = _open(directory, write=write, lock=locked)
    except _NOT_OURS:
        return None
    except FILE_FAILURES as error:
        raise store_error(str(directory / files.DATA), error) from error
    try:
        databases = _databases(directory, environment)
        tag = _tag(environment, databases)
        ours = tag is not None and tag.fingerprint == fingerprint
        if tag is not None and tag.layout == LAYOUT and (ours or others):
            return Attached(environment, databases, tag.mirror, locked, ours)
    except _NOT_OURS:
        log.debug("%s: not a mirror", directory)
    except FILE_FAILURES as error:
        environment.close()
        raise store_error(str(directory / files.DATA), error) from error
    environment.close()
    return None


def _lockable(directory: Path, *, write: bool) -> bool:
    """Whether to open with LMDB's lock file; raises `StoreError` if that is there and not for us.

    Data without a lock file have no writer (a copy, a backup): they are read without locking.
    """
    lock = directory / files.LOCK
    if not lock.exists():
        if write:
            raise StoreError(f"{lock}: missing; the daemon has never run with these data")
        return False
    read_only = bool(os.statvfs(directory).f_flag & os.ST_RDONLY)  # LMDB then does without by itself
    if not read_only and not os.access(lock, os.R_OK | os.W_OK):
        mode = stat.S_IMODE(lock.stat().st_mode)
        raise StoreError(
            f"{lock}: not writable (mode {mode:04o}): only root and its group may read the mirror"
        )
    return True


def _open(directory: Path, *, write: bool, lock: bool = True) -> lmdb.Environment:
    return lmdb.Environment(
        str(directory),
        map_size=MAP_SIZE,
        readonly=not write,
        create=False,
        mode=_MODE,
        max_dbs=len(DATABASES),
        max_spare_txns=1,  # a lookup reuses the read transaction of the one before
        lock=lock,
        lib_version=_ENGINE,
    )


def _databases(directory: Path, environment: lmdb.Environment) -> Databases:
    handles = {name: environment.open_db(name.encode(), create=False) for name in DATABASES}
    return Databases(where=str(directory), **handles)


def _tag(environment: lmdb.Environment, databases: Databases) -> Tag | None:
    with environment.begin() as txn:
        raw = txn.get(TAG_KEY, None, databases.meta)
    return None if raw is None else decode_tag(raw)


def establish(directory: Path, fingerprint: str, *, suspect: bool, withdraw: Callable[[], bool]) -> Attached:
    """The mirror in `directory` for its writer, made, emptied or set aside as need be; raises `StoreError`.

    `suspect`: the last writer found it damaged.  `withdraw` is called before readers lose what they have.
    """
    try:
        data = files.look_at_data(directory)
        if data is not None:
            problem = "found damaged by the last writer" if suspect else files.judge(directory, data)
            if problem:
                _replace(directory, problem, withdraw)
            else:
                files.extend_data(directory)
        else:
            files.forget_readers(directory)
        try:
            return _take(directory, fingerprint, withdraw)
        except _NOT_OURS as error:
            _replace(directory, f"no mirror of this version: {error}", withdraw)
            return _take(directory, fingerprint, withdraw)
    except FILE_FAILURES as error:
        raise store_error(str(directory), error) from error


def _replace(directory: Path, why: str, withdraw: Callable[[], bool]) -> None:
    if withdraw():
        time.sleep(_WITHDRAWAL)
    files.set_aside(directory, why)


def _take(directory: Path, fingerprint: str, withdraw: Callable[[], bool]) -> Attached:
    """Opens the data file or a new one; raises what says that it is not ours."""
    files.allocate_lock(directory)
    environment = _open(directory, write=True)
    try:
        if not environment.stat()["entries"]:
            return _start(directory, environment, fingerprint)
        databases = _databases(directory, environment)
        tag = _tag(environment, databases)
        if tag is None or tag.layout != LAYOUT:
            raise lmdb.InvalidError(f"layout {tag.layout if tag else 'unknown'}, not {LAYOUT}")
        if tag.fingerprint == fingerprint:
            return Attached(environment, databases, tag.mirror)
        log.warning(
            "%s: made with another configuration of the directory; starting an empty mirror "
            "that knows the domains and the former routes",
            directory,
        )
        if withdraw():
            time.sleep(_WITHDRAWAL)
        return _empty(environment, databases, fingerprint)
    except BaseException:
        environment.close()
        raise


def _start(directory: Path, environment: lmdb.Environment, fingerprint: str) -> Attached:
    """Makes the databases of a new environment."""
    with environment.begin(write=True) as txn:
        handles = {name: environment.open_db(name.encode(), txn=txn) for name in DATABASES}
        databases = Databases(where=str(directory), **handles)
        mirror = _write_start(txn, databases, fingerprint)
    return Attached(environment, databases, mirror)


def _empty(environment: lmdb.Environment, databases: Databases, fingerprint: str) -> Attached:
    """Starts anew, but for the former routes, which queued mail still has, and the names of the domains, of which
    none may be taken for somebody else's meanwhile."""
    with environment.begin(write=True) as txn:
        domains = rows_to_keep(txn, databases)
        times = rows_of_former(txn, databases)
        age = decode_meta(txn.get(META_KEY, b"", databases.meta)).age  # the former routes' stamps are of it
        for name in DATABASES:
            if name != "former":
                txn.drop(getattr(databases, name), delete=False)
        txn.cursor(databases.domains).putmulti(domains)
        txn.cursor(databases.times).putmulti(times)
        mirror = _write_start(txn, databases, fingerprint, age)
    return Attached(environment, databases, mirror)


def _write_start(txn: Txn, databases: Databases, fingerprint: str, age: float = 0.0) -> int:
    mirror = secrets.randbits(62) | 1
    txn.put(TAG_KEY, encode(Tag(LAYOUT, fingerprint, mirror)), db=databases.meta)
    # Topology numbers of two mirrors must not meet: a worker compares nothing else.
    txn.put(META_KEY, encode(Meta(topology=time.time_ns() // 1000, age=age)), db=databases.meta)
    return mirror
