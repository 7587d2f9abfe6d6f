"""What the command prints and changes, with the real postconf.  The mail: tests/system/test_postconf.py."""

import json
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from colocroute.cli.main import main
from tests.lab import mailcompany
from tests.lab.mailcompany import wire

NEXTHOPS = {"central.test.tux": "smtp:[10.1.0.1]", "external.test.tux": "smtp:[10.2.0.1]"}


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A configuration, and the directory of an unwired Postfix that is not running."""
    config = tmp_path / "colocroute.toml"
    config.write_text(
        '[directory]\nbase = "dc=test,dc=tux"\n[routing]\ndomains = ["test.tux"]\n'
        'local_transport = "lmtp:unix:private/dovecot-lmtp"\n[listen]\npolicy = ["inet:127.0.0.1:2527"]\n'
        f'[store]\npath = "{tmp_path}/store"\n'
    )
    mailcompany.fill_mirror(config, mailcompany.records(NEXTHOPS))
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "main.cf").write_text("compatibility_level = 3.6\nmyhostname = mx1.test.tux\n")
    (etc / "master.cf").write_text("smtp inet n - n - - smtpd\n")
    yield config, etc


def files(etc: Path) -> list[bytes]:
    """The content of the configuration."""
    mailcompany.age(etc)
    return [(etc / name).read_bytes() for name in ("main.cf", "master.cf")]


def test_nothing_is_changed_without_apply(
    fresh: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config, etc = fresh
    before = files(etc)
    assert main(["postconf", "-c", str(config), "--config-dir", str(etc)]) == 0
    assert files(etc) == before
    said = capsys.readouterr()
    assert "\nrelay_domains = central.test.tux, external.test.tux\n" in said.out
    assert "\noutbound unix - - n - - smtp\n    -o syslog_name=postfix/outbound\n" in said.out
    assert said.err == ""


def test_apply_twice_changes_once(fresh: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    config, etc = fresh
    assert wire(config, etc) == 0
    said = capsys.readouterr()
    assert "transport_maps = socketmap:unix:/run/colocroute/map.sock:transport\n" in said.out
    assert said.err == "colocroute: now run: postfix reload\n"
    once = files(etc)
    assert wire(config, etc) == 0
    assert files(etc) == once
    said = capsys.readouterr()
    assert said.out == "nothing to change\n" and said.err == ""


def test_a_value_that_is_lost_is_named(fresh: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    config, etc = fresh
    with (etc / "main.cf").open("a") as main_cf:
        main_cf.write("relay_domains = other.example\nmydestination = test.tux\n")
    before = files(etc)
    assert main(["postconf", "-c", str(config), "--config-dir", str(etc)]) == 0
    warnings = capsys.readouterr().err.splitlines()
    assert files(etc) == before
    assert [line.split(" is set already")[0] for line in warnings] == [
        "colocroute: warning: mydestination",
        "colocroute: warning: relay_domains",
    ]
    assert "old value: other.example; new value: central.test.tux, external.test.tux" in warnings[1]
    assert wire(config, etc) == 0
    assert warnings == capsys.readouterr().err.splitlines()[:-1]


def test_for_programs(fresh: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    config, etc = fresh
    assert main(["postconf", "-c", str(config), "--config-dir", str(etc), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {"name", "value", "why"} == document["main.cf"][0].keys()
    assert document["master.cf"][0]["line"].startswith("outbound unix - - n - - smtp -o ")
    assert {"name": "recipient_delimiter", "old": "", "new": "+"} in document["differences"]
    assert document["warnings"] == []


@pytest.mark.parametrize("known", [False, True])
def test_lists_without_sites_are_not_written(
    fresh: tuple[Path, Path], capsys: pytest.CaptureFixture[str], known: bool, tmp_path: Path
) -> None:
    """`relay_domains` without the sites would refuse all their mail."""
    config, etc = fresh
    other = tmp_path / "other.toml"
    other.write_text(config.read_text().replace("/store", "/other"))
    if known:
        mailcompany.fill_mirror(other, [])
    before = files(etc)
    assert main(["postconf", "-c", str(other), "--config-dir", str(etc), "--apply"]) == 75
    assert "no site is known" in capsys.readouterr().err
    assert files(etc) == before
    assert main(["postconf", "-c", str(other), "--config-dir", str(etc), "--wiring", "maps"]) == 0


def test_no_postfix(fresh: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    config, _ = fresh
    with mock.patch("shutil.which", lambda *_, **__: None):
        assert main(["postconf", "-c", str(config)]) == 0
        said = capsys.readouterr()
        assert "relay_domains = " in said.out and "no Postfix found" in said.err
        assert main(["postconf", "-c", str(config), "--apply"]) == 75
    assert "is Postfix installed" in capsys.readouterr().err


def test_no_such_directory(fresh: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    config, etc = fresh
    assert main(["postconf", "-c", str(config), "--config-dir", str(etc / "no")]) == 75
    assert len(capsys.readouterr().err.splitlines()) == 1
