"""A real `colocroute serve` as a process, with a configuration of the test's own, and ways to ask it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from colocroute.model import Answer, TempFail
from colocroute.wire import socketmap

DEADLINE_SECONDS = 30.0

_reserved: list[socket.socket] = []


def wait_for(condition: Callable[[], bool], what: str, seconds: float = DEADLINE_SECONDS) -> None:
    """Polls until `condition` holds; fails with `what` if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain for: {what}")
        time.sleep(0.02)


def free_port() -> int:
    """A TCP port of the loopback that stays free for a server of ours, also while that is down.

    The kernel gives a bound port to nobody who asks for any; a server that asks for it by number, with
    SO_REUSEADDR as all of them do, gets it, because what we bind does not listen.
    """
    reservation = socket.socket()
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reservation.bind(("127.0.0.1", 0))
    _reserved.append(reservation)
    port: int = reservation.getsockname()[1]
    return port


class Client:
    """One socketmap connection, as a Postfix process holds it."""

    def __init__(self, path: Path, seconds: float = DEADLINE_SECONDS) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(seconds)
        self.socket.connect(str(path))

    def ask(self, name: str, key: str | bytes) -> Answer:
        """One lookup on this connection; `ConnectionError` if it is closed instead of an answer."""
        raw = key if isinstance(key, bytes) else key.encode()
        decoder = socketmap.ReplyDecoder()
        self.socket.sendall(socketmap.encode_request(name.encode(), raw))
        while (answer := decoder.next()) is None:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("closed without an answer")
            decoder.feed(data)
        return answer

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Daemon:
    """The service under test.  `sections` are the sections of its configuration, as TOML values."""

    def __init__(self, directory: Path, sections: Mapping[str, Mapping[str, Any]]) -> None:
        self.directory = directory
        self.config = directory / "colocroute.toml"
        self.socket = directory / "map.sock"
        self.store = directory / "store"
        self.log = directory / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self.environment: dict[str, str] | None = None  # of the next start; None: ours
        self.write_config(sections)

    def write_config(self, sections: Mapping[str, Mapping[str, Any]]) -> None:
        """Writes the configuration; `listen.socketmap` and `store.path` are this daemon's own."""
        whole: dict[str, dict[str, Any]] = {name: dict(section) for name, section in sections.items()}
        whole.setdefault("listen", {}).setdefault("socketmap", [f"unix:{self.socket}"])
        whole.setdefault("store", {}).setdefault("path", str(self.store))
        self.config.write_text(to_toml(whole))

    def start(self) -> "Daemon":
        """Starts the process and waits until its socket takes connections."""
        self.launch()
        wait_for(self._accepts, f"a connection to {self.socket}\n{self.log_text()}")
        return self

    def launch(self) -> None:
        """Starts the process."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "serve", "-c", str(self.config)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env=self.environment,
            )

    def _accepts(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError(f"serve ended with {self.process.returncode}:\n{self.log_text()}")
        try:
            with Client(self.socket, seconds=5.0):
                return True
        except OSError:
            return False

    @property
    def pid(self) -> int:
        """The supervisor's process."""
        assert self.process is not None
        return self.process.pid

    def stop(self, seconds: float = DEADLINE_SECONDS) -> int:
        """SIGTERM; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def close(self) -> None:
        """Ends whatever is left of it."""
        if self.process is not None and self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def ask(self, name: str, key: str | bytes) -> Answer:
        """One lookup on a connection of its own; like Postfix, once more if that is closed without an answer."""
        try:
            with Client(self.socket) as client:
                return client.ask(name, key)
        except ConnectionRefusedError:
            raise
        except ConnectionError:
            with Client(self.socket) as client:
                return client.ask(name, key)

    def settled(self, name: str, key: str | bytes, seconds: float = DEADLINE_SECONDS) -> Answer:
        """The first answer that is not a temporary failure."""
        answer: list[Answer] = []

        def said() -> bool:
            answer[:] = [self.ask(name, key)]
            return not isinstance(answer[0], TempFail)

        wait_for(said, f"an answer to {name} {key!r}, last {answer}", seconds)
        return answer[0]

    def run(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """One verb of the command line with this daemon's configuration."""
        verb, *rest = arguments
        return subprocess.run(
            [*COMMAND, verb, "-c", str(self.config), *rest],
            input=stdin,
            capture_output=True,
            timeout=120,
            check=False,
        )

    def status(self) -> dict[str, Any]:
        """`status --json`."""
        done = self.run("status", "--json")
        if not done.stdout:
            raise AssertionError(f"status said {done.stderr.decode()}")
        value: dict[str, Any] = json.loads(done.stdout)
        return value

    def wait_state(self, state: str, seconds: float = DEADLINE_SECONDS) -> dict[str, Any]:
        """Waits until `status` says this state; returns the status."""
        last: dict[str, Any] = {}

        def reached() -> bool:
            last.clear()
            last.update(self.status())
            return bool(last["state"] == state)

        try:
            wait_for(reached, f"state {state}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; last: {last}\n{self.log_text()[-3000:]}") from None
        return last

    def log_text(self) -> str:
        """What the service has logged so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


COMMAND = (sys.executable, "-m", "colocroute")


def to_toml(sections: Mapping[str, Mapping[str, Any]]) -> str:
    """TOML of sections of strings, numbers, booleans, lists of strings and tables of strings."""
    lines: list[str] = []
    for name, section in sections.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {_value(value)}" for key, value in section.items()]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + " }"
    return json.dumps(list(value) if isinstance(value, tuple) else value)


@contextmanager
def daemon(sections: Mapping[str, Mapping[str, Any]], *, start: bool = True) -> Iterator[Daemon]:
    """A daemon in a directory of its own with a short path, ended and removed at the end."""
    directory = Path(tempfile.mkdtemp(prefix="cr", dir="/tmp"))
    service = Daemon(directory, sections)
    try:
        if start:
            service.start()
        yield service
    finally:
        service.close()
        shutil.rmtree(directory, ignore_errors=True)


def is_alive(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def descendants(pid: int) -> list[int]:
    """The children of a process and theirs."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == pid:
                found += [int(entry.name), *descendants(int(entry.name))]
    return found


def kill(pid: int, number: signal.Signals) -> None:
    """A signal to one process, which may be gone already; 0 stands for one that is not running."""
    if pid <= 0:
        return
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
