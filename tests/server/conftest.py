"""Every test begins with its own allowance of log lines."""

import logging

import pytest

from colocroute.server import connection, conversation, gate, loop
from colocroute.server.ratelimit import LimitedLog


@pytest.fixture(autouse=True)
def _fresh_log_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (connection, "_malformed"),
        (connection, "_trouble"),
        (conversation, "_trouble"),
        (gate, "_trouble"),
        (loop, "_trouble"),
    ):
        monkeypatch.setattr(module, name, LimitedLog(logging.getLogger(module.__name__)))
