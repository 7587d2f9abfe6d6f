"""`serve`: what keeps it from starting is one line and an exit code; what it does is `daemon.service`'s."""

import os
from pathlib import Path

import pytest

from colocroute.cli.main import main
from colocroute.daemon import build, demo, runtime, service
from tests.lab.held import configured, holds
from tests.vectors import company_entries


def test_a_bad_configuration_is_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "colocroute.toml"
    config.write_text('[routing]\ndomains = []\n[listen]\nsocketmap = ["tcp:x"]\n')
    assert main(["serve", "-c", str(config)]) == 78
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 2, "all mistakes at once"
    assert all(line.startswith("colocroute: ") for line in lines)


def with_password_file(config: Path, password: Path) -> Path:
    server = f'uri = "ldapi:///"\nbind_dn = "cn=x"\nbind_password_file = "{password}"'
    lines = config.read_text().splitlines()
    config.write_text("\n".join(server if line.startswith("uri = ") else line for line in lines))
    return config


def test_a_password_file_that_is_not_there_is_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = with_password_file(configured(tmp_path), tmp_path / "none")
    assert main(["serve", "-c", str(config)]) == 78
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"colocroute: directory.bind_password_file: {tmp_path}/none does not exist")
    assert line.endswith("(line 4)")


@pytest.mark.parametrize(
    ("command", "code"),
    [(("lookup", "anna@test.tux"), 0), (("status",), 1), (("dump",), 0), (("explain", "anna@test.tux"), 0)],
)
def test_commands_that_read_the_mirror_do_without_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...], code: int
) -> None:
    """`LoadCredential=` gives it to the service alone, for as long as that runs."""
    config = configured(tmp_path)
    holds(config, company_entries())
    with_password_file(config, tmp_path / "none")
    assert main([*command, "-c", str(config)]) == code
    assert "bind_password_file" not in capsys.readouterr().err


def test_the_directory_is_not_asked_without_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = with_password_file(configured(tmp_path), tmp_path / "none")
    assert main(["lookup", "--via", "directory", "anna@test.tux", "-c", str(config)]) == 75
    assert f"directory.bind_password_file: {tmp_path}/none: No such file" in capsys.readouterr().err


def test_a_store_in_use_is_75(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(tmp_path)
    lock = runtime.acquire(build.store_path(build.load(config)))
    try:
        assert main(["serve", "-c", str(config)]) == 75
    finally:
        os.close(lock)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("colocroute.lock: another colocroute daemon is running with this store")


def test_a_store_that_cannot_be_made_is_75(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(tmp_path)
    (tmp_path / "store").write_text("a file")
    assert main(["serve", "-c", str(config)]) == 75
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"colocroute: {tmp_path}/store: File exists"


def test_a_socket_that_cannot_be_opened_is_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(tmp_path)
    config.write_text(config.read_text().replace("map.sock", "nowhere/map.sock"))
    assert main(["serve", "-c", str(config)]) == 78
    assert f"colocroute: unix:{tmp_path}/nowhere/map.sock: " in capsys.readouterr().err


def test_the_demonstration_is_the_ordinary_service(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Path] = []
    monkeypatch.setattr(demo, "announce_when_live", lambda _demo, _config: None)

    def serve(config: object, path: Path) -> int:
        assert config == build.load(path)
        served.append(path)
        return 7

    monkeypatch.setattr(service, "serve", serve)
    assert main(["serve", "--demo"]) == 7
    assert not served[0].parent.exists(), "the temporary directory goes with it"
