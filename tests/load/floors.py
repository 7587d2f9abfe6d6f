"""The floors: what the least possible servers in C reach, built and started for a run."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from colocroute.bench import compiled
from tests.lab.daemon import wait_for

SOURCE = Path(__file__).with_name("floor.c")


class Floor:
    """A running floor."""

    def __init__(self, process: "subprocess.Popen[bytes]", path: Path) -> None:
        self.pid = process.pid
        self.address = f"unix:{path}"


@contextmanager
def floor(prefix: tuple[str, ...] = (), *, spin: bool = False) -> Iterator[Floor]:
    """A floor, sleeping or spinning; `prefix` goes before its command."""
    program = compiled.build(SOURCE)
    with tempfile.TemporaryDirectory(prefix="cr", dir="/tmp") as directory:
        path = Path(directory) / "s"
        with subprocess.Popen([*prefix, program, path, *(["spin"] if spin else [])]) as process:
            try:
                wait_for(path.exists, "the floor's socket")
                yield Floor(process, path)
            finally:
                process.kill()
