"""Every file in `postfix/` does what it is there for: loaded, applied, verified or run."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import ldap3
import pytest

from colocroute.cli.main import main
from colocroute.daemon import build, live
from colocroute.directory.client import open_session
from colocroute.directory.events import Upsert
from colocroute.directory.settings import DirectorySettings
from colocroute.model import Found
from tests.config.files import all_declared
from tests.lab import mailcompany
from tests.lab.company import SUFFIX, Person, company_ldif
from tests.lab.daemon import COMMAND, Client, free_port
from tests.lab.directory import changes, refresh
from tests.lab.postfix import directory
from tests.lab.slapd import Slapd, wait_until
from tests.lab.slapd_conf import PASSWORD, ROOT_DN

ROOT = Path(__file__).parents[2]
FILES = ROOT / "postfix"
DEMO = ROOT / "src" / "colocroute" / "daemon" / "demo.ldif"
EXAMPLE = FILES / "colocroute.toml.example"
KNOWN = {
    "colocroute.schema",  # the schema of every slapd in these tests
    "colocroute.service",
    "colocroute.socket",
    "colocroute.sysusers.conf",
    "colocroute.tmpfiles.conf",
    "colocroute.toml.example",
    "main.cf.example",
    "master.cf.example",
    "slapd-replica.conf",
}


def test_no_file_is_untested() -> None:
    assert {path.name for path in FILES.iterdir()} == KNOWN


def test_the_example_configuration_loads() -> None:
    config = build.load(EXAMPLE)
    assert config.routing.domains == ("test.tux",)
    assert config.routing.local_transport.startswith("lmtp:")


def test_the_example_configuration_is_complete() -> None:
    """Every key is there, set or commented out, the latter with its default."""
    text = EXAMPLE.read_text()
    for item in all_declared():
        body = text.split(f"[{item.section}]\n", 1)[1].split("\n[", 1)[0]
        if f"\n{item.key} = " not in f"\n{body}":
            assert f"\n#{item.key} = {item.default_text}\n" in f"\n{body}", item.name


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """The example configuration, with the mirror that the white paper's company makes."""
    text = EXAMPLE.read_text()
    source = tmp_path / "source.toml"
    source.write_text(text.replace('uri = "ldapi:///"', f'uri = "ldif:{DEMO}"'))
    config = tmp_path / "colocroute.toml"
    config.write_text(text.replace('#path = "/var/lib/colocroute"', f'path = "{tmp_path}/store"'))
    mailcompany.fill_mirror(config, live.read_directory(build.load(source)))
    return config


def test_the_fragments_are_what_the_command_prints(
    company: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "main.cf").write_text("compatibility_level = 3.6\nmyhostname = mx1.test.tux\n")
    (etc / "master.cf").write_text("smtp inet n - n - - smtpd\n")
    mailcompany.age(etc)
    assert main(["postconf", "-c", str(company), "--config-dir", str(etc)]) == 0
    said = capsys.readouterr()
    fragments = [(FILES / name).read_text() for name in ("main.cf.example", "master.cf.example")]
    assert said.out == "\n".join(fragments)
    assert said.err == ""
    # Pasted, they are what --apply would do.
    for name, fragment in zip(("main.cf", "master.cf"), fragments, strict=True):
        with (etc / name).open("a") as file:
            file.write(fragment)
    mailcompany.age(etc)
    assert main(["postconf", "-c", str(company), "--config-dir", str(etc), "--apply"]) == 0
    assert capsys.readouterr().out == "nothing to change\n"


def unit(name: str) -> ConfigParser:
    """A unit file; of a key that repeats, the values are joined by newlines."""
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # as typeshed's own documentation does it
    text = (FILES / name).read_text()
    joined: dict[str, str] = {}
    for key, value in re.findall(r"(?m)^(\w+)=(.*)$", text):
        joined[key] = f"{joined[key]}\n{value}" if key in joined else value
    parser.read_dict({"all": joined})
    return parser


def run(*command: str) -> str:
    """The output of a command of systemd, which has to succeed."""
    if shutil.which(command[0]) is None:
        pytest.fail(f"{command[0]} missing: apt-get install systemd")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    for name in ("colocroute.service", "colocroute.socket"):
        text = (FILES / name).read_text().replace("ExecStart=colocroute", f"ExecStart={sys.executable}")
        (tmp_path / name).write_text(text)
    said = run("systemd-analyze", "verify", "--man=no", *(str(path) for path in sorted(tmp_path.iterdir())))
    assert "colocroute" not in said


def test_the_service_is_confined(tmp_path: Path) -> None:
    shutil.copy(FILES / "colocroute.service", tmp_path)
    said = run(
        "systemd-analyze", "security", "--offline=true", "--no-pager", str(tmp_path / "colocroute.service")
    )
    level = re.search(r"exposure level for colocroute\.service: ([0-9.]+)", said)
    assert level is not None and float(level[1]) < 2.0, said


def test_a_service_that_crashes_is_never_given_up() -> None:
    """Started each `RestartSec=`, it stays within the limit of starts, which is there for waiting connections."""
    service = unit("colocroute.service")["all"]
    pause, interval = (int(service[key].removesuffix("s")) for key in ("RestartSec", "StartLimitIntervalSec"))
    assert service["Restart"] == "always"
    assert interval <= pause * int(service["StartLimitBurst"])


def test_the_sockets_of_systemd_are_those_of_the_configuration() -> None:
    config = build.load(EXAMPLE)
    ours = {text.partition(":")[2] for text in (*config.listen.socketmap, *config.listen.policy)}
    sockets = unit("colocroute.socket")["all"]
    assert set(sockets["ListenStream"].split()) == ours
    assert sockets["SocketGroup"] == config.listen.socket_group
    assert int(sockets["SocketMode"], 8) == config.listen.socket_mode


