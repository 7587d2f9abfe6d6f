"""Progress of a refresh: nothing of a short one, a line on a terminal, log lines elsewhere."""

import logging
import os
import pty
import subprocess
import sys
from contextlib import suppress

import pytest

from colocroute.daemon import progress as progress_module
from colocroute.daemon.progress import LOG_SECONDS, QUIET_SECONDS, Log, RefreshProgress, progress_text


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Shown:
    interval = 2.0

    def __init__(self) -> None:
        self.said: list[tuple[int, float]] = []
        self.ends = 0

    def show(self, entries: int, seconds: float) -> None:
        self.said.append((entries, seconds))

    def end(self) -> None:
        self.ends += 1


def test_a_short_refresh_is_not_told_of() -> None:
    clock, shown = Clock(), Shown()
    progress = RefreshProgress(lambda: shown, clock)
    for entries in (1, 1000):
        progress(entries)
        clock.now += QUIET_SECONDS / 3
    progress(None)
    clock.now += 10 * QUIET_SECONDS
    progress(5)  # of the next one
    assert (shown.said, shown.ends) == ([], 0)


def test_a_long_one_is_told_of_now_and_then() -> None:
    clock, shown = Clock(), Shown()
    progress = RefreshProgress(lambda: shown, clock)
    for second in range(6):
        progress(1000 * second)
        clock.now += 1.0
    progress(None)
    progress(None)
    assert shown.said == [(1000, 1.0), (3000, 3.0), (5000, 5.0)]
    assert shown.ends == 1


class Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def test_where_there_is_no_terminal_it_is_a_log_line(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard()
    for name, value in (("handlers", [heard]), ("propagate", False), ("level", logging.INFO)):
        monkeypatch.setattr(progress_module.log, name, value)
    clock = Clock()
    progress = RefreshProgress(clock=clock)
    for entries in (0, 40_000, 80_000, 120_000):
        progress(entries)
        clock.now += LOG_SECONDS
    progress(None)
    assert heard.lines == [progress_text(40_000 * number, 10.0 * number) for number in (1, 2, 3)]
    assert Log.interval == LOG_SECONDS


SHOW = """
from colocroute.daemon.progress import Line
line = Line()
line.show(40_000, 2.0)
line.show(80_000, 4.0)
line.end()
"""


def on_a_terminal(program: str) -> str:
    """What the program writes there."""
    ours, theirs = pty.openpty()
    subprocess.run([sys.executable, "-c", program], stderr=theirs, check=True, timeout=60)
    os.close(theirs)
    parts: list[bytes] = []
    with suppress(OSError):  # EIO at the end of what a terminal without a user has
        while part := os.read(ours, 65536):
            parts.append(part)
    os.close(ours)
    return b"".join(parts).decode()


def test_on_a_terminal_it_is_one_line() -> None:
    text = on_a_terminal(SHOW)
    assert progress_text(40_000, 2.0) in text
    assert progress_text(80_000, 4.0) in text
    assert text.count("\n") <= 1


def test_the_cursor_is_there_though_the_process_is_ended_meanwhile() -> None:
    text = on_a_terminal(SHOW.replace("line.end()", "import os; os._exit(0)"))
    assert text.rfind("\x1b[?25l") < text.rfind("\x1b[?25h")
