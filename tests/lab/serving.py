"""The server without a daemon: an answering that does as it is told, and a real loop on a real socket."""

import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from colocroute.model import NOT_FOUND, Answer, Found
from colocroute.server.conversation import conversation
from colocroute.server.crew import Crew, Seat
from colocroute.server.gate import Gate
from colocroute.server.interfaces import Listener, WireProtocol
from colocroute.server.loop import Loop
from colocroute.server.spin import Spinner
from colocroute.wire import socketmap

DEADLINE_SECONDS = 20.0


class FakeAnswering:
    """Answers `map/key` for every key, except for `none`, `fail` and what is in `values`."""

    def __init__(self) -> None:
        self.number = 2
        self.rests = 0
        self.values: dict[bytes, str] = {}
        self.asked: list[bytes] = []
        self.attributes: list[Mapping[str, str]] = []

    def answer(self, map_name: bytes, key: bytes, stamp: int = -1) -> Answer:  # noqa: ARG002  # as in the protocol
        self.asked.append(key)
        if key == b"fail":
            raise RuntimeError("the answering is broken")
        if key == b"none":
            return NOT_FOUND
        return Found(self.values.get(key, f"{map_name.decode()}/{key.decode()}"))

    def stamp(self) -> int:
        return self.number

    def holds(self, stamp: int) -> bool:
        return self.number == stamp

    def rest(self) -> None:
        self.rests += 1

    def policy(self, attributes: Mapping[str, str]) -> str:
        self.attributes.append(attributes)
        if attributes.get("sender") == "fail":
            raise RuntimeError("the answering is broken")
        return "DUNNO"


def fake_reply(key: bytes) -> bytes:
    """What `FakeAnswering` says of a key in the map `m`, as socketmap."""
    if key == b"none":
        return socketmap.encode(NOT_FOUND)
    return socketmap.encode(Found(f"m/{key.decode()}"))


def request(key: bytes) -> bytes:
    """A socketmap request for a key in the map `m`."""
    return socketmap.encode_request(b"m", key)


@contextmanager
def socket_path() -> Iterator[Path]:
    """A path short enough for a unix socket, in a directory of its own."""
    directory = Path(tempfile.mkdtemp(prefix="cr", dir="/tmp"))
    try:
        yield directory / "s"
    finally:
        shutil.rmtree(directory)


def listen(path: Path) -> socket.socket:
    """A listening, non-blocking unix socket."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(path))
    listening.listen(1024)
    listening.setblocking(False)
    return listening


def dial(address: Path | tuple[str, int]) -> socket.socket:
    """A client's connection, with a deadline on all it does."""
    if isinstance(address, tuple):
        return socket.create_connection(address, DEADLINE_SECONDS)
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(DEADLINE_SECONDS)
    client.connect(str(address))
    return client


def receive(client: socket.socket, size: int) -> bytes:
    """So many bytes, or fewer if the server closes before."""
    data = b""
    while len(data) < size and (piece := client.recv(size - len(data))):
        data += piece
    return data


def receive_all(client: socket.socket) -> bytes:
    """Everything until the server closes."""
    data = b""
    while piece := client.recv(65536):
        data += piece
    return data


class Serving:
    """A loop and its gate in a thread."""

    def __init__(self, loop: Loop, gate: Gate, seat: Seat, address: Path | tuple[str, int]) -> None:
        self.loop = loop
        self.gate = gate
        self.seat = seat
        self.address = address

    def dial(self) -> socket.socket:
        """A new client."""
        return dial(self.address)


@contextmanager
def serving(
    answering: FakeAnswering,
    protocol: WireProtocol = WireProtocol.SOCKETMAP,
    *,
    limit: int = 1000,
    spin: float = 0.0,
    inet: bool = False,
) -> Iterator[Serving]:
    """Serves one listener in a thread; the map of a tcp_table is `m`."""
    with socket_path() as path:
        listening = socket.create_server(("127.0.0.1", 0)) if inet else listen(path)
        listening.setblocking(False)
        listener = Listener(listening, protocol, b"m", "the listener")
        crew = Crew(1)
        seat = crew.seat(0)
        loop = Loop(Spinner(spin, lambda: 0), answering, seat.counted)
        gate = Gate(loop, [listener], [conversation(listener, answering, 100)], seat, limit)
        inside, outside = socket.socketpair()
        loop.watch(inside.fileno(), loop.stop)
        gate.open()
        address = listening.getsockname()[:2] if inet else path
        thread = threading.Thread(target=loop.run)
        thread.start()
        try:
            yield Serving(loop, gate, seat, address)
        finally:
            outside.send(b"x")
            thread.join(DEADLINE_SECONDS)
            gate.close()
            loop.drain(0.0)
            crew.close()
            inside.close()
            outside.close()
        assert not thread.is_alive()
