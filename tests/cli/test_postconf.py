"""What the command prints and changes, with the real postconf.  The mail: tests/system/test_postconf.py."""

import json
from pathlib import Path
from unittest import mock

import pytest

from colocroute.cli.main import main
from colocroute.cli.maincf import Maincf
from colocroute.errors import ColocrouteError
from tests.lab import mailcompany
from tests.lab.mailcompany import wire
from tests.lab.unwired import NEXTHOPS, WIRINGS, edit, files, postconf, unwired


@pytest.fixture
def fresh(tmp_path: Path) -> tuple[Path, Path]:
    """A configuration, and the directory of an unwired Postfix."""
    return unwired(tmp_path)


def test_nothing_is_changed_without_apply(
    fresh: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config, etc = fresh
    before = files(etc)
    assert postconf(config, etc) == 0
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
    assert said.err == f"colocroute: now run: postfix -c {etc} reload\n"
    once = files(etc)
    assert wire(config, etc) == 0
    assert files(etc) == once
    said = capsys.readouterr()
    assert said.out == "nothing to change\n" and said.err == ""


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_what_was_not_changed_is_not_printed_as_changed(
    fresh: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
) -> None:
    config, etc = fresh

    def refuse(*_: object) -> None:
        raise ColocrouteError("postconf: fatal: read-only file system")

    monkeypatch.setattr(Maincf, "apply", refuse)
    assert wire(config, etc, *options) == 75
    assert capsys.readouterr() == ("", "colocroute: postconf: fatal: read-only file system\n")


def test_a_value_that_is_lost_is_named(fresh: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    config, etc = fresh
    with (etc / "main.cf").open("a") as main_cf:
        main_cf.write("relay_domains = other.example\nmydestination = test.tux\n")
    before = files(etc)
    assert postconf(config, etc) == 0
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
    assert postconf(config, etc, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert {"name", "value", "why"} == document["main.cf"][0].keys()
    assert document["master.cf"][0]["line"].startswith("outbound unix - - n - - smtp -o ")
    assert {"name": "recipient_delimiter", "old": "", "new": "+"} in document["differences"]
    assert document["warnings"] == []


def test_lists_without_sites_are_not_written(
    fresh: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """`relay_domains` without the sites would refuse all their mail."""
    config, etc = fresh
    edit(config, "/store", "/other")
    mailcompany.fill_mirror(config, [])
    before = files(etc)
    assert wire(config, etc) == postconf(config, etc) == 75
    assert capsys.readouterr().err.count("no site is known, and lists") == 2
    assert files(etc) == before
    assert postconf(config, etc, "--wiring", "maps") == 0


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
    assert postconf(config, etc / "no") == 75
    assert len(capsys.readouterr().err.splitlines()) == 1


def setting(etc: Path, name: str) -> str:
    """A parameter as main.cf has it."""
    lines = (etc / "main.cf").read_text().splitlines()
    return next(line.partition("=")[2].strip() for line in lines if line.startswith(f"{name} ="))


def effective(etc: Path) -> dict[str, str]:
    """Every parameter, set or not."""
    told = Maincf(etc)._values("-x")
    return {name: value for name, value in told.items() if name != "process_id"}


def settled(config: Path, etc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Applies twice; the second time changes nothing."""
    assert wire(config, etc) == 0
    once = files(etc)
    capsys.readouterr()
    assert wire(config, etc) == 0
    assert capsys.readouterr().out == "nothing to change\n"
    assert files(etc) == once


def test_a_policy_service_that_moves_and_ends(
    fresh: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config, etc = fresh
    name = "smtpd_recipient_restrictions"
    with (etc / "main.cf").open("a") as main_cf:
        main_cf.write(f"{name} = check_policy_service inet:127.0.0.1:10023, reject_unauth_destination\n")
    settled(config, etc, capsys)
    before = setting(etc, name)
    edit(config, "127.0.0.1:2527", "127.0.0.1:2528")
    settled(config, etc, capsys)
    assert setting(etc, name) == before.replace("127.0.0.1:2527", "127.0.0.1:2528")
    edit(config, "inet:127.0.0.1:2528", "unix:/run/colocroute/policy.sock")
    settled(config, etc, capsys)
    assert setting(etc, name) == before.replace("inet:127.0.0.1:2527", "unix:/run/colocroute/policy.sock")
    edit(config, '"unix:/run/colocroute/policy.sock"', "")
    settled(config, etc, capsys)
    assert setting(etc, name) == "check_policy_service inet:127.0.0.1:10023, reject_unauth_destination"


def test_a_changed_socket_delimiter_or_site_is_taken_up_whole(
    fresh: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config, etc = fresh
    settled(config, etc, capsys)
    edit(config, "[listen]", '[listen]\nsocketmap = ["inet:127.0.0.1:2526"]')
    edit(config, "[routing]", '[routing]\nrecipient_delimiter = "+-"')
    mailcompany.fill_mirror(config, mailcompany.records({**NEXTHOPS, "rome.test.tux": "smtp:[10.4.0.1]"}))
    settled(config, etc, capsys)
    assert b"map.sock" not in b"".join(files(etc))
    assert setting(etc, "transport_maps") == "socketmap:inet:127.0.0.1:2526:transport"
    assert setting(etc, "recipient_delimiter") == "+-"
    assert setting(etc, "relay_domains") == "central.test.tux, external.test.tux, rome.test.tux"


@pytest.mark.parametrize("first", WIRINGS)
@pytest.mark.parametrize("second", WIRINGS)
def test_from_one_wiring_to_another(
    fresh: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
    first: tuple[str, ...],
    second: tuple[str, ...],
) -> None:
    """What the first set and the second does not has Postfix's default again."""
    config, etc = fresh
    assert wire(config, etc, *second) == 0
    alone = effective(etc)
    (etc / "main.cf").write_text("compatibility_level = 3.6\nmyhostname = mx1.test.tux\n")
    assert wire(config, etc, *first) == wire(config, etc, *second) == 0
    assert effective(etc) == alone
    once = files(etc)
    capsys.readouterr()
    assert wire(config, etc, *second) == 0
    assert capsys.readouterr().out == "nothing to change\n"
    assert files(etc) == once


def test_what_the_operator_set_is_not_taken_back(fresh: tuple[Path, Path]) -> None:
    config, etc = fresh
    own = (
        "unknown_relay_recipient_reject_code = 450\nunknown_virtual_mailbox_reject_code = 450\n"
        "virtual_mailbox_maps = hash:/etc/postfix/boxes\nfast_flush_domains =\n"
    )
    with (etc / "main.cf").open("a") as main_cf:
        main_cf.write(own)
    assert wire(config, etc, "--no-rewriting") == 0
    assert own in (etc / "main.cf").read_text()


def test_what_the_operator_gives_the_outbound_service_stays(
    fresh: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config, etc = fresh
    settled(config, etc, capsys)
    added = "  -o smtp_fallback_relay=[isp.example]\n  -o { smtp_header_checks = regexp:{ {/^X-A: b/ IGNORE} } }\n"
    with (etc / "master.cf").open("a") as master:
        master.write(added)
    edited = files(etc)
    settled(config, etc, capsys)
    assert files(etc) == edited
    edit(config, "[listen]", '[listen]\nsocketmap = ["inet:127.0.0.1:2526"]')
    settled(config, etc, capsys)
    assert "".join((etc / "master.cf").read_text().split()).endswith("".join(added.split()))


def test_values_by_reference_are_kept_or_named(
    fresh: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config, etc = fresh
    with (etc / "main.cf").open("a") as main_cf:
        main_cf.write(
            "my_sites = other.example\nrelay_domains = $my_sites\nmy_checks = reject_unauth_destination\n"
            "smtpd_recipient_restrictions = $my_checks\n"
        )
    mailcompany.age(etc)
    assert wire(config, etc) == 0
    assert "relay_domains is set already; old value: $my_sites; new value:" in capsys.readouterr().err
    assert setting(etc, "smtpd_recipient_restrictions").endswith(" }, $my_checks")
    assert setting(etc, "my_sites") == "other.example"
    settled(config, etc, capsys)


def test_of_several_listeners_one_that_a_chroot_sees(
    fresh: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config, etc = fresh
    edit(config, '"inet:127.0.0.1:2527"', '"unix:/run/colocroute/policy.sock", "inet:127.0.0.1:2527"')
    edit(config, "[listen]", '[listen]\nsocketmap = ["unix:/run/colocroute/map.sock", "inet:127.0.0.1:2526"]')
    assert wire(config, etc) == 0
    assert setting(etc, "transport_maps") == "socketmap:unix:/run/colocroute/map.sock:transport"
    assert "{ unix:/run/colocroute/policy.sock," in setting(etc, "smtpd_recipient_restrictions")
    (etc / "master.cf").write_text("smtp inet n - y - - smtpd\n")
    mailcompany.age(etc)
    settled(config, etc, capsys)
    assert setting(etc, "transport_maps") == "socketmap:inet:127.0.0.1:2526:transport"
    assert "{ inet:127.0.0.1:2527," in setting(etc, "smtpd_recipient_restrictions")
