"""The files of a mirror, before LMDB sees them: whether they can be opened safely, and making room for them.

Owns the names, the look at LMDB's two meta pages, setting a damaged file aside, and the lock that lets one
process at a time write.  LMDB maps the data file and trusts it: a page that its meta page promises and the
file lacks is SIGBUS, so that is found out here.

Limits: what is wrong inside the pages is found when they are read, by LMDB's checks of their form and by the
decoders; nothing has a checksum, so a changed letter, or a well-formed page in the wrong place, is the file
system's to prevent.  A file truncated while it is mapped kills whoever reads the lost part.
"""

import fcntl
import logging
import os
import struct
import time
from pathlib import Path

import msgspec
from lmdb import verify

from colocroute.errors import StoreError

log = logging.getLogger(__name__)

DATA = "data.mdb"
LOCK = "lock.mdb"
ASIDE = "data.mdb.damaged"
FILE_MODE = 0o660  # less the umask, but for the lock file: each reader notes in it what it still reads
DIRECTORY_MODE = 0o770

LOCK_BYTES = 9 * 4096  # LMDB takes the number of reader slots from the size, 64 bytes each: over 512
WRITER_WAIT = 5.0  # seconds for the process before us to end (a daemon killed and started again)
_WRITER_POLL = 0.05

# mdb.c: MDB_page without its pages, then MDB_meta; native sizes and alignment, like LMDB's own.
_META_PAGE = struct.Struct("@NHHHH IIPN IHHNNNNN IHHNNNNN NN".replace(" ", ""))
_P_META = 0x08
_MAGIC = 0xBEEFC0DE
_DATA_VERSION = 1  # LMDB 0.9
_PAGE_SIZES = tuple(1 << bits for bits in range(8, 17))


class DataFile(msgspec.Struct, frozen=True):
    """What is known of a data file: `size` and `promised` in bytes; `problem` says why it is no mirror."""

    size: int
    promised: int = 0
    problem: str = ""

    @property
    def missing(self) -> int:
        """Bytes that the meta page promises and the file lacks."""
        return max(0, self.promised - self.size)


def look_at_data(directory: Path) -> DataFile | None:
    """The data file, or None if there is none or it is empty; raises `OSError`."""
    try:
        descriptor = os.open(directory / DATA, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        # The size after the meta pages: a writer extends the file before it promises.
        promised, problem = _promise(descriptor)
        size = os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
    return DataFile(size, promised, problem) if size else None


def _promise(descriptor: int) -> tuple[int, str]:
    """How long the file must be by its newer meta page; or what is wrong with these pages."""
    best = (-1, 0)
    offset = 0
    for number in range(2):
        data = os.pread(descriptor, _META_PAGE.size, offset)
        if len(data) < _META_PAGE.size:
            return 0, "it is too short for an LMDB file"
        fields = _META_PAGE.unpack(data)
        flags, magic, version, page = fields[2], fields[5], fields[6], fields[9]
        if not flags & _P_META or magic != _MAGIC:
            return 0, f"meta page {number} is not LMDB's"
        if version != _DATA_VERSION or page not in _PAGE_SIZES:
            return 0, f"data version {version} with pages of {page} bytes is not known"
        last_page, txn = fields[-2], fields[-1]
        best = max(best, (txn, (last_page + 1) * page))
        offset = page
    return best[1], ""


def identity(path: Path) -> tuple[int, int] | None:
    """What tells an open file from another of its name, None if there is none; raises `OSError`."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino


def judge(directory: Path, data: DataFile) -> str:
    """Why a writer must not open this data file, or an empty string; may read all of it."""
    if data.problem or not data.missing:
        return data.problem
    # LMDB need not write a page that it took and gave back in one transaction, so a short file may be whole.
    try:
        problems = verify.verify(str(directory), subdir=True)  # type: ignore[no-untyped-call]  # has no annotations
    except verify.VerifyError as error:
        problems = [str(error)]
    return f"{data.missing} bytes are missing: {problems[0]}" if problems else ""


def extend_data(directory: Path) -> None:
    """Makes the data file as long as its meta page promises; raises `OSError`.

    Only ever adds, so that a commit of another process in the same moment is not harmed.
    """
    data = look_at_data(directory)
    if data is None or not data.missing:
        return
    descriptor = os.open(directory / DATA, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.posix_fallocate(descriptor, data.size, data.missing)
    finally:
        os.close(descriptor)


def give_back(directory: Path) -> None:
    """Gives the disk back what a failed transaction took; only within a write transaction; raises `OSError`."""
    data = look_at_data(directory)
    if data is not None and not data.problem and data.size > data.promised:
        os.truncate(directory / DATA, data.promised)


def allocate_lock(directory: Path) -> None:
    """Makes LMDB's lock file, with every reader slot on the disk: it is written through a mapping, and a full
    disk would be SIGBUS.  Not while this process has the environment open (fcntl locks); raises `OSError`.

    Its group may write whatever the umask says, or the group could not read the mirror."""
    descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        if os.fstat(descriptor).st_uid == os.geteuid():
            os.fchmod(descriptor, FILE_MODE)
        os.posix_fallocate(descriptor, 0, LOCK_BYTES)
    finally:
        os.close(descriptor)


def forget_readers(directory: Path) -> None:
    """Removes the lock file of data that have this name no more; only for the writer; raises `OSError`."""
    (directory / LOCK).unlink(missing_ok=True)


def set_aside(directory: Path, why: str) -> None:
    """Renames the data file, over an older one that was set aside; raises `OSError`.

    The lock file goes too: it belongs to the data, and whoever still maps the old data keeps the old one.
    """
    (directory / DATA).replace(directory / ASIDE)
    forget_readers(directory)
    log.warning(
        "%s: not usable (%s), set aside as %s; starting an empty mirror", directory / DATA, why, ASIDE
    )


def lock_writer(directory: Path) -> int:
    """Makes the directory if need be and locks it; returns the descriptor that holds the lock.

    The lock ends with the process, however it ends.  Raises `OSError`, and `StoreError` if another process
    does not give it up within `WRITER_WAIT`.
    """
    directory.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    deadline = time.monotonic() + WRITER_WAIT
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise StoreError(f"{directory}: another process has this mirror open for writing") from None
        time.sleep(_WRITER_POLL)


def unlock_writer(descriptor: int) -> None:
    """Lets another process write."""
    os.close(descriptor)
