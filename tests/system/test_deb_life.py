"""The life of the Debian package on a Debian of its own: installed, started by systemd, upgraded, removed."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import colocroute
from tests.lab import deb
from tests.lab.company import company_ldif
from tests.lab.daemon import wait_for
from tests.lab.deb import EXAMPLES, HOME, ROOT
from tests.lab.machine import NOTHING, Machine, debian

CONFIG = "/etc/colocroute/colocroute.toml"
MAPS = "socketmap:unix:/run/colocroute/map.sock"
pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The Debian that the package is installed on, with what it depends on and a slapd."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with debian(shared / "debian", ("iproute2", "postfix", "procps", "python3", "slapd", "systemd")) as place:
        yield place


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return deb.built(tmp_path_factory.mktemp("dist"))


def install(machine: Machine, package: Path) -> str:
    """What dpkg says."""
    machine.write("/root/colocroute.deb", package.read_bytes())
    return machine.run("dpkg", "--install", "/root/colocroute.deb")


def configure(machine: Machine) -> None:
    """The example, with the demonstration's company for a directory."""
    text = (ROOT / "postfix" / "colocroute.toml.example").read_text()
    source = f'uri = "ldif:{HOME}/colocroute/daemon/demo.ldif"'
    machine.write(CONFIG, text.replace('uri = "ldapi:///"', source).encode())
    machine.run("systemctl", "start", "colocroute.service")


def asked(machine: Machine, key: str = "anna@test.tux", name: str = "virtual_alias") -> str:
    """What a Postfix process is answered; polled, because a service that has started may not be live yet."""
    command = ("setpriv", "--reuid=postfix", "--regid=postfix", "--clear-groups")
    question = f"until postmap -q {key} {MAPS}:{name}; do sleep 0.1; done 2>/dev/null"
    return machine.run("timeout", "20", *command, "sh", "-c", question).strip()


def shown(machine: Machine, name: str, unit: str = "colocroute.service") -> str:
    """A property of a unit."""
    return machine.run("systemctl", "show", "--value", "--property", name, unit).strip()


def failed(machine: Machine) -> str:
    """Our units that have failed."""
    return machine.run("systemctl", "--failed", "--plain", "--no-legend", "list-units", "colocroute*").strip()


def there(machine: Machine, *paths: str) -> list[str]:
    """Those of the paths that exist."""
    return machine.run("sh", "-c", 'ls --directory "$@" 2>/dev/null || true', "sh", *paths).split()


def _refused(machine: Machine) -> bool:
    """Whether a start is refused still."""
    command = "systemctl start colocroute.service && echo started || true"
    return "started" not in machine.run("sh", "-c", command)


def serve_directory(machine: Machine) -> None:
    """A slapd with the example's access rules and the company's entries, which follows no provider."""
    replica = (ROOT / "postfix" / "slapd-replica.conf").read_text()
    replica = re.sub(r"(?ms)^syncrepl .*?^updateref.*?$", "", replica)
    replica = replica.replace("991", machine.run("id", "--user", "colocroute").strip())
    replica = re.sub(r"(?m)^rootdn.*", r"\g<0>\nrootpw secret", replica)
    machine.write("/etc/ldap/slapd.conf", replica.encode())
    machine.write("/root/company.ldif", company_ldif(20).encode())
    machine.run("cp", f"{EXAMPLES}/colocroute.schema", "/etc/ldap/schema/")
    machine.run("systemctl", "stop", "slapd.service")
    machine.run("find", "/var/lib/ldap", "-type", "f", "-delete")
    machine.run("slapadd", "-q", "-f", "/etc/ldap/slapd.conf", "-l", "/root/company.ldif")
    machine.run("mkdir", "--parents", "/run/slapd")
    machine.run(
        "systemd-run", "--unit=directory", "slapd", "-d0", "-f/etc/ldap/slapd.conf", "-hldap:/// ldapi:///"
    )


def demonstrated(machine: Machine) -> str:
    """An answer of `serve --demo`, run by somebody without any rights."""
    serve = "timeout 60 colocroute serve --demo >/tmp/demo 2>&1 &"
    until = "until grep -q Ctrl-C /tmp/demo; do sleep 0.1; done"
    ask = "postmap -q anna@test.tux $(grep -o -m 1 'socketmap:.*virtual_alias' /tmp/demo)"
    nobody = ("setpriv", "--reuid=nobody", "--clear-groups", "sh", "-c")
    return machine.run(*nobody, f"{serve}\n{until}\n{ask}\nkill $!\nwait $! || true")


def test_without_systemd_as_in_a_chroot(base: Path, package: Path) -> None:
    with Machine(base, NOTHING) as machine:
        said = install(machine, package)
        assert f"there is no {CONFIG} yet" in said
        assert machine.run("colocroute", "--version") == f"colocroute {colocroute.__version__}\n"
        assert "(colocroute)" in machine.run("id", "colocroute")
        units = ("colocroute.service", "colocroute.socket")
        assert machine.run("systemd-analyze", "verify", "--man=no", *units) == ""
        assert demonstrated(machine) == "anna@external.test.tux\n"
        # Nothing is compiled when it runs: all there is came with the package.
        files = machine.run("find", HOME, "-type", "f").split()
        assert set(files) <= set(machine.run("dpkg", "--listfiles", "colocroute").split())
        machine.run("dpkg", "--verify", "colocroute")
        machine.run("dpkg", "--purge", "colocroute")
        directories = ("/etc/colocroute", "/var/lib/colocroute", "/run/colocroute")
        assert there(machine, HOME, "/usr/bin/colocroute", *directories) == []


