"""Where log lines go, and in what form."""

import logging
import os
import re
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from colocroute.cli import logs

log = logging.getLogger("colocroute.some.module")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger("colocroute")
    before = root.handlers, root.level, root.propagate, logging.raiseExceptions
    yield
    root.handlers, root.level, root.propagate, logging.raiseExceptions = before


def speak() -> None:
    log.debug("a")
    log.info("b")
    log.warning("c %s", 1)
    log.error("d", exc_info=ValueError("e"))


def test_a_command_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup()
    speak()
    assert capsys.readouterr().err == "colocroute: warning: c 1\ncolocroute: error: d\n"


def test_a_service_tells_when_and_where(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup(service=True)
    speak()
    lines = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO colocroute\.some\.module: b", lines[0])
    assert lines[-1] == "ValueError: e"


def test_a_second_call_replaces_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup(debug=True)
    logs.setup()
    speak()
    assert len(capsys.readouterr().err.splitlines()) == 2


def journal(monkeypatch: pytest.MonkeyPatch) -> None:
    stat = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{stat.st_dev}:{stat.st_ino}")


def test_the_journal_gets_priorities_on_each_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal(monkeypatch)
    logs.setup(debug=True)
    speak()
    log.critical("f\ng")
    assert capsys.readouterr().err.splitlines() == [
        "<7>colocroute.some.module: a",
        "<6>colocroute.some.module: b",
        "<4>colocroute.some.module: c 1",
        "<3>colocroute.some.module: d",
        "<3>ValueError: e",
        "<2>colocroute.some.module: f",
        "<2>g",
    ]


def test_a_journal_of_somebody_else_does_not_count(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "1:2")
    logs.setup()
    speak()
    assert "<4>" not in capsys.readouterr().err


def test_a_traceback_goes_to_the_systems_log(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="cr", dir="/tmp") as directory,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog,
    ):
        monkeypatch.setattr(logs, "SYSLOG_SOCKET", Path(directory, "log"))
        syslog.bind(str(logs.SYSLOG_SOCKET))
        syslog.settimeout(10)
        try:
            raise KeyError("bug")
        except KeyError as error:
            assert logs.traceback_to_log(error, visible=False) == "traceback in the system log"
        line = syslog.recv(65536).decode()
    assert line.startswith(f"<18>colocroute[{os.getpid()}]: internal error\nTraceback")
    assert "KeyError: 'bug'" in line


def test_a_log_that_cannot_be_written_is_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup()
    handler = logging.getLogger("colocroute").handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    with Path(os.devnull).open() as unwritable:
        handler.setStream(unwritable)
        log.error("x")
        handler.setStream(sys.stderr)
    assert capsys.readouterr().err == ""
