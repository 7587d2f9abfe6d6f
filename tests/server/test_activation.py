"""Socket activation, in processes of its own: the descriptors have fixed numbers."""

import fcntl
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from colocroute.server.activation import inherited

# Gives itself the descriptors of the arguments from 3 on, as systemd does, and tells what it finds.
CHILD = """
import os, sys
from colocroute.config.units import parse_address
from colocroute.errors import ConfigError
from colocroute.server import activation, listeners
passed, wanted = map(int, sys.argv[1].split()), sys.argv[2:]
for number, descriptor in enumerate([os.dup(descriptor) for descriptor in passed]):
    os.dup2(descriptor, 3 + number)
os.environ["LISTEN_PID"] = os.environ["LISTEN_PID"] or str(os.getpid())
try:
    have = activation.inherited()
    bound = listeners.open_all([parse_address(text) for text in wanted], listeners.Access(), have)
except ConfigError as error:
    sys.exit(str(error))
print([one.socket.fileno() if one in have else None for one in bound], len(have))
print("LISTEN_FDS" in os.environ, [one.socket.getblocking() for one in have], os.get_inheritable(3))
for one in have + bound:
    listeners.release(one)
"""


@pytest.fixture
def path() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="cr", dir="/tmp") as directory:
        yield f"{directory}/map.sock"


def run(
    sockets: list[socket.socket], wanted: list[str], **variables: str
) -> subprocess.CompletedProcess[str]:
    passed = [fcntl.fcntl(one, fcntl.F_DUPFD, 50) for one in sockets]  # out of the way of 3 and 4
    environment = {"LISTEN_PID": "", "LISTEN_FDS": str(len(sockets))} | variables
    try:
        return subprocess.run(
            [sys.executable, "-c", CHILD, " ".join(map(str, passed)), *wanted],
            env={**os.environ, **environment},
            pass_fds=passed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        for descriptor in passed:
            os.close(descriptor)


def test_sockets_are_matched_by_address(path: str) -> None:
    unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with unix, socket.create_server(("127.0.0.1", 0)) as inet:
        unix.bind(path)
        unix.listen()
        port = inet.getsockname()[1]
        wanted = [f"inet:localhost:{port}", f"unix:{path}2", f"unix:{path}"]
        done = run([unix, inet], wanted, LISTEN_FDNAMES="map:port")
    assert done.stderr == ""
    assert done.stdout == "[4, None, 3] 2\nFalse [False, False] False\n"
    assert Path(path).is_socket(), "the file is systemd's to remove"
    assert not Path(f"{path}2").exists()


def test_variables_for_another_process_are_ignored(path: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as inet:
        done = run([inet], [f"unix:{path}"], LISTEN_PID="1")
    assert done.stdout.startswith("[None] 0\n")


def test_nothing_is_inherited_without_systemd() -> None:
    assert inherited({}) == []
    assert inherited({"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "x"}) == []


def test_a_socket_that_does_not_listen_is_an_error(path: str) -> None:
    with socket.socket() as idle:
        done = run([idle], [f"unix:{path}"], LISTEN_FDNAMES="map")
    assert done.stderr == "descriptor 3 (map) from systemd: no listening stream socket with an address\n"


def test_a_datagram_socket_is_an_error(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagram:
        datagram.bind(path)
        done = run([datagram], [])
    assert done.stderr == "descriptor 3 (unnamed) from systemd: no listening stream socket with an address\n"


def test_a_socket_without_a_file_is_an_error() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as abstract:
        abstract.bind("\0colocroute-test-" + str(os.getpid()))
        abstract.listen()
        done = run([abstract], [])
    assert "no listening stream socket with an address" in done.stderr


def test_a_descriptor_that_is_no_socket_is_an_error() -> None:
    with Path("/dev/null").open() as null, socket.socket() as stand_in:
        os.dup2(null.fileno(), stand_in.fileno())
        done = run([stand_in], [])
    assert done.stderr == "descriptor 3 (unnamed) from systemd: Socket operation on non-socket\n"
