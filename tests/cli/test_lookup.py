"""`lookup`: what it prints and with what it exits, whoever is asked."""

import io
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from colocroute.cli.main import main
from colocroute.routing.address import KEY_LIMIT
from tests.lab.daemon import COMMAND, Daemon, daemon
from tests.lab.held import configured, holds
from tests.vectors import COMPANY_LDIF, HERE, RULES, USER_FILTER, company_entries
from tests.vectors.company import BASE

FOUND, NOT_FOUND, TEMP = "anna@test.tux", "nobody@test.tux", "team@test.tux"
ROUTE = "anna@external.test.tux"
FOREIGN = "somebody@example.com"


@pytest.fixture(scope="module")
def service() -> Iterator[Daemon]:
    """A running daemon with the company."""
    sections: dict[str, dict[str, Any]] = {
        "directory": {"uri": f"ldif:{COMPANY_LDIF}", "base": BASE},
        "schema": {"user_filter": USER_FILTER},
        "routing": {"domains": list(RULES.domains), "here": list(HERE)},
    }
    with daemon(sections) as running:
        running.wait_state("live")
        yield running


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mirror with the company, and no daemon."""
    path = configured(tmp_path_factory.mktemp("lookup"), here=list(HERE))
    holds(path, company_entries())
    return path


def lookup(config: Path, *arguments: str) -> int:
    return main(["lookup", "-c", str(config), *arguments])


def test_the_value_is_all_there_is(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lookup(config, FOUND) == 0
    assert capsys.readouterr() == (f"{ROUTE}\n", "")
    assert lookup(config, "--map", "transport", ROUTE) == 0
    assert capsys.readouterr().out == "smtp:[10.2.0.1]\n"


@pytest.mark.parametrize("via", ["mirror", "daemon", "directory"])
def test_whoever_is_asked_says_the_same(
    service: Daemon, via: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = f"{FOUND}\t{ROUTE}\n"
    keys = [FOUND, NOT_FOUND, TEMP, FOREIGN, "", "x" * (KEY_LIMIT + 1), "\udcff@test.tux"]
    assert lookup(service.config, "--via", via, *keys) == 75
    out, err = capsys.readouterr()
    assert out == said
    (line,) = err.splitlines()
    assert line.startswith(f"colocroute: {TEMP}: cannot be said now: ")
    assert TEMP in line.partition("now: ")[2]


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ([FOUND], 0),
        ([NOT_FOUND], 1),
        ([FOREIGN], 1),
        ([""], 1),
        ([TEMP], 75),
        ([FOUND, FOUND], 0),
        ([FOUND, NOT_FOUND, FOUND], 1),
        ([TEMP, NOT_FOUND, FOUND], 75),
        ([FOUND, NOT_FOUND, TEMP], 75),
    ],
)
def test_the_worst_key_counts(config: Path, keys: Sequence[str], code: int) -> None:
    assert lookup(config, *keys) == code


def test_one_key_that_is_not_found_is_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lookup(config, NOT_FOUND) == 1
    assert capsys.readouterr() == ("", f"colocroute: {NOT_FOUND}: not found\n")


@pytest.mark.parametrize("via", ["mirror", "daemon"])
def test_keys_from_standard_input_come_with_their_values(service: Daemon, via: str) -> None:
    keys = f"{FOUND}\n\n{NOT_FOUND}\r\n a b \nA.SMITH@test.tux\r\n\xff\n{TEMP}".encode("latin-1")
    done = service.run("lookup", "--via", via, "-", stdin=keys)
    assert done.stdout.decode() == f"{FOUND}\t{ROUTE}\nA.SMITH@test.tux\t{ROUTE}\n"
    assert done.stderr.decode().startswith(f"colocroute: {TEMP}: cannot be said now: ")
    assert done.returncode == 75


def test_no_keys_are_no_failure(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n\n")))
    assert lookup(config, "-") == 0
    monkeypatch.setattr(sys, "stdin", None)
    assert lookup(config, "-") == 64
    assert capsys.readouterr() == ("", "colocroute: standard input is closed; there are no keys to read\n")


@pytest.mark.parametrize("keys", [["-", FOUND], [FOUND, "-"], ["-", "-"]])
def test_standard_input_stands_alone(
    config: Path, keys: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert lookup(config, *keys) == 64
    assert capsys.readouterr() == ("", "colocroute: - reads the keys from standard input; give no others\n")


def test_a_reader_of_half_the_output_is_enough(config: Path) -> None:
    command = f"yes {FOUND} | {' '.join(COMMAND)} lookup -c {config} - | head -n 2"
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, check=True)
    assert done.stdout.decode() == f"{FOUND}\t{ROUTE}\n" * 2
    assert done.stderr == b""


def test_an_unknown_map_is_wrong_usage(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lookup(config, "--map", "virtual", FOUND) == 64
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("colocroute: unknown map 'virtual'; there are: virtual_alias, transport, ")


def test_wrong_usage_is_64(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lookup(config) == 64
    assert lookup(config, "--via", "telephone", FOUND) == 64
    assert len(capsys.readouterr().err.splitlines()) == 2


@pytest.mark.parametrize("via", ["mirror", "daemon", "directory"])
def test_a_bad_configuration_is_78(tmp_path: Path, via: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "colocroute.toml"
    for text in (None, "nonsense", '[directory]\nbase = 3\n[routing]\ndomains = ["test.tux"]\nx = 1\n'):
        if text is not None:
            path.write_text(text)
        assert lookup(path, "--via", via, FOUND) == 78
    path.unlink()
    path.mkdir()
    assert lookup(path, "--via", via, FOUND) == 78
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == 5
    assert all(line.startswith("colocroute: ") for line in lines)
    assert "directory.base" in lines[2] or "directory.base" in lines[3]


def test_a_configuration_that_may_not_be_read_is_78(config: Path) -> None:
    closed = config.with_name("closed.toml")
    closed.write_text(config.read_text())
    closed.chmod(0)
    powerless = ["setpriv", "--bounding-set=-all", *COMMAND]  # root may read anything
    done = subprocess.run(
        [*powerless, "lookup", "-c", str(closed), FOUND],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == f"colocroute: {closed}: cannot be read: Permission denied\n"


def test_without_a_mirror_nothing_is_denied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(tmp_path)
    assert lookup(config, FOREIGN) == 1
    assert lookup(config, FOUND) == lookup(config, NOT_FOUND) == 75
    first, second, third = capsys.readouterr().err.splitlines()
    assert first == f"colocroute: {FOREIGN}: not found"
    assert second.startswith(f"colocroute: {FOUND}: cannot be said now: ")
    assert third.startswith(f"colocroute: {NOT_FOUND}: cannot be said now: ")


def test_an_old_mirror_answers_and_denies_nothing(tmp_path: Path) -> None:
    config = configured(tmp_path)
    holds(config, company_entries(), live=False)
    assert lookup(config, FOUND) == 0
    assert lookup(config, NOT_FOUND) == 75


def test_no_daemon_is_a_failure_for_now(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lookup(config, "--via", "daemon", FOUND) == 75
    socket = config.parent / "map.sock"
    said = f"colocroute: unix:{socket}: No such file or directory; is the daemon running?\n"
    assert capsys.readouterr() == ("", said)


def test_no_directory_is_a_failure_for_now(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(tmp_path, uri=f"ldif:{tmp_path}/none.ldif")
    assert lookup(config, "--via", "directory", FOUND) == 75
    assert capsys.readouterr() == ("", f"colocroute: {tmp_path}/none.ldif: No such file or directory\n")
