"""Who is told what: one line, with the path, and damage told apart from a full disk."""

import errno
import os
import struct
from pathlib import Path

import lmdb
import msgspec
import pytest

from colocroute.errors import MirrorDamagedError, StoreError
from colocroute.store.failures import store_error

WHERE = "/var/lib/colocroute"


@pytest.mark.parametrize(
    "error",
    [
        lmdb.DiskError("mdb_txn_commit", errno.ENOSPC),
        lmdb.MapFullError("mdb_put"),
        OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
        OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)),
    ],
)
def test_a_full_disk(error: Exception) -> None:
    told = store_error(WHERE, error)
    assert "no space left, nothing was stored" in str(told)
    assert str(told).startswith(f"{WHERE}: ")
    assert not isinstance(told, MirrorDamagedError)


@pytest.mark.parametrize(
    "error",
    [
        lmdb.CorruptedError("mdb_get"),
        lmdb.PageNotFoundError("mdb_get"),
        lmdb.InvalidError("mdb_env_open"),
        msgspec.DecodeError("truncated"),
        msgspec.ValidationError("Expected `array`"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        struct.error("unpack_from requires a buffer"),
    ],
)
def test_damage(error: Exception) -> None:
    assert isinstance(store_error(WHERE, error), MirrorDamagedError)


def test_anything_else() -> None:
    told = store_error(WHERE, PermissionError(errno.EACCES, "Permission denied", "/x"))
    assert str(told) == f"{WHERE}: Permission denied"


def test_an_input_or_output_error_is_a_full_disk_only_if_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = lmdb.Error("mdb_txn_commit: Input/output error")
    error.code = errno.EIO  # type: ignore[misc]  # as the extension sets it
    assert "no space" not in str(store_error(str(tmp_path), error))
    assert "no space" not in str(store_error(str(tmp_path / "absent"), error))
    full = os.statvfs_result((4096, 4096, 100, 0, 0, 0, 0, 0, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    assert "no space" in str(store_error(str(tmp_path), error))


def test_it_is_one_line_and_is_not_told_twice() -> None:
    told = store_error(WHERE, lmdb.Error("first\nsecond"))
    assert "\n" not in str(told)
    assert store_error("/other", told) is told
    assert type(told) is StoreError
