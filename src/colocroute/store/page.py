"""The file behind the pulse: one page, mapped by every process.

Owns making and mapping it.  Rule: a page is allocated for real before it is mapped, and appears under its
name complete, so that no process can be killed by SIGBUS (a full disk) or see half of it.  Must not know what
the words mean, save the first three: magic, layout, and the sequence, which starts odd and at random so that
no number of an earlier page comes back.

Limit: a copy-on-write file system may need new room to write to an allocated page.
"""

import mmap
import os
import secrets
import sys
from pathlib import Path

from colocroute.store.layout import LAYOUT

FILE_MODE = 0o660  # less the umask
SIZE = 4096
MAGIC = int.from_bytes(b"ccrpulse", sys.byteorder)


class Page:
    """A mapped page: `words` as unsigned 64-bit integers, `times` as doubles, both in native order."""

    __slots__ = ("_map", "file", "times", "words")

    def __init__(self, mapped: mmap.mmap | None = None, file: tuple[int, int] = (0, 0)) -> None:
        """Without a mapping: a page of zeros, which stands for none.  `file` is its device and inode."""
        view = memoryview(mapped if mapped is not None else bytes(SIZE))
        self._map = mapped
        self.file = file
        self.words = view.cast("Q")
        self.times = view.cast("d")

    def flush(self) -> None:
        """Writes the page to the disk; raises `OSError`."""
        if self._map is not None:
            self._map.flush()

    def close(self) -> None:
        """Unmaps the page; its views are of no use after it."""
        self.words.release()
        self.times.release()
        if self._map is not None:
            self._map.close()


def read_page(path: Path) -> Page | None:
    """The page at `path` for reading, or None if there is none (yet); raises `OSError`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _map(descriptor, mmap.PROT_READ)


def write_page(path: Path) -> Page:
    """The page at `path` for writing, made anew unless it can be used; raises `OSError`."""
    try:
        page = _map(os.open(path, os.O_RDWR | os.O_CLOEXEC), mmap.PROT_READ | mmap.PROT_WRITE)
    except FileNotFoundError:
        page = None
    if page is not None:
        return page
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        os.posix_fallocate(descriptor, 0, SIZE)
        first = (MAGIC, LAYOUT, secrets.randbits(60) << 1 | 1)
        os.pwrite(descriptor, b"".join(word.to_bytes(8, sys.byteorder) for word in first), 0)
        os.fsync(descriptor)
    except OSError:
        os.close(descriptor)
        new.unlink(missing_ok=True)
        raise
    new.replace(path)
    page = _map(descriptor, mmap.PROT_READ | mmap.PROT_WRITE)
    if page is None:
        raise OSError(f"{path} cannot be read back")
    return page


def _map(descriptor: int, protection: int) -> Page | None:
    """Maps the file if it is a page of this layout; closes the descriptor."""
    try:
        status = os.fstat(descriptor)
        if status.st_size < SIZE:
            return None
        if protection & mmap.PROT_WRITE:
            os.posix_fallocate(descriptor, 0, SIZE)
        page = Page(mmap.mmap(descriptor, SIZE, prot=protection), (status.st_dev, status.st_ino))
    finally:
        os.close(descriptor)
    if (page.words[0], page.words[1]) == (MAGIC, LAYOUT):
        return page
    page.close()
    return None
