"""Limited log lines."""

import logging

import pytest

from colocroute.server.ratelimit import LimitedLog


def test_lines_over_the_limit_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    now = [100.0]
    limited = LimitedLog(logging.getLogger("x"), lines=2, period=10.0, clock=lambda: now[0])
    for number in range(5):
        limited.warning("line %d", number)
    now[0] = 109.9
    limited.warning("too early")
    now[0] = 110.0
    limited.warning("line %d", 9)
    limited.warning("line %d", 10)
    assert [record.getMessage() for record in caplog.records] == [
        "line 0",
        "line 1",
        "line 9 (4 such lines left out before)",
        "line 10",
    ]


def test_an_exception_comes_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    limited = LimitedLog(logging.getLogger("x"))
    try:
        raise ValueError("broken")
    except ValueError:
        limited.exception("no answer")
    assert "no answer\nTraceback" in caplog.text
    assert "ValueError: broken" in caplog.text
