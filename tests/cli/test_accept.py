"""`accept`: what is shown, who is asked, and that nothing is let through without a yes."""

import os
import pty
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colocroute.cli import accept
from colocroute.cli.main import main
from colocroute.daemon import build, runtime
from colocroute.errors import TemporaryError
from colocroute.store.meta import Held
from tests.lab.company import Person, company_ldif
from tests.lab.daemon import COMMAND, Daemon, daemon
from tests.lab.held import configured, holds
from tests.vectors import company_entries

MANY, FEW = 40, 5
HELD = Held(time.time(), "too much", 25, tuple(f"uid=user{number}" for number in range(25)))


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon whose directory has lost most of its users."""
    ldif = tmp_path / "users.ldif"
    ldif.write_text(company_ldif(MANY))
    sections: dict[str, dict[str, Any]] = {
        "directory": {"uri": f"ldif:{ldif}", "base": "dc=test,dc=tux"},
        "routing": {"domains": ["test.tux"], "here": []},
    }
    with daemon(sections) as service:
        service.wait_state("live")
        fewer = tmp_path / "fewer.ldif"
        fewer.write_text(company_ldif(FEW))
        fewer.replace(ldif)
        service.wait_state("held")
        yield service


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A held mirror and no replicator."""
    path = configured(tmp_path)
    holds(path, company_entries())
    with build.open_mirror(build.load(path), writable=True) as mirror, mirror.transaction(1.0) as txn:
        txn.update_meta(held=HELD)
    return path


@pytest.fixture
def running(config: Path) -> Iterator[None]:
    """As if a daemon ran."""
    lock = runtime.acquire(build.store_path(build.load(config)))
    yield
    os.close(lock)


def on_a_terminal(service: Daemon, typed: bytes) -> tuple[int, str]:
    """Exit code and output of the command on a terminal on which this is typed."""
    ours, theirs = pty.openpty()
    command = [*COMMAND, "accept", "-c", str(service.config)]
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        os.write(ours, typed)
        output = process.communicate(timeout=60)[0]
    os.close(theirs)
    os.close(ours)
    return process.returncode, output


def test_only_a_yes_lets_it_through(held: Daemon) -> None:
    count = MANY - FEW
    for typed in (b"n\n", b"\n", b"\x04", b"what?\n"):
        code, output = on_a_terminal(held, typed)
        assert code == 1, output
        assert f"would remove, or leave without any address, {count} entries:\n  uid=user" in output
        assert f"  ... and {count - accept.SHOWN} more\n" in output
        assert f"Remove these {count} entries from the mirror? [y/N] " in output
        assert output.rstrip().endswith("not accepted; the last good mirror goes on answering")
        assert held.status()["state"] == "held"
    piped = held.run("accept", stdin=b"y\n")
    assert piped.returncode == 64
    assert b"standard input is not a terminal; say --yes" in piped.stderr
    code, output = on_a_terminal(held, b" YES \n")
    assert (code, output[-9:]) == (0, "accepted\n")
    held.wait_state("live")
    assert held.run("lookup", Person(FEW).mail).returncode == 1
    again = held.run("accept")
    assert (again.returncode, again.stdout, again.stderr) == (0, b"nothing is held\n", b"")


def test_more_than_was_shown_is_not_removed(held: Daemon) -> None:
    with (
        build.open_mirror(build.load(held.config), writable=False) as mirror,
        pytest.raises(TemporaryError, match=r"now remove 35 entries, more than the 1 that were shown"),
    ):
        accept._approve(mirror, 1)
    assert held.status()["state"] == "held"


def test_without_the_daemon_nobody_carries_it_out(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["accept", "-c", str(config), "--yes"]) == 75
    assert capsys.readouterr() == ("", "colocroute: the daemon is not running; start it, then accept\n")


def test_an_edited_schema_does_not_hide_that_something_is_held(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(config.read_text().replace("[schema]", '[schema]\nlogin = "cn"'))
    assert main(["accept", "--yes", "-c", str(config)]) == 75
    assert build.OTHERS_MIRROR in capsys.readouterr().err


@pytest.mark.usefixtures("running")
def test_an_approval_that_is_not_taken_in_time_is_75(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accept, "WAIT_SECONDS", 0.2)
    assert main(["accept", "-c", str(config), "--yes"]) == 75
    out, err = capsys.readouterr()
    assert "too much\nwould remove, or leave without any address, 25 entries:\n" in out
    assert err == "colocroute: approved, but not carried out yet; see 'colocroute status'\n"


@pytest.mark.usefixtures("running")
def test_a_closed_standard_input_is_no_terminal(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert main(["accept", "-c", str(config)]) == 64


def test_nothing_held_is_fine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["accept", "-c", str(configured(tmp_path))]) == 0
    assert capsys.readouterr() == ("nothing is held\n", "")
    assert main(["accept", "-c", str(tmp_path / "none")]) == 78


@pytest.mark.parametrize(("names", "more"), [(0, 30), (3, 27), (20, 10), (30, 10)])
def test_what_is_not_printed_is_counted(names: int, more: int, capsys: pytest.CaptureFixture[str]) -> None:
    accept._show(Held(1.0, "too much", 30, tuple(f"uid={number}" for number in range(names))))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + min(names, accept.SHOWN) + 1
    assert lines[-1] == f"  ... and {more} more"


def test_all_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    accept._show(Held(1.0, "too much", 2, ("uid=1", "uid=2")))
    assert capsys.readouterr().out.splitlines()[-1] == "  uid=2"
