"""What is said of the service's state and files; with the real ones: test_check.py."""

from pathlib import Path
from typing import Any

import pytest

from colocroute.cli.service_checks import check_files, check_state


def status(state: str, daemon: str = "running", **directory: str) -> dict[str, Any]:
    return {
        "state": state,
        "daemon": daemon,
        "since": "2026-01-02T00:00:00+00:00",
        "refreshed": "2026-01-01T00:00:00+00:00",
        "directory": {"last_contact": None, "last_error": "", **directory},
        "guard": {"reason": "all would go"},
    }


@pytest.mark.parametrize(
    ("state", "daemon", "codes"),
    [
        ("live", "running", []),
        ("live", "stopped", ["service-stopped"]),
        ("stale", "running", ["mirror-stale"]),
        ("stale", "stopped", ["service-stopped", "mirror-stale"]),
        ("held", "running", ["mirror-held"]),
        ("empty", "stopped", []),
    ],
)
def test_an_old_mirror_says_so(state: str, daemon: str, codes: list[str]) -> None:
    found = list(check_state("/store", status(state, daemon)))
    assert [one.code for one in found] == codes
    assert {one.subject for one in found} <= {"/store"}


def test_the_reason_is_told() -> None:
    (one,) = check_state("/store", status("held"))
    assert one.message.endswith("before 2026-01-02T00:00:00+00:00: all would go")
    (one,) = check_state("/store", status("stale", last_contact="2026-01-03", last_error="refused"))
    assert one.message.endswith("until 2026-01-03: refused")
    (one,) = check_state("/store", status("stale"))
    assert one.message.endswith("until 2026-01-01T00:00:00+00:00")


@pytest.mark.parametrize(
    ("path", "problem", "level"),
    [
        ("/etc/secret", "does not exist", "error"),
        ("/etc/secret", "cannot be read by this user", "warning"),
        ("/run/credentials/colocroute.service/secret", "does not exist", "warning"),
    ],
)
def test_how_bad_a_file_is_depends_on_who_misses_it(path: str, problem: str, level: str) -> None:
    (one,) = check_files([("directory.ca_file", Path(path), problem)])
    assert (one.code, one.subject, one.level) == ("file-unreadable", "directory.ca_file", level)
    assert one.message == f"{path} {problem}"
