"""A supervisor with workers and other children as processes of their own, told what to be by a JSON file.

The file: `socket` (path), `generation` (what the key `generation` is answered), `children` (list of `name`,
`kind` and `alone`), `broken` (reload says no), `drain` (seconds
that a worker gives its clients after SIGTERM).  Standard output has one JSON list for each event.
"""

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from colocroute.server import worker
from colocroute.server.children import Child
from colocroute.server.crew import Crew
from colocroute.server.interfaces import ChildInfo, Listener, Ready, Settings, WireProtocol
from colocroute.server.notify import Notifier
from colocroute.server.supervisor import Hooks, Supervisor
from tests.lab.daemon import wait_for
from tests.lab.serving import FakeAnswering, listen


def _say(*event: object) -> None:
    os.write(1, json.dumps(event).encode() + b"\n")


def _idle(ready: Ready) -> int:
    ready()
    while True:
        signal.pause()


def _stubborn(ready: Ready) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _say("stubborn", os.getpid())
    return _idle(ready)


def _silent(_ready: Ready) -> int:
    while True:
        signal.pause()


def _crash(_ready: Ready) -> int:
    _say("crashed", time.monotonic())
    return 3


def _raise(_ready: Ready) -> int:
    raise RuntimeError("this child is broken")


def _inspect(ready: Ready) -> int:
    """Tells what it inherited."""
    handlers = [str(signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
    descriptors = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # that of the listing itself
            descriptors.append(str(entry.readlink()))
    mask = list(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
    logging.getLogger("child").warning("said by the child")
    _say("inherited", handlers, mask, sorted(os.environ), Path("/proc/self/comm").read_text(), descriptors)
    return _idle(ready)


KINDS = {
    "idle": _idle,
    "stubborn": _stubborn,
    "silent": _silent,
    "crash": _crash,
    "raise": _raise,
    "inspect": _inspect,
}


class _Program(Hooks):
    def __init__(self, file: Path) -> None:
        self._file = file
        self.scenario: dict[str, Any] = {}
        self._listening = None
        self._read()
        path = self.scenario.get("socket")
        self._listening = listen(Path(path)) if path else None

    def _read(self) -> None:
        self.scenario = json.loads(self._file.read_text())

    def children(self) -> list[Child]:
        worker.DRAIN_SECONDS = self.scenario.get("drain", worker.DRAIN_SECONDS)
        workers = sum(spec["kind"] == "worker" for spec in self.scenario["children"])
        crew = Crew(max(1, workers))
        return [self._child(spec, crew, index) for index, spec in enumerate(self.scenario["children"])]

    def _child(self, spec: Mapping[str, Any], crew: Crew, index: int) -> Child:
        name, alone = spec["name"], spec.get("alone", False)
        if spec["kind"] != "worker":
            return Child(name, KINDS[spec["kind"]], serves=spec.get("serves", False), alone=alone)
        answering = FakeAnswering()
        answering.values[b"generation"] = self.scenario.get("generation", "0")
        assert self._listening is not None
        listeners = [Listener(self._listening, WireProtocol.SOCKETMAP, b"", "here")]
        settings = Settings(max_connections=self.scenario.get("max_connections", 2000), spin=0.0)

        def run(ready: Ready) -> int:
            return worker.run_worker(listeners, answering, settings, worker.Control(crew.seat(index), ready))

        return Child(name, run, serves=True, on_death=lambda: crew.vacate(index))

    def reload(self) -> Sequence[Child] | None:
        self._read()
        return None if self.scenario.get("broken") else self.children()

    def reloaded(self, accepted: bool) -> None:
        _say("reloaded", accepted)

    def ready(self) -> None:
        _say("ready")

    def changed(self, children: Sequence[ChildInfo]) -> None:
        _say("changed", *((info.name, info.pid, info.restarts) for info in children))

    def stopped(self) -> None:
        if self._listening is not None:
            Path(self.scenario["socket"]).unlink()
        _say("stopped")


class Supervised:
    """The process and what it has said so far; `scenario` may be changed before a SIGHUP."""

    def __init__(self, file: Path, scenario: dict[str, Any], environment: Mapping[str, str]) -> None:
        self._file = file
        self.scenario = scenario
        self.write()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.lab.supervised", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
            cwd=Path(__file__).parents[2],
        )
        self.events: list[list[Any]] = []
        self.log = ""
        self._readers = [threading.Thread(target=self._read_events), threading.Thread(target=self._read_log)]
        for reader in self._readers:
            reader.start()

    def write(self) -> None:
        """Puts the scenario where the next start or reload finds it."""
        self._file.write_text(json.dumps(self.scenario))

    def _read_events(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log += line.decode()

    def heard(self, *event: object) -> bool:
        """Whether this event was among what it said."""
        return list(event) in self.events

    def pids(self) -> dict[str, int]:
        """The children in force by name, as last told."""
        changes = [event[1:] for event in self.events if event[0] == "changed"]
        return {name: pid for name, pid, _ in changes[-1]} if changes else {}

    def restarts(self, name: str) -> int:
        """How often a child was started again, as last told."""
        changes = [event[1:] for event in self.events if event[0] == "changed"]
        return {child: int(restarts) for child, _, restarts in changes[-1]}[name]

    def wait_ready(self) -> None:
        wait_for(lambda: self.heard("ready") or self.process.poll() is not None, "the supervisor to be ready")
        assert self.process.poll() is None, self.log

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.terminate()
        return self.process.wait(20.0)

    def close(self) -> None:
        """Whatever happened: nothing is left."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for reader in self._readers:
            reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


@contextmanager
def supervised(
    file: Path, scenario: dict[str, Any], environment: Mapping[str, str] | None = None
) -> Iterator[Supervised]:
    """Runs a supervisor for a scenario."""
    running = Supervised(file, scenario, environment or {})
    try:
        yield running
    finally:
        running.close()


def main() -> int:
    """The process."""
    logging.basicConfig(level=logging.DEBUG, format="%(processName)s: %(levelname)s: %(message)s")
    program = _Program(Path(sys.argv[1]))
    return Supervisor(program.children(), program, Notifier()).run()


if __name__ == "__main__":
    sys.exit(main())
