"""Others that answer the same questions: what can be had from package registries.

Owns their installation and start.  A peer that cannot be had is left out, with a line that says so.
"""

import logging
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from colocroute.bench import requests
from colocroute.bench.load import Protocol
from tests.lab.daemon import free_port, wait_for
from tests.lab.serving import dial

log = logging.getLogger(__name__)

STS_RESOLVER = "postfix-mta-sts-resolver>=1.4"
INSTALL_SECONDS = 180

# It answers a parent domain without a look at DNS: the least it can do.
STS_KEY = b".example.com"
STS_CONFIG = """\
host: 127.0.0.1
port: {port}
cache:
  type: internal
  options:
    cache_size: 10000
default_zone:
  strict_testing: false
"""


class Peer(msgspec.Struct, frozen=True):
    """A running peer and requests for it."""

    address: str
    pid: int
    requests: Path


def _venv(work: Path) -> Path:
    """The throwaway environment with the peers in Python; raises `OSError` or `subprocess.SubprocessError`."""
    venv = work / "peers"
    if not (venv / "done").exists():
        commands: tuple[list[str], ...] = (
            [sys.executable, "-m", "venv", str(venv)],
            [f"{venv}/bin/pip", "install", "--quiet", "--disable-pip-version-check", STS_RESOLVER],
        )
        for command in commands:
            subprocess.run(command, check=True, timeout=INSTALL_SECONDS, capture_output=True)
        (venv / "done").touch()
    return venv


@contextmanager
def sts_resolver(work: Path) -> Iterator[Peer | None]:
    """postfix-mta-sts-resolver, asked for what it answers quickest; None if it cannot be installed."""
    try:
        program = _venv(work) / "bin" / "mta-sts-daemon"
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("postfix-mta-sts-resolver is left out: %s", error)
        yield None
        return
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="cr") as directory:
        config = Path(directory) / "config.yml"
        config.write_text(STS_CONFIG.format(port=port))
        path = Path(directory) / "requests"
        requests.write(path, [STS_KEY] * 1000, requests.framing(Protocol.SOCKETMAP, "postfix"))
        with subprocess.Popen(
            [program, "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                wait_for(lambda: _answers(port), "postfix-mta-sts-resolver")
                yield Peer(f"inet:127.0.0.1:{port}", process.pid, path)
            finally:
                process.kill()


def _answers(port: int) -> bool:
    try:
        dial(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True
