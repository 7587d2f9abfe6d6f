"""`serve --demo`: the white paper's company in a temporary directory, with queries to try.

Owns the demonstration's files and its text.  Everything else is the ordinary service with an ordinary
configuration, so that what is tried is what is run.
"""

import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import msgspec

from colocroute.config import Config
from colocroute.daemon import build
from colocroute.model import State

READY_SECONDS = 15.0

QUERIES = (
    ("virtual_alias", "anna@test.tux", "a public address"),
    ("virtual_alias", "A.Smith+news@Test.Tux", "an alias, with extension and capitals"),
    ("virtual_alias", "nobody@test.tux", "the catch-all"),
    ("virtual_alias", "team@test.tux", "two owners: temporary failure"),
    ("transport", "anna@external.test.tux", "elsewhere: the site's transport"),
    ("transport", "bob@central.test.tux", "here: not found, as routing.local_transport is not set"),
    ("generic", "anna@external.test.tux", "the way out"),
    ("virtual_alias", "someone@example.com", "the rest of the world: not found"),
)

CONFIG = """\
[directory]
uri = "ldif:{directory}/users.ldif"
base = "dc=test,dc=tux"

[routing]
domains = ["test.tux"]
here = ["central.test.tux"]

[listen]
socketmap = ["unix:{directory}/map.sock", "inet:127.0.0.1:{socketmap}"]
tcp_table = {{ virtual_alias = "127.0.0.1:{virtual_alias}", transport = "127.0.0.1:{transport}" }}
policy = ["inet:127.0.0.1:{policy}"]

[store]
path = "{directory}/store"
"""


class Demo(msgspec.Struct, frozen=True):
    """Where the demonstration is."""

    path: Path
    ports: dict[str, int]


@contextmanager
def prepared() -> Iterator[Demo]:
    """A temporary directory with the company and its configuration, removed at the end."""
    directory = Path(tempfile.mkdtemp(prefix="colocroute-demo-"))
    try:
        ports = _free_ports(("socketmap", "virtual_alias", "transport", "policy"))
        ldif = resources.files("colocroute.daemon").joinpath("demo.ldif").read_bytes()
        (directory / "users.ldif").write_bytes(ldif)
        (directory / "colocroute.toml").write_text(CONFIG.format(directory=directory, **ports))
        yield Demo(directory / "colocroute.toml", ports)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _free_ports(names: tuple[str, ...]) -> dict[str, int]:
    with_sockets = [(name, socket.create_server(("127.0.0.1", 0))) for name in names]
    ports = {name: listener.getsockname()[1] for name, listener in with_sockets}
    for _name, listener in with_sockets:
        listener.close()
    return ports


def announce_when_live(demo: Demo, config: Config) -> None:
    """Starts a process that prints the text as soon as the mirror is live, and ends."""
    sys.stdout.flush()
    if os.fork():
        return
    try:
        if _wait_until_live(config):
            print(text(demo), flush=True)
    finally:
        os._exit(0)


def _wait_until_live(config: Config) -> bool:
    deadline = time.monotonic() + READY_SECONDS
    with build.open_mirror(config, writable=False) as mirror:
        while time.monotonic() < deadline:
            now = time.clock_gettime(time.CLOCK_BOOTTIME)
            if mirror.pulse.state(now, config.routing.stale_after) is State.LIVE:
                return True
            time.sleep(0.05)
    return False


def text(demo: Demo) -> str:
    """What the demonstration prints."""
    directory = demo.path.parent
    lines = [
        "colocroute serves the company of the white paper: test.tux with the sites central (here) and external.",
        "",
        f"  directory   {directory}/users.ldif   (edit it: a change is answered within 2 s)",
        f"  socketmap   unix:{directory}/map.sock",
        f"  socketmap   inet:127.0.0.1:{demo.ports['socketmap']}",
        f"  tcp_table   virtual_alias 127.0.0.1:{demo.ports['virtual_alias']}, "
        f"transport 127.0.0.1:{demo.ports['transport']}",
        f"  policy      inet:127.0.0.1:{demo.ports['policy']}",
        "",
        "Try, in another terminal:",
    ]
    for name, key, why in QUERIES:
        lines += [
            "",
            f"  # {why}",
            f"  postmap -q {key} socketmap:unix:{directory}/map.sock:{name}",
            f"  {_program()} lookup -c {demo.path} --map {name} {key}",
        ]
    lines += ["", "Stop with Ctrl-C; the temporary directory goes with it."]
    return "\n".join(lines)


def _program() -> str:
    return sys.argv[0] if Path(sys.argv[0]).name == "colocroute" else "colocroute"