def test_its_life(base: Path, package: Path, tmp_path: Path) -> None:
    newer = deb.with_version(package, "99", tmp_path)
    with Machine(base) as machine:
        install(machine, package)
        assert failed(machine) == "", "not being configured is no failure"
        assert (
            shown(machine, "ActiveState") == shown(machine, "ActiveState", "colocroute.socket") == "inactive"
        )

        configure(machine)
        assert asked(machine) == "anna@external.test.tux"
        assert "live" in machine.run("colocroute", "status")
        machine.run("systemctl", "reload", "colocroute.service")

        machine.run("sh", "-c", f"echo '# mine' >>{CONFIG}")
        before = shown(machine, "MainPID"), machine.run("stat", "--format=%i", "/run/colocroute/map.sock")
        question = f"postmap -q anna@test.tux {MAPS}:virtual_alias >>/run/answers 2>&1"
        load = f"until [ -e /run/enough ]; do {question} || echo failed >>/run/answers; done"
        machine.run("systemd-run", "--unit=load", "sh", "-c", load)
        install(machine, newer)
        assert asked(machine) == "anna@external.test.tux"
        after = shown(machine, "MainPID"), machine.run("stat", "--format=%i", "/run/colocroute/map.sock")
        assert before[0] != after[0], "the new one serves"
        assert before[1] == after[1], "at the socket that was open all the time"
        machine.run("touch", "/run/enough")
        wait_for(lambda: shown(machine, "ActiveState", "load.service") == "inactive", "the load to end")
        answers = machine.run("cat", "/run/answers").splitlines()
        assert set(answers) == {"anna@external.test.tux"} and len(answers) > 10
        assert machine.run("tail", "--lines=1", CONFIG) == "# mine\n"
        assert "generation     1" in machine.run("colocroute", "status"), "the same mirror"

        machine.run("dpkg", "--remove", "colocroute")
        data = "/var/lib/colocroute/data.mdb"
        assert there(machine, CONFIG, data, "/run/colocroute/map.sock") == [CONFIG, data]
        assert failed(machine) == ""
        install(machine, newer)
        assert asked(machine) == "anna@external.test.tux", "configured already, it starts"

        machine.run("dpkg", "--purge", "colocroute")
        assert there(machine, "/etc/colocroute", "/var/lib/colocroute", "/run/colocroute") == []
        machine.run("sh", "-c", "find /etc/systemd /var/lib/systemd | grep colocroute", fails=True)
        machine.run("id", "colocroute")
        assert failed(machine) == ""


def test_it_outlives_its_faults(base: Path, package: Path) -> None:
    with Machine(base) as machine:
        install(machine, package)
        configure(machine)
        asked(machine)
        for _ in range(6):
            machine.run("systemctl", "kill", "--signal=KILL", "colocroute.service")
            assert asked(machine) == "anna@external.test.tux"
        assert shown(machine, "NRestarts") == "6", "never given up"

        machine.run("sh", "-c", f"cp {CONFIG} /root/good; echo '[nonsense]' >>{CONFIG}")
        machine.run("systemctl", "reload", "colocroute.service")
        assert "the last reload was refused" in shown(machine, "StatusText")
        assert asked(machine) == "anna@external.test.tux"

        # Connections that wait do not start one after the other that cannot serve.
        machine.run("systemctl", "restart", "colocroute.service", fails=True)
        for _ in range(10):
            machine.run("postmap", "-q", "anna@test.tux", f"{MAPS}:virtual_alias", fails=True)
        assert "colocroute.service" in failed(machine)
        said = machine.run("journalctl", "--unit=colocroute.service")
        assert 1 <= said.count("nonsense: unknown section (line") <= 7

        machine.run("cp", "/root/good", CONFIG)
        wait_for(lambda: not _refused(machine), "the pause after too many starts to end")
        assert asked(machine) == "anna@external.test.tux"
        assert failed(machine) == ""


def test_confined_it_reaches_all_it_needs(base: Path, package: Path) -> None:
    """The example as it is: the replica's socket, the interfaces' addresses; then a password and TCP."""
    with Machine(base) as machine:
        install(machine, package)
        machine.run("ip", "address", "add", "10.1.0.1/32", "dev", "lo")
        serve_directory(machine)
        machine.run("cp", f"{EXAMPLES}/colocroute.toml", CONFIG)
        machine.run("systemctl", "start", "colocroute.service")
        assert asked(machine, "user1@test.tux") == "user1@external.test.tux"
        assert asked(machine, "user0@central.test.tux", "transport") == "lmtp:unix:private/dovecot-lmtp"
        status = machine.run("colocroute", "status")
        assert "ldapi:/// (syncrepl), connected" in status
        assert re.search(r"here +central\.test\.tux\n", status)

        credential = "/run/credentials/colocroute.service/colocroute.bind-password"
        machine.write("/etc/credstore/colocroute.bind-password", b"secret")
        machine.run("chmod", "600", "/etc/credstore/colocroute.bind-password")
        bind = f'bind_dn = "cn=replica,dc=test,dc=tux"\\nbind_password_file = "{credential}"'
        machine.run("sed", "-i", f's#^uri = .*#uri = "ldap://127.0.0.1"\\n{bind}#', CONFIG)
        machine.run("systemctl", "restart", "colocroute.service")
        connected = (
            "until colocroute status | grep 'ldap://127.0.0.1 (syncrepl), connected'; do sleep 0.1; done"
        )
        machine.run("timeout", "20", "sh", "-c", connected)

        pid = shown(machine, "MainPID")
        status = machine.run("cat", f"/proc/{pid}/status")
        for line in ("NoNewPrivs:\t1", "Seccomp:\t2", "CapBnd:\t0000000000000000"):
            assert line in status
        machine.run("nsenter", f"--target={pid}", "--mount", "touch", "/etc/x", fails=True)
        machine.run("nsenter", f"--target={pid}", "--mount", "touch", "/var/lib/colocroute/x")
