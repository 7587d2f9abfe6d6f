"""Real Postfix instances, each in a directory of its own under /tmp, on free ports of the loopback, as root.

Owns configuration, queue, data and log of an instance and its processes: nothing is read from or written to
the system's own Postfix but its programs and its list of table types.  An instance is born unwired: `main`
and `master` are what a test adds.  Works with Postfix 3.7 (Debian 12) to 3.10 (Debian 13).
"""

import json
import os
import shutil
import signal
import smtplib
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.lab.daemon import descendants, free_port, is_alive, wait_for

SECONDS = 30.0
MASTER_CF = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 1 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
MAIN_CF = {
    "compatibility_level": "3.6",
    "myhostname": "mail.site.example",
    "mydomain": "site.example",
    "mydestination": "",
    "mynetworks": "127.0.0.0/8",
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "alias_maps": "",
    "alias_database": "",
    "local_recipient_maps": "",
    "smtpd_peername_lookup": "no",
    "smtpd_tls_security_level": "none",
    "smtp_tls_security_level": "none",
    "smtp_dns_support_level": "disabled",
    # A refusal is no reason to wait, and a retry comes soon.
    "smtpd_error_sleep_time": "0",
    "minimal_backoff_time": "2s",
    "maximal_backoff_time": "2s",
    "queue_run_delay": "2s",
    "transport_retry_time": "2s",
    "service_throttle_time": "1s",
}
# What stands between a lookup and its repetition in the log of a failing instance.
LOG_TAIL = 4000


class Postfix:
    """One instance."""

    def __init__(self, directory: Path, main: Mapping[str, str], master: str = "") -> None:
        _require("postfix", "postmap", "postqueue", "sendmail")
        self.directory = directory
        self.config = directory / "etc"
        self.port = free_port()
        for name in ("etc", "queue", "data"):
            (directory / name).mkdir()
        shutil.chown(directory / "data", "postfix")
        self._main = {
            **MAIN_CF,
            "queue_directory": str(directory / "queue"),
            "data_directory": str(directory / "data"),
            "maillog_file": str(directory / "log"),
            "maillog_file_prefixes": str(directory),
            **main,
        }
        self._write_main()
        (self.config / "master.cf").write_text(MASTER_CF.format(port=self.port) + master)

    def set(self, main: Mapping[str, str]) -> None:
        """Changes parameters; processes that run already see them after `reload`."""
        self._main.update(main)
        self._write_main()

    def start(self) -> "Postfix":
        """Starts it and waits until SMTP is answered."""
        self.command("postfix", "start")
        wait_for(self._greets, f"a greeting of Postfix on port {self.port}")
        return self

    def reload(self) -> None:
        """`postfix reload`, until every process has ended after its current request: nothing remembers answers."""
        old = descendants(self._pid())
        self.command("postfix", "reload")
        wait_for(lambda: not any(map(is_alive, old)), "the end of the processes before the reload")

    def stop(self) -> None:
        """Ends all its processes."""
        pid = self._pid()
        subprocess.run(
            ["postfix", "-c", str(self.config), "stop"], capture_output=True, timeout=60, check=False
        )
        if pid and is_alive(pid):
            os.kill(pid, signal.SIGKILL)

    def command(self, program: str, *arguments: str, stdin: bytes = b"") -> bytes:
        """One of Postfix's commands with this instance's configuration; its output."""
        done = self.run(program, *arguments, stdin=stdin)
        if done.returncode:
            raise AssertionError(
                f"{program} {arguments}: exit {done.returncode}: {done.stderr.decode()}{self.log_text()}"
            )
        return done.stdout

    def run(self, program: str, *arguments: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        """The same, whatever it exits with."""
        return subprocess.run(
            [program, "-c", str(self.config), *arguments] if program != "sendmail" else [program, *arguments],
            input=stdin,
            capture_output=True,
            timeout=SECONDS * 2,
            check=False,
            env={**os.environ, "MAIL_CONFIG": str(self.config)},
        )

    def postmap(self, table: str, key: str) -> tuple[int, str]:
        """`postmap -q`: exit code (0 found, 1 not found or failed) and value."""
        done = self.run("postmap", "-q", key, table)
        return done.returncode, done.stdout.decode().removesuffix("\n")

    def postmap_many(self, table: str, keys: Iterable[str]) -> dict[str, str]:
        """`postmap -q -`: the keys that were found, with their values.  A key has no newline."""
        text = "".join(f"{key}\n" for key in keys)
        lines = self.run("postmap", "-q", "-", table, stdin=text.encode()).stdout.decode().splitlines()
        return dict(line.split("\t", 1) for line in lines)

    def session(self) -> smtplib.SMTP:
        """An SMTP session with it, greeted and not yet introduced."""
        return smtplib.SMTP("127.0.0.1", self.port, "client.example", SECONDS)

    def send(self, sender: str, *recipients: str, text: str = "Subject: test\n\ntest\n") -> None:
        """One mail by SMTP; raises what `smtplib` raises."""
        with self.session() as session:
            session.sendmail(sender, recipients, text)

    def sendmail(self, sender: str, *recipients: str, text: str = "Subject: test\n\ntest\n") -> None:
        """One mail by the sendmail command."""
        self.command("sendmail", "-f", sender, "-i", "--", *recipients, stdin=text.encode())

    def queue(self) -> list[dict[str, Any]]:
        """`postqueue -j`: one object for each mail, also for one that showq(8) meets in two queues as it moves."""
        mails = [json.loads(line) for line in self.command("postqueue", "-j").splitlines()]
        return list({mail["queue_id"]: mail for mail in mails}.values())

    def wait_empty(self) -> None:
        """Waits until the queue is empty, twice in a row: showq(8) may miss a mail that moves."""
        wait_for(lambda: not (self.queue() or self.queue()), "an empty queue")

    def log_text(self) -> str:
        """What it has logged."""
        path = self.directory / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_log(self, text: str) -> None:
        """Waits for a line in the log."""
        try:
            wait_for(lambda: text in self.log_text(), f"{text!r} in the log")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log_text()[-LOG_TAIL:]}") from None

    def _write_main(self) -> None:
        lines = "".join(f"{name} = {value}\n" for name, value in self._main.items())
        (self.config / "main.cf").write_text(lines)

    def _greets(self) -> bool:
        try:
            self.session().quit()
        except (OSError, smtplib.SMTPException):
            return False
        return True

    def _pid(self) -> int:
        path = self.directory / "queue" / "pid" / "master.pid"
        return int(path.read_text()) if path.exists() else 0


@contextmanager
def postfix(main: Mapping[str, str], master: str = "", *, start: bool = True) -> Iterator[Postfix]:
    """An instance with these parameters and services, ended and removed at the end."""
    with directory() as place:
        instance = Postfix(place, main, master)
        try:
            yield instance.start() if start else instance
        finally:
            instance.stop()


@contextmanager
def directory() -> Iterator[Path]:
    """A directory with a short path that every user may enter, removed at the end."""
    place = Path(tempfile.mkdtemp(prefix="cr", dir="/tmp"))
    place.chmod(0o755)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _require(*programs: str) -> None:
    missing = [
        program
        for program in programs
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin") is None
    ]
    if missing:
        raise AssertionError(f"{', '.join(missing)} missing: apt-get install postfix postfix-lmdb")
    if os.geteuid():
        raise AssertionError("a Postfix of one's own takes root: run the tests as root")
