"""What LMDB, msgspec and the operating system say of a mirror, told as `StoreError`.

Owns the translation.  Rule: whatever cannot be decoded is damage, never an answer.
"""

import errno
import os
import struct
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import lmdb
import msgspec

from colocroute.errors import MirrorDamagedError, StoreError

FAILURES = (lmdb.Error, msgspec.MsgspecError, UnicodeDecodeError, struct.error)
"""What reading or writing the data may raise."""

FILE_FAILURES = (*FAILURES, OSError)
"""What opening a mirror may raise."""

_NO_ROOM = 64 * 1024  # bytes
_DAMAGE = (
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.InvalidError,
    lmdb.VersionMismatchError,
    msgspec.MsgspecError,
    UnicodeDecodeError,
    struct.error,
)


def store_error(where: str, error: Exception) -> StoreError:
    """The error to raise instead; `where` is the path the user knows."""
    if isinstance(error, StoreError):
        return error
    if _is_full(where, error):
        return StoreError(f"{where}: no space left, nothing was stored ({_line(error)})")
    if isinstance(error, _DAMAGE):
        return MirrorDamagedError(f"{where}: the mirror is damaged ({_line(error)})")
    return StoreError(f"{where}: {_line(error)}")


def _is_full(where: str, error: Exception) -> bool:
    if isinstance(error, lmdb.DiskError | lmdb.MapFullError):
        return True
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    # What fits in part LMDB tells as EIO (mdb.c, mdb_page_flush).
    if not isinstance(error, lmdb.Error) or getattr(error, "code", 0) != errno.EIO:
        return False
    try:
        room = os.statvfs(where)
    except OSError:
        return False
    return room.f_bavail * room.f_frsize < _NO_ROOM


def damaged(where: str, what: str) -> MirrorDamagedError:
    """The error for content that decodes and cannot be true."""
    return MirrorDamagedError(f"{where}: the mirror is damaged ({what})")


_P = ParamSpec("_P")
_T = TypeVar("_T")


def told(method: Callable[Concatenate[Any, _P], _T]) -> Callable[Concatenate[Any, _P], _T]:
    """Makes a method of a snapshot raise `StoreError` for whatever LMDB or a decoder raises in it."""

    @wraps(method)
    def wrapper(self: Any, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return method(self, *args, **kwargs)
        except FAILURES as error:
            raise store_error(self._db.where, error) from error

    return wrapper


def _line(error: Exception) -> str:
    text = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    return " ".join(text.split())
