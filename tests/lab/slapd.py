"""Real slapds for tests: one process each, in a directory of its own, gone when the test is.

    with Slapd(company_ldif(100)) as slapd, Slapd(providers=[slapd]) as replica:
        ...

Owns their configuration files, life and content.  Every process is ended by its own pid, at the latest when
Python exits.
"""

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import ldap3
from ldap3.core.exceptions import LDAPNoSuchObjectResult

from tests.lab.certificates import Authority
from tests.lab.company import SUFFIX
from tests.lab.daemon import free_port
from tests.lab.slapd_conf import PASSWORD, ROOT_DN, Options, slapd_conf

MISSING = "slapd is missing, install it with: apt-get install slapd ldap-utils"
SLAPD_PATH = "/usr/sbin:/usr/local/sbin:/sbin"
READY_SECONDS = 30.0
ANONYMOUS_BIND = bytes.fromhex("300c020101600702010304008000")

_running: set[subprocess.Popen[bytes]] = set()
_folders: set[Path] = set()


class LabError(Exception):
    """The lab could not be set up; says why."""


class Slapd:
    """One server.  Filled with `ldif` before it first starts; further arguments as in `Options`."""

    def __init__(self, ldif: str = "", **options: Any) -> None:
        found = shutil.which("slapd", path=SLAPD_PATH)
        if found is None:
            raise LabError(MISSING)
        self._programs = Path(found).parent
        self.options = Options(**options)
        self.folder = Path(tempfile.mkdtemp(prefix="crl", dir="/tmp"))
        _folders.add(self.folder)
        self.socket = self.folder / "ldapi"
        self.log = self.folder / "log"
        self.ldapi = f"ldapi://{quote(str(self.socket), safe='')}"
        self.port, self.tls_port = free_port(), free_port()
        self.ldap = f"ldap://127.0.0.1:{self.port}"
        self.ldaps = f"ldaps://localhost:{self.tls_port}"
        self.ca_file: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._configuration = self.folder / "slapd.conf"
        self._database = self.folder / "db"
        self._database.mkdir()
        if self.options.tls_names:
            authority = Authority(self.folder)
            authority.issue(self.options.tls_names)
            self.ca_file = authority.ca_file
        if ldif:
            self.load(ldif)

    def __enter__(self) -> "Slapd":
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends it and removes all it had; where it was not used as a context manager, Python's end does."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        _folders.discard(self.folder)

    @property
    def pid(self) -> int:
        """The process id; raises `LabError` if it is not running."""
        if self._process is None:
            raise LabError("slapd is not running")
        return self._process.pid

    def start(self) -> None:
        """Starts it and waits until it answers."""
        self._configure()
        urls = [self.ldapi, f"{self.ldap}/"]
        if self.options.tls_names:
            urls.append(f"ldaps://127.0.0.1:{self.tls_port}/")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "slapd", "-d", "0", "-f", self._configuration, "-h", " ".join(urls)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=clock_of(self.options.clock),
            )
        _running.add(self._process)
        wait_until(self._answers, f"slapd to answer ({self.log})")

    def stop(self) -> None:
        """Ends it as an administrator does."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it at once, whatever its state."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stops and starts it, with the options as they are now."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Makes it silent: connections stay open, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Ends `pause`."""
        self._signal(signal.SIGCONT)

    def load(self, ldif: str) -> None:
        """Adds entries while it is not running."""
        if self._process is not None:
            raise LabError("slapd is running: use change()")
        self._configure()
        file = self.folder / "load.ldif"
        file.write_text(ldif, encoding="utf-8")
        sid = ["-S", str(self.options.server_id)] if self.options.server_id else []
        command: list[str | Path] = [
            self._programs / "slapadd",
            "-q",
            "-w",
            *sid,
            "-f",
            self._configuration,
            "-l",
            file,
        ]
        clock = clock_of(self.options.clock)
        result = subprocess.run(command, capture_output=True, text=True, check=False, env=clock)
        if result.returncode:
            raise LabError(f"slapadd: {result.stderr.strip()}")
        file.unlink()

    def dump(self) -> str:
        """A backup: everything it has, operational attributes included."""
        done = subprocess.run(
            ["/usr/sbin/slapcat", "-f", str(self._configuration)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise LabError(f"slapcat: {done.stderr}")
        return done.stdout

    def wipe(self) -> None:
        """Empties the database while it is not running."""
        if self._process is not None:
            raise LabError("slapd is running: stop it first")
        shutil.rmtree(self._database)
        self._database.mkdir()

    @contextmanager
    def admin(self) -> Iterator[Any]:
        """An `ldap3.Connection` as the root DN, whose failures are exceptions (its stubs lack types)."""
        server = ldap3.Server(self.ldapi, get_info=ldap3.NONE)
        connection = ldap3.Connection(
            server, user=ROOT_DN, password=PASSWORD, raise_exceptions=True, receive_timeout=30
        )
        connection.bind()
        try:
            yield connection
        finally:
            connection.unbind()

    def add(self, dn: str, attributes: dict[str, list[str]]) -> None:
        """Adds one entry online."""
        with self.admin() as connection:
            connection.add(dn, attributes=attributes)

    def modify(self, dn: str, **attributes: Sequence[str]) -> None:
        """Replaces the values of attributes; no values remove the attribute."""
        with self.admin() as connection:
            changes = {name: [(ldap3.MODIFY_REPLACE, list(values))] for name, values in attributes.items()}
            connection.modify(dn, changes)

    def delete(self, *dns: str) -> None:
        """Deletes entries online."""
        with self.admin() as connection:
            for dn in dns:
                connection.delete(dn)

    def rename(self, dn: str, relative_dn: str, superior: str | None = None) -> None:
        """Renames an entry, or moves it below `superior`."""
        with self.admin() as connection:
            connection.modify_dn(dn, relative_dn, new_superior=superior)

    def context_csn(self) -> list[str]:
        """The values of contextCSN: how far this server is.  Empty while it has no suffix."""
        found = self._search("(objectClass=*)", ldap3.BASE, "contextCSN")
        return sorted(
            csn.decode() for entry in found for csn in entry["raw_attributes"].get("contextCSN", ())
        )

    def count(self, filter_text: str = "(uid=*)") -> int:
        """How many entries match."""
        return len(self._search(filter_text, ldap3.SUBTREE, ldap3.NO_ATTRIBUTES))

    def _search(self, filter_text: str, scope: Any, attribute: str) -> list[Any]:
        with self.admin() as connection:
            try:
                connection.search(SUFFIX, filter_text, scope, attributes=[attribute])
            except LDAPNoSuchObjectResult:
                return []
            return list(connection.response)

    def wait_for(self, other: "Slapd") -> None:
        """Waits until this server has everything that `other` has."""
        wait_until(lambda: self.context_csn() == other.context_csn() != [], "replication")

    def _configure(self) -> None:
        providers = [provider.ldapi for provider in self.options.providers]
        self._configuration.write_text(
            slapd_conf(self.options, self.folder, self._database, self.ldapi, providers), encoding="utf-8"
        )

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise LabError(f"slapd ended with {self._process.returncode}: {self.log.read_text()}")
        with closing(socket.socket(socket.AF_UNIX)) as client:
            client.settimeout(READY_SECONDS)
            try:
                client.connect(str(self.socket))
                client.sendall(ANONYMOUS_BIND)
                return bool(client.recv(100))
            except OSError:
                return False

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        try:
            process.wait(READY_SECONDS)
        finally:
            process.kill()
            process.wait()
            _running.discard(process)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = READY_SECONDS) -> None:
    """Returns when `condition` holds; raises `LabError` naming `what` when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(0.01)


def clock_of(offset: str) -> dict[str, str] | None:
    """The environment of a process whose clock is off; None, which is our own, if it is right."""
    if not offset:
        return None
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        raise LabError("libfaketime is missing, install it with: apt-get install faketime")
    # The command faketime(1) stays in between and would get the signals.
    return {**os.environ, "LD_PRELOAD": str(library), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


@atexit.register
def _reap() -> None:
    for process in _running:
        process.kill()
        process.wait()
    for folder in _folders:
        shutil.rmtree(folder, ignore_errors=True)
