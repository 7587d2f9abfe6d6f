"""`bench` against servers in this process: what it prints, and its exit codes."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from colocroute.bench import compiled
from colocroute.cli.main import main
from tests.bench.results import closing_server, silent_server, slow_server
from tests.cli.test_benchkeys import config_with
from tests.lab.serving import FakeAnswering, serving


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A file with keys."""
    path = tmp_path / "keys"
    path.write_text("".join(f"user{number}@test.tux\n" for number in range(100)))
    return path


def bench(address: object, keys: Path, *more: str) -> int:
    """A short run against a server that is not ours."""
    to = ["--to", f"unix:{address}", "--map", "m", "--keys", str(keys)]
    return main(["bench", *to, "--seconds", "1", "--warmup", "0.1", "--connections", "2", *more])


def test_a_healthy_server_is_exit_0(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(FakeAnswering()) as served:
        assert bench(served.address, keys, "--histogram") == os.EX_OK
    said = capsys.readouterr()
    assert "throughput" in said.out and "p99.9" in said.out and "###" in said.out
    assert "Traceback" not in said.err


def test_json_is_all_there_is(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving(FakeAnswering()) as served:
        assert bench(served.address, keys, "--json", "--unknown", "10%", "--seconds", "1.2") == os.EX_OK
    said = capsys.readouterr()
    assert json.loads(said.out)["replies"]["ok"] > 0
    assert said.err == ""


def test_a_temporary_failure_is_exit_1(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys.write_text("fail\n")
    with serving(FakeAnswering()) as served:
        assert bench(served.address, keys) == 1
    assert " temporary failures" in capsys.readouterr().out


def test_nobody_there_is_exit_75(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench("/tmp/colocroute-nobody", keys) == os.EX_TEMPFAIL
    assert capsys.readouterr().err.splitlines()[-1].startswith("colocroute: unix:/tmp/colocroute-nobody: ")


def test_a_host_that_does_not_exist_is_exit_75(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--to", "inet:nobody.invalid:1", "--keys", str(keys)]) == os.EX_TEMPFAIL
    assert "inet:nobody.invalid:1: " in capsys.readouterr().err


def test_no_configuration_is_exit_78(tmp_path: Path, keys: Path) -> None:
    assert main(["bench", "-c", str(tmp_path / "none"), "--keys", str(keys)]) == os.EX_CONFIG


@pytest.mark.parametrize(
    "wrong",
    [
        ("--connections", "0"),
        ("--connections", "1.5"),
        ("--connections", "inf"),
        ("--connections", "nan"),
        ("--connections", "1e9"),
        ("--limit", "inf"),
        ("--limit", "1e400"),
        ("--rate", "-1"),
        ("--rate", "1e-9"),
        ("--rate", "nan"),
        ("--seconds", "0"),
        ("--seconds", "x"),
        ("--seconds", "1e30"),
        ("--keys", ""),
        ("--keys", "/nonexistent"),
        ("--keys", "/tmp"),
        ("--unknown", "101%"),
        ("--unknown", "60%", "--foreign", "60%"),
        ("--order", "random"),
        ("--to", "nowhere"),
        ("--map", "a b"),
    ],
)
def test_wrong_usage_is_exit_64(
    wrong: tuple[str, ...], keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("/tmp/colocroute-nobody", keys, *wrong) == os.EX_USAGE
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1 and "invalid _" not in said


def test_standard_input_that_is_closed_is_exit_64(
    keys: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert bench("/tmp/colocroute-nobody", keys, "--keys", "-") == os.EX_USAGE
    assert capsys.readouterr().err == "colocroute: standard input is closed; there are no keys to read\n"


def test_a_server_that_falls_behind_the_rate_is_exit_1(
    keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with slow_server(0.02) as address:
        assert bench(address.removeprefix("unix:"), keys, "--rate", "100") == 1
        assert "fell behind the rate" in capsys.readouterr().out
        assert bench(address.removeprefix("unix:"), keys, "--rate", "100", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["fell_behind"] and found["rate"] <= 50


def test_a_server_that_closes_every_connection_is_exit_75(
    keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing_server() as address:
        assert bench(address.removeprefix("unix:"), keys) == os.EX_TEMPFAIL
    said = capsys.readouterr()
    assert said.err == (
        f"colocroute: {address}: the server closed every connection before anything was counted\n"
    )
    assert said.out == ""


@contextmanager
def handled_by_default(number: signal.Signals) -> Iterator[None]:
    """Under nohup(1) a child would inherit that it is ignored."""
    before = signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_it_leaves_nothing_behind(
    number: signal.Signals, keys: Path, tmp_path: Path
) -> None:
    (tmp_path / "tmp").mkdir()
    with silent_server() as address:
        command = [sys.executable, "-m", "colocroute", "bench", "--to", address, "--keys", str(keys)]
        with (
            handled_by_default(number),
            subprocess.Popen(command, env={**os.environ, "TMPDIR": str(tmp_path / "tmp")}) as process,
        ):
            deadline = time.monotonic() + 20
            while not list((tmp_path / "tmp").glob("*/requests")) and time.monotonic() < deadline:
                time.sleep(0.02)
            process.send_signal(number)
            assert process.wait(20) == 128 + number
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_signal_that_is_ignored_stays_ignored(keys: Path) -> None:
    """As under nohup(1); what was set before is set again afterwards."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with serving(FakeAnswering()) as served:
            timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGHUP))
            timer.start()
            assert bench(served.address, keys) == os.EX_OK
            timer.join()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_map_that_no_daemon_has_is_exit_64(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = config_with(tmp_path, 5)
    for more in ((), ("--protocol", "tcp_table")):
        assert main(["bench", "-c", str(config), "--map", "virtual", *more]) == os.EX_USAGE
        assert "unknown map 'virtual'; there are: virtual_alias, " in capsys.readouterr().err


def test_listeners_that_are_not_configured_are_exit_75(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = config_with(tmp_path, 5)
    assert main(["bench", "-c", str(config), "--protocol", "tcp_table"]) == os.EX_TEMPFAIL
    assert "no port for the map 'virtual_alias'" in capsys.readouterr().err
    config.write_text(config.read_text().replace("socketmap = [", "policy = ["))
    assert main(["bench", "-c", str(config)]) == os.EX_TEMPFAIL


def test_without_a_compiler_python_generates_and_says_so(
    keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(compiled, "cache_directory", lambda: tmp_path / "cache")
    with serving(FakeAnswering()) as served:
        assert bench(served.address, keys) == os.EX_OK
    said = capsys.readouterr()
    assert "no C compiler (cc); the generator in Python is used instead, and may be what is" in said.err
    assert "throughput" in said.out
