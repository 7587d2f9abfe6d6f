"""Forking one child, and telling how it ended.  What it inherits is tested with a real supervisor."""

import logging
import os
import select
from pathlib import Path

import pytest

from colocroute.errors import StoreError
from colocroute.server import process
from colocroute.server.interfaces import Ready


def ended(pid: int) -> str:
    return process.describe_end(os.waitpid(pid, 0)[1])


def wait_readable(descriptor: int) -> bytes:
    assert select.select([descriptor], [], [], 20.0)[0]
    return os.read(descriptor, 10)


def test_the_exit_code_is_what_it_returns() -> None:
    pid, ready = process.fork("child", lambda _ready: 7, lambda: None)
    assert wait_readable(ready) == b""  # it ended and was never ready
    os.close(ready)
    assert ended(pid) == "exit 7"


def test_it_is_ready_once() -> None:
    def run(report: Ready) -> int:
        report()
        report()
        return 0

    pid, ready = process.fork("child", run, lambda: None)
    assert ended(pid) == "exit 0"
    assert wait_readable(ready) == b"\n"
    assert wait_readable(ready) == b""
    os.close(ready)


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (RuntimeError("broken"), "exit 70"),
        (KeyboardInterrupt(), "exit 70"),
        (SystemExit(5), "exit 5"),
        (SystemExit(), "exit 0"),
        (SystemExit("a message"), "exit 1"),
    ],
)
def test_an_exception_ends_the_child_and_nothing_else(raised: BaseException, status: str) -> None:
    def run(_report: Ready) -> int:
        raise raised

    pid, ready = process.fork("child", run, lambda: None)
    os.close(ready)
    assert ended(pid) == status


def test_the_child_closes_what_is_the_parents() -> None:
    mine, other = os.pipe()

    def run(_report: Ready) -> int:
        try:
            os.fstat(mine)
        except OSError:
            return 0
        return 1

    pid, ready = process.fork("child", run, lambda: os.close(mine))
    for descriptor in (ready, mine, other):
        os.close(descriptor)
    assert ended(pid) == "exit 0"


@pytest.mark.parametrize(
    ("wait_status", "text"),
    [(0, "exit 0"), (256 * 70, "exit 70"), (9, "killed by SIGKILL"), (40, "killed by signal 40")],
)
def test_how_it_ended(wait_status: int, text: str) -> None:
    assert process.describe_end(wait_status) == text


def test_what_is_no_error_of_the_program_is_told_in_one_line(tmp_path: Path) -> None:
    def run(_report: Ready) -> int:
        raise StoreError("/store: Read-only file system")

    handler = logging.FileHandler(tmp_path / "log")
    process.log.addHandler(handler)
    try:
        pid, ready = process.fork("child", run, lambda: None)
    finally:
        process.log.removeHandler(handler)
        handler.close()
    os.close(ready)
    assert ended(pid) == "exit 70"
    assert (tmp_path / "log").read_text() == "/store: Read-only file system\n"
