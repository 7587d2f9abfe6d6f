"""`bench` against servers in this process: what it prints, and its exit codes."""

import json
import os
from pathlib import Path

import pytest

from colocroute.bench import compiled
from colocroute.cli.main import main
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
    return main(["bench", *to, "--seconds", "0.4", "--warmup", "0.1", "--connections", "2", *more])


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
        ("--rate", "-1"),
        ("--seconds", "0"),
        ("--seconds", "x"),
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
    assert len(capsys.readouterr().err.splitlines()) == 1


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