def test_the_service_takes_the_sockets_of_systemd() -> None:
    """As in the socket unit, at other addresses; the first question is what starts the service."""
    if shutil.which("systemd-socket-activate") is None:
        pytest.fail("systemd-socket-activate missing: apt-get install systemd")
    with directory() as place:
        text = EXAMPLE.read_text()
        others = {
            "/run/colocroute/map.sock": f"{place}/map.sock",
            "127.0.0.1:2527": f"127.0.0.1:{free_port()}",
            "ldapi:///": f"ldif:{DEMO}",
            '#path = "/var/lib/colocroute"': f'path = "{place}/store"',
        }
        for ours, theirs in others.items():
            assert ours in text
            text = text.replace(ours, theirs)
        config = place / "colocroute.toml"
        config.write_text(text)
        listening = [others[address] for address in unit("colocroute.socket")["all"]["ListenStream"].split()]
        flags = [flag for address in listening for flag in ("-l", address)]
        command = [*COMMAND, "serve", "-c", str(config)]
        with (place / "log").open("wb") as log:
            process = subprocess.Popen(["systemd-socket-activate", *flags, *command], stdout=log, stderr=log)
        try:
            wait_until(lambda: _listens(place / "map.sock"), "the sockets")
            wait_until(lambda: _found(place / "map.sock"), "an answer")
        finally:
            process.terminate()
            assert process.wait(30) == 0, (place / "log").read_text()
        assert (place / "map.sock").exists(), "it is systemd's, for the next start"


def _found(path: Path) -> bool:
    with Client(path) as client:
        return client.ask("virtual_alias", "anna@test.tux") == Found("anna@external.test.tux")


def test_user_and_directories_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    run("systemd-sysusers", f"--root={tmp_path}", str(FILES / "colocroute.sysusers.conf"))
    assert (tmp_path / "etc" / "passwd").read_text().startswith("colocroute:")
    run("systemd-tmpfiles", "--create", f"--root={tmp_path}", str(FILES / "colocroute.tmpfiles.conf"))
    service = unit("colocroute.service")["all"]
    for place in (f"run/{service['RuntimeDirectory']}", f"var/lib/{service['StateDirectory']}"):
        assert (tmp_path / place).is_dir()


@pytest.fixture
def replica(tmp_path: Path) -> Iterator[tuple[Slapd, str]]:
    """The central directory, and the address of a slapd with our configuration that follows it."""
    with Slapd(company_ldif(600)) as central:
        ldapi = tmp_path / "ldapi"
        text = (FILES / "slapd-replica.conf").read_text()
        for placeholder, value in {
            "PROVIDER": central.ldap,
            "SECRET": PASSWORD,
            "cn=replicator,dc=test,dc=tux": ROOT_DN,
            "991": str(os.geteuid()),
            "/etc/ldap/schema/colocroute.schema": str(FILES / "colocroute.schema"),
            "/var/lib/ldap": str(tmp_path / "db"),
            "/run/slapd/slapd.pid": str(tmp_path / "pid"),
        }.items():
            assert placeholder in text
            text = text.replace(placeholder, value)
        (tmp_path / "db").mkdir()
        (tmp_path / "slapd.conf").write_text(text)
        uri = f"ldapi://{quote(str(ldapi), safe='')}"
        process = subprocess.Popen(["/usr/sbin/slapd", "-d", "0", "-f", tmp_path / "slapd.conf", "-h", uri])
        try:
            wait_until(lambda: _listens(ldapi), "the replica")
            yield central, uri
        finally:
            process.terminate()
            process.wait(30)


def _listens(path: Path) -> bool:
    with closing(socket.socket(socket.AF_UNIX)) as client:
        return client.connect_ex(str(path)) == 0


def entries(uri: str, user: str, attribute: str) -> list[str]:
    """The values of an attribute that somebody may read: `external` or `anonymous`."""
    server = ldap3.Server(uri, get_info=ldap3.NONE)
    credentials: dict[str, Any] = {}
    if user == "external":
        credentials = {"authentication": ldap3.SASL, "sasl_mechanism": ldap3.EXTERNAL, "sasl_credentials": ""}
    with ldap3.Connection(server, **credentials) as connection:
        connection.search(SUFFIX, "(objectClass=*)", attributes=[attribute])
        return [entry["dn"] for entry in connection.response or [] if entry["attributes"].get(attribute)]


def test_the_replica_gives_colocroute_all_it_needs_and_no_more(replica: tuple[Slapd, str]) -> None:
    central, uri = replica
    wait_until(lambda: len(entries(uri, "external", "colocRouteAddress")) == 600, "the replica to be filled")
    wait_until(lambda: entries(uri, "external", "contextCSN") == [SUFFIX], "its position, which comes last")
    assert entries(uri, "external", "sn") == []
    assert entries(uri, "external", "userPassword") == []
    assert entries(uri, "anonymous", "mail") == []
    settings = DirectorySettings(uris=(uri,), base=SUFFIX)
    session = open_session(settings, b"", heartbeat=1.0)
    try:
        assert session.mode == "syncrepl"
        events = refresh(session)
        assert session.warnings == []
        users = [event for event in events if isinstance(event, Upsert) and event.entry.user]
        sites = [event for event in events if isinstance(event, Upsert) and event.entry.site]
        assert (len(users), len(sites)) == (600, 3)
        central.modify(Person(7).dn, mail=["new@test.tux"])
        [told] = [event for event in changes(session) if isinstance(event, Upsert)]
        assert told.entry.user is not None
        assert "new@test.tux" in told.entry.user.addresses
    finally:
        session.close()
