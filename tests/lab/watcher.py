"""A client that never stops asking, and tells of every answer that was neither right nor "later"."""

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from colocroute.daemon import build, live
from colocroute.model import Answer, Found, NotFound
from tests.lab.daemon import Client, Daemon, wait_for

FOREIGN = "somebody@example.com"


class Watcher:
    """Asks for `known` addresses (each must be found with its route, or come later) and foreign ones.

    `known` may be changed while it runs: an address may have several right answers.
    """

    def __init__(self, socket: Path, known: Mapping[str, Sequence[str]]) -> None:
        self.known = dict(known)
        self.wrong: list[str] = []
        self.found = self.later = 0
        self.slowest = 0.0
        self._socket = socket
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Watcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with Client(self._socket) as client:
                    self._ask_all(client)
            except ConnectionError as error:
                # The worker ended: Postfix connects again at once, and so do we.  Refused is another matter.
                if isinstance(error, ConnectionRefusedError):
                    self.wrong.append(f"connection refused: {error}")
            except OSError as error:
                self.wrong.append(f"no answer: {error}")

    def _ask_all(self, client: Client) -> None:
        while not self._stop.is_set():
            for key, routes in list(self.known.items()):
                started = time.monotonic()
                answer = client.ask("virtual_alias", key)
                self.slowest = max(self.slowest, time.monotonic() - started)
                self._judge(key, routes, answer)
                if self._stop.is_set():
                    return
            if client.ask("virtual_alias", FOREIGN) != NotFound():
                self.wrong.append(f"{FOREIGN} is not ours")
            time.sleep(0.001)

    def _judge(self, key: str, routes: Sequence[str], answer: Answer) -> None:
        if isinstance(answer, Found) and answer.value in routes:
            self.found += 1
        elif isinstance(answer, Found | NotFound):
            self.wrong.append(f"{key}: {answer}, right would be {routes}")
        else:
            self.later += 1

    def check(self) -> None:
        """Fails if any answer was wrong, or if nothing was asked."""
        assert self.found + self.later > 0
        assert not self.wrong, self.wrong[:5]


def differences(daemon: Daemon) -> list[str]:
    """The DNs whose record in the mirror is not what the directory says now."""
    config = build.load(daemon.config)
    truth = {record.dn: record for record in live.read_directory(config)}
    mirror = build.open_mirror(config, writable=False)
    try:
        with mirror.snapshot() as snapshot:
            held = {record.dn: record for _, record in snapshot.records()}
    finally:
        mirror.close()
    return sorted(dn for dn in truth.keys() | held.keys() if truth.get(dn) != held.get(dn))


def wait_equal(daemon: Daemon, seconds: float = 30.0) -> None:
    """Waits until the mirror is equal to the directory."""
    wait_for(lambda: not differences(daemon), "the mirror to equal the directory", seconds)
