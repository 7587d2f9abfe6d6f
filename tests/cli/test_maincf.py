"""Reading and changing a Postfix configuration with the real postconf, without starting Postfix."""

import shutil
from pathlib import Path

import pytest

from colocroute.cli.maincf import Change, Maincf
from colocroute.cli.wiring import wire
from colocroute.cli.wiring_model import PARENT_MATCHES, Installed, Wanted, Wiring
from colocroute.errors import ColocrouteError, TemporaryError
from tests.lab.mailcompany import age

WANTED = Wanted(
    socketmap="unix:/run/colocroute/map.sock",
    policy="inet:127.0.0.1:2527",
    public=("test.tux",),
    sites=("central.test.tux", "external.test.tux"),
    local_transport="lmtp:unix:private/dovecot-lmtp",
)
MAIN = (
    "compatibility_level = 3.6\nmyhostname = MX1.test.tux\nmyorigin = $myhostname\nmynetworks = 127.0.0.0/8\n"
)
MASTER = """\
smtp inet n - n - - smtpd
submission inet n - - - - smtpd
  -o syslog_name=postfix/submission
cleanup unix n - n - 0 cleanup
rewrite unix - - n - - trivial-rewrite
smtp unix - - y - - smtp
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    write(tmp_path, "main.cf", MAIN)
    write(tmp_path, "master.cf", MASTER)
    return tmp_path


def write(config: Path, name: str, text: str) -> None:
    (config / name).write_text(text)
    age(config)


def lines(config: Path) -> Wiring:
    return wire(WANTED, Maincf(config).installed())


def apply(config: Path) -> None:
    maincf = Maincf(config)
    wiring = wire(WANTED, maincf.installed())
    maincf.apply(wiring, maincf.changes(wiring))
    age(config)


def test_a_fresh_configuration(config: Path) -> None:
    assert Maincf(config).installed() == Installed(
        hostname="mx1.test.tux",
        origin="mx1.test.tux",
        chrooted=frozenset({"smtp"}),
        parent_matches=PARENT_MATCHES,
    )


@pytest.mark.parametrize(("level", "chrooted"), [("0", True), ("1", False), ("3.6", False)])
def test_a_dash_in_master_cf_depends_on_the_level(config: Path, level: str, chrooted: bool) -> None:
    write(config, "main.cf", f"{MAIN}compatibility_level = {level}\n")
    assert ("smtpd" in Maincf(config).installed().chrooted) is chrooted


def test_the_origin_in_a_file(config: Path, tmp_path: Path) -> None:
    (tmp_path / "mailname").write_text("Test.Tux\n")
    write(config, "main.cf", f"{MAIN}myorigin = {tmp_path}/mailname\n")
    assert Maincf(config).installed().origin == "test.tux"
    (tmp_path / "mailname").unlink()
    assert Maincf(config).installed().origin == ""


def test_apply_changes_what_differs_and_nothing_the_second_time(config: Path) -> None:
    changes = {change.name for change in Maincf(config).changes(lines(config))}
    assert {"relay_domains", "transport_maps", "outbound/unix"} <= changes
    assert "mydestination" not in changes, "the default is what is wanted"
    apply(config)
    first = [(config / name).read_bytes() for name in ("main.cf", "master.cf")]
    assert not Maincf(config).changes(lines(config))
    apply(config)
    assert [(config / name).read_bytes() for name in ("main.cf", "master.cf")] == first
    assert MAIN.encode() in first[0] and MASTER.encode() in first[1]
    assert b"mydestination" not in first[0]


def test_spelling_is_no_difference(config: Path) -> None:
    apply(config)
    main = (config / "main.cf").read_text()
    spelt = "relay_domains = external.test.tux, central.test.tux"
    assert "relay_domains = central.test.tux, external.test.tux" in main
    other = main.replace("central.test.tux, external.test.tux", "central.test.tux\n  external.test.tux")
    write(config, "main.cf", other)
    assert not Maincf(config).changes(lines(config))
    write(config, "main.cf", main + spelt + "\n")
    assert [change.name for change in Maincf(config).changes(lines(config))] == ["relay_domains"]


def test_old_values_are_those_of_the_files(config: Path) -> None:
    write(config, "main.cf", f"{MAIN}relay_domains = hash:/etc/postfix/relay\n")
    write(config, "master.cf", f"{MASTER}outbound unix - - y - - smtp\n")
    changes = {change.name: change for change in Maincf(config).changes(lines(config))}
    assert changes["relay_domains"] == Change(
        "relay_domains", "hash:/etc/postfix/relay", "central.test.tux, external.test.tux"
    )
    assert changes["outbound/unix"].old == "outbound unix - - y - - smtp"
    assert changes["transport_maps"].old == ""


def test_a_service_whose_options_differ(config: Path) -> None:
    apply(config)
    master = (config / "master.cf").read_text()
    write(config, "master.cf", master.replace(":generic", ":other"))
    assert [change.name for change in Maincf(config).changes(lines(config))] == ["outbound/unix"]
    apply(config)
    assert not Maincf(config).changes(lines(config))


def test_no_such_configuration(tmp_path: Path) -> None:
    with pytest.raises(ColocrouteError, match=r"postconf: .*main.cf"):
        Maincf(tmp_path / "nowhere").installed()


def test_no_postfix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(TemporaryError, match="is Postfix installed"):
        Maincf()


def test_what_the_choice_of_listeners_and_services_depends_on(config: Path) -> None:
    sender_dependent = "sender_dependent_default_transport_maps = inline:{{a@test.tux = slow:}}"
    write(config, "main.cf", f"{MAIN}inet_protocols = ipv4\n{sender_dependent}\n")
    write(config, "master.cf", f"{MASTER}outbound unix - - n - 5 smtp\n  -o smtp_helo_name=mx.example\n")
    found = Maincf(config).installed()
    assert found.protocols == "ipv4"
    assert found.sender_dependent == "inline:{{a@test.tux = slow:}}"
    assert found.outbound == "outbound unix - - n - 5 smtp -o smtp_helo_name=mx.example"
