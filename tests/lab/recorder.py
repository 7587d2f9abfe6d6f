"""A table server that writes down what it is asked, and answers by script: socketmap or tcp_table.

Owns its socket and threads.  Uses none of colocroute's own protocol code, so that what it records is what
Postfix sent.  Speaks no encoding: keys and replies are bytes as on the wire, without netstring or line end.
"""

import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

NOT_FOUND = b"NOTFOUND "
CLOSE = b""
"""The reply that is none: the connection is closed instead."""


class Request(msgspec.Struct, frozen=True):
    """One lookup.  `map` is empty on a tcp_table; `connection` numbers the connections from 1."""

    map: str
    key: bytes
    connection: int = 0


Script = Callable[[Request], bytes | None]
"""The reply to a request, or None for "not found"."""


class Recorder:
    """The requests in the order of their arrival, and the answers: `(map, key)` -> reply, or a script."""

    def __init__(self, absent: bytes) -> None:
        self.requests: list[Request] = []
        self.answers: dict[tuple[str, str], bytes] = {}
        self.script: Script | None = None
        self.connections = 0
        self.table = ""
        """How Postfix names it: `socketmap:unix:/path` (then `:map`) or `tcp:127.0.0.1:port`."""
        self._absent = absent
        self._lock = threading.Lock()

    def clear(self) -> None:
        """Forgets requests and answers."""
        with self._lock:
            self.requests.clear()
        self.answers.clear()
        self.script = None

    def keys(self, name: str = "") -> list[str]:
        """The keys one map was asked for, in order; `*` left out."""
        with self._lock:
            return [
                request.key.decode("utf-8", "backslashreplace")
                for request in self.requests
                if request.map == name and request.key != b"*"
            ]

    def connected(self) -> int:
        """The number of a new connection."""
        with self._lock:
            self.connections += 1
            return self.connections

    def reply(self, request: Request) -> bytes:
        """Records a request and answers it."""
        with self._lock:
            self.requests.append(request)
        answer = self.script(request) if self.script else None
        if answer is None:
            answer = self.answers.get((request.map, request.key.decode("utf-8", "backslashreplace")))
        return self._absent if answer is None else answer


@contextmanager
def socketmap(directory: Path) -> Iterator[Recorder]:
    """A socketmap server on a unix socket that every user may connect to; replies like `b"OK value"`."""
    recorder = Recorder(NOT_FOUND)
    path = directory / "recorder.sock"

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            connection = recorder.connected()
            while (payload := _netstring(self.rfile)) is not None:
                name, _, key = payload.partition(b" ")
                reply = recorder.reply(Request(name.decode(), key, connection))
                if reply == CLOSE:
                    return
                self.wfile.write(b"%d:%b," % (len(reply), reply))

    with _serving(_UnixServer(str(path), Handler)):
        path.chmod(0o666)
        recorder.table = f"socketmap:unix:{path}"
        yield recorder


@contextmanager
def tcp_table() -> Iterator[Recorder]:
    """A tcp_table server on the loopback; replies like `b"200 value"`; keys are recorded %-decoded."""
    recorder = Recorder(b"500 not found")

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            connection = recorder.connected()
            while line := self.rfile.readline():
                assert line.startswith(b"get ") and line.endswith(b"\n"), line
                key = unquote_to_bytes(line[4:-1])
                reply = recorder.reply(Request("", key, connection))
                if reply == CLOSE:
                    return
                self.wfile.write(reply + b"\n")

    server = _TcpServer(("127.0.0.1", 0), Handler)
    with _serving(server):
        recorder.table = f"tcp:127.0.0.1:{server.server_address[1]}"
        yield recorder


class _Quiet(socketserver.BaseServer):
    """Says nothing of a client that left in the middle."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _UnixServer(_Quiet, socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


class _TcpServer(_Quiet, socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    allow_reuse_address = True


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _netstring(stream: BufferedIOBase) -> bytes | None:
    """The content of the next netstring, or None at the end of the stream."""
    digits = b""
    while (byte := stream.read(1)) != b":":
        if not byte:
            return None
        assert byte.isdigit(), byte
        digits += byte
    content = stream.read(int(digits))
    assert stream.read(1) == b","
    return content
