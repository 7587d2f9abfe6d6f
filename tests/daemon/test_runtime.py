"""The lock of one daemon, and the small files for display."""

import errno
import fcntl
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from colocroute.daemon import runtime
from colocroute.errors import ColocrouteError


def test_one_daemon_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "LOCK_WAIT", 0.1)
    store = tmp_path / "deep" / "store"
    assert not runtime.is_running(store)
    lock = runtime.acquire(store)
    assert runtime.is_running(store)
    with pytest.raises(runtime.RunningError, match="another colocroute daemon is running with this store"):
        runtime.acquire(store)
    os.close(lock)
    assert not runtime.is_running(store)
    os.close(runtime.acquire(store))


def test_the_lock_ends_with_the_process_and_not_with_its_programs(tmp_path: Path) -> None:
    code = (
        "import os, subprocess, sys\n"
        "from pathlib import Path\n"
        "from colocroute.daemon import runtime\n"
        "runtime.acquire(Path(sys.argv[1]))\n"
        "null = subprocess.DEVNULL\n"
        "print(subprocess.Popen(['sleep', '30'], stdout=null, stderr=null).pid)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert not runtime.is_running(tmp_path)
    os.kill(int(done.stdout), 9)


def test_somebody_who_looks_keeps_no_daemon_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "LOCK_WAIT", 20.0)
    os.close(runtime.acquire(tmp_path))
    looking = os.open(tmp_path / runtime.LOCK_FILE, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    threading.Timer(0.2, os.close, [looking]).start()
    os.close(runtime.acquire(tmp_path))


def test_a_store_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ColocrouteError, match=rf"^{tmp_path}/file: File exists$"):
        runtime.acquire(tmp_path / "file")
    with pytest.raises(ColocrouteError, match=rf"^{tmp_path}/file/store: Not a directory$"):
        runtime.acquire(tmp_path / "file" / "store")


def test_what_is_published_is_read(tmp_path: Path) -> None:
    runtime.publish(tmp_path, "x.json", {"a": 1})
    runtime.publish(tmp_path, "x.json", {"a": [2]})
    assert runtime.read(tmp_path, "x.json") == {"a": [2]}
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
    assert (tmp_path / "x.json").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff"])
def test_damage_is_as_if_nothing_had_been_published(tmp_path: Path, content: bytes) -> None:
    assert runtime.read(tmp_path, "x.json") == {}
    (tmp_path / "x.json").write_bytes(content)
    assert runtime.read(tmp_path, "x.json") == {}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (runtime.SUPERVISOR_FILE, b'{"workers":5}'),
        (runtime.SUPERVISOR_FILE, b'{"workers":[5]}'),
        (runtime.SUPERVISOR_FILE, b'{"workers":[{"name":"worker-1"}]}'),
        (runtime.SUPERVISOR_FILE, b'{"processes":null}'),
        (runtime.REPLICATOR_FILE, b'{"warnings":"text"}'),
        (runtime.REPLICATOR_FILE, b'{"position":5}'),
        (runtime.REPLICATOR_FILE, b'{"alive_since":1e300}'),
        (runtime.REPLICATOR_FILE, b'{"started":-1e300}'),
        (runtime.REPLICATOR_FILE, b"[" * 100_000),
    ],
)
def test_another_shape_is_as_if_nothing_had_been_published(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert runtime.read(tmp_path, name) == {}


def test_what_cannot_be_published_is_let_be(tmp_path: Path) -> None:
    runtime.publish(tmp_path / "none", "x.json", {"a": 1})
    (tmp_path / "x.json").mkdir()
    runtime.publish(tmp_path, "x.json", {"a": 1})
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"], "nothing is left behind"


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            runtime.publish(tmp_path, "x.json", {"text": "x" * (turn % 100_000)})

    writer = threading.Thread(target=write)
    writer.start()
    try:
        deadline = time.monotonic() + 10
        while not (tmp_path / "x.json").exists():
            assert time.monotonic() < deadline
        for _ in range(200):
            assert "text" in runtime.read(tmp_path, "x.json")
    finally:
        stop.set()
        writer.join()


def test_a_lock_whose_file_was_removed_is_made_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = tmp_path / "store"
    lock = runtime.acquire(store)
    assert runtime.renew(store, lock) == lock
    (store / runtime.LOCK_FILE).unlink()
    store.rmdir()
    lock = runtime.renew(store, lock)
    assert runtime.is_running(store)
    os.close(lock)
    assert not runtime.is_running(store)
    assert caplog.messages == [f"{store}/colocroute.lock: removed under the running service, made anew"]


def test_a_lock_that_another_took_meanwhile_stays_its(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lock = runtime.acquire(tmp_path)
    (tmp_path / runtime.LOCK_FILE).unlink()
    other = runtime.acquire(tmp_path)
    assert runtime.renew(tmp_path, lock) == lock
    assert "another colocroute daemon is running" in caplog.text
    os.close(other)
    os.close(lock)


def test_a_file_system_without_the_lock_and_without_writing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def read_only(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_RDWR:
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return real(path, flags, mode)

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(ColocrouteError, match=f"^{tmp_path}/colocroute.lock: Read-only file system$"):
        runtime.acquire(tmp_path)
    (tmp_path / runtime.LOCK_FILE).touch()
    lock = runtime.acquire(tmp_path)
    assert runtime.is_running(tmp_path)
    os.close(lock)
