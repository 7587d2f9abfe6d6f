"""An LDIF file as a directory: read whole whenever it changes.

Owns noticing a change, the snapshot that is read, and what makes a file no directory: two entries of a name,
or none at all.  A file that is missing or wrong raises `DirectoryError`, and the mirror stays as it was.  Must
not know the syntax of LDIF, nor the store.

Known limit: a file that is being rewritten in place may be seen half written if the writer pauses for longer
than `POLL_SECONDS`; write aside and rename.
"""

import os
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO

from colocroute.directory import dn as names
from colocroute.directory.events import Event, RefreshBegin, RefreshDone, RefreshKind, Upsert
from colocroute.directory.identity import name_key, split_dn, uuid_of
from colocroute.directory.ldif import LdifReader, LdifRecord
from colocroute.directory.schema import Mapper
from colocroute.errors import DirectoryError

POLL_SECONDS = 0.25  # a change must be seen within 2 s; a file is read when it has been quiet for one poll
CHUNK_BYTES = 1 << 20
BATCH_EVENTS = 2000
SNAPSHOT_TRIES = 8

Stamp = tuple[int, int, int]
NEVER: Stamp = (0, 0, 0)


class LdifSession:
    """A `Session` on a file.  Raises `DirectoryError` when it cannot be opened."""

    mode = "ldif"

    def __init__(self, path: Path, base: str, mapper: Mapper) -> None:
        self.uri = f"ldif:{path}"
        self.contact = 0.0
        self.position = ""
        self.warnings: list[str] = []
        self._path = path
        self._base = _split(base)
        self._mapper = mapper
        self._reading: Iterator[Event] | None = None
        self._read = NEVER
        self._seen = _stamp(path)
        self._due = 0.0 if _is_at_rest(self._seen) else time.monotonic() + POLL_SECONDS

    def events(self, timeout: float) -> Sequence[Event]:
        """The next part of a refresh, or nothing after `timeout` seconds without a change of the file."""
        deadline = time.monotonic() + timeout
        while self._reading is None:
            now = time.monotonic()
            if now >= self._due:
                self._due = now + POLL_SECONDS
                self._look()
            elif now >= deadline:
                return []
            else:
                time.sleep(min(self._due, deadline) - now)
        batch = list(islice(self._reading, BATCH_EVENTS))
        if len(batch) < BATCH_EVENTS:
            self._reading = None
            self._due = time.monotonic() + POLL_SECONDS
        return batch

    def fileno(self) -> int:
        """None: a file does not say that it has changed."""
        return -1

    def close(self) -> None:
        """Forgets a read that is under way."""
        self._reading = None

    def _look(self) -> None:
        now = _stamp(self._path)
        if now == self._read:
            self.contact = time.clock_gettime(time.CLOCK_BOOTTIME)
        elif now == self._seen:
            self._reading = self._refresh()
        self._seen = now

    def _refresh(self) -> Iterator[Event]:
        with _snapshot(self._path) as (file, stamp):
            self._read = self._seen = stamp
            yield RefreshBegin()
            for entry_id, record in _identified(file, self._path, self._base):
                entry = self._mapper.choose(entry_id, record.dn, record.attributes)
                if entry is not None:
                    yield Upsert(entry)
        self.contact = time.clock_gettime(time.CLOCK_BOOTTIME)
        yield RefreshDone(RefreshKind.COMPLETE)


def _split(base: str) -> tuple[str, ...]:
    try:
        return names.split(base)
    except ValueError as error:
        raise DirectoryError(f"directory.base: {error}") from error


def _stamp(path: Path) -> Stamp:
    """What tells one state of the file from another; also makes sure that it can be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(status.st_mode):
        raise DirectoryError(f"{path}: not a regular file")
    return status.st_mtime_ns, status.st_size, status.st_ino


def _is_at_rest(stamp: Stamp) -> bool:
    """Whether it was last written a while ago: then nobody is at it."""
    return time.time_ns() - stamp[0] > POLL_SECONDS * 1e9


@contextmanager
def _snapshot(path: Path) -> Iterator[tuple[IO[bytes], Stamp]]:
    """A private copy of the file, of one state of it."""
    for _ in range(SNAPSHOT_TRIES):
        before = _stamp(path)
        with _temporary() as copy:
            _copy(path, copy)
            if _stamp(path) == before:
                yield copy, before
                return
        time.sleep(POLL_SECONDS)
    raise DirectoryError(f"{path}: changes faster than it can be read")


def _temporary() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile(buffering=0)  # so that closing it has nothing to write
    except OSError as error:
        raise _no_room(error) from error


def _copy(path: Path, copy: IO[bytes]) -> None:
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                _write(copy, chunk)
    except OSError as error:
        raise _unreadable(path, error) from error
    copy.seek(0)


def _write(copy: IO[bytes], chunk: bytes) -> None:
    left = memoryview(chunk)
    try:
        while left:
            left = left[copy.write(left) :]
    except OSError as error:
        raise _no_room(error) from error


def _no_room(error: OSError) -> DirectoryError:
    return DirectoryError(f"no temporary file to copy the LDIF file to: {error.strerror or error}")


def _records(file: IO[bytes], path: Path) -> Iterator[LdifRecord]:
    reader = LdifReader(str(path))
    while chunk := file.read(CHUNK_BYTES):
        yield from reader.feed(chunk)
    yield from reader.finish()


def _identified(file: IO[bytes], path: Path, base: tuple[str, ...]) -> Iterator[tuple[bytes, LdifRecord]]:
    """The records at or below `base`, each with its id."""
    lines: dict[bytes, int] = {}
    for record in _records(file, path):
        where = f"{path}, line {record.line}"
        try:
            rdns = split_dn(record.dn)
            name, uuid = name_key(rdns), uuid_of(record.attributes)
        except ValueError as error:
            raise DirectoryError(f"{where}: {error}") from error
        if lines.setdefault(name, record.line) != record.line:
            raise DirectoryError(f"{where}: the same DN as the entry at line {lines[name]}")
        if uuid and lines.setdefault(uuid, record.line) != record.line:
            raise DirectoryError(f"{where}: the same entryUUID as the entry at line {lines[uuid]}")
        if names.is_below(rdns, base):
            yield uuid or name, record


def _unreadable(path: Path, error: OSError) -> DirectoryError:
    return DirectoryError(f"{path}: {error.strerror or error}")
