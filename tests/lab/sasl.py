"""An authentication server that believes everybody: Dovecot's protocol, as Postfix speaks it.

Owns a unix socket and threads.  Any password is right; the login is the name that was given.
"""

import base64
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HANDSHAKE = b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t0\nDONE\n"


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(HANDSHAKE)
        for line in self.rfile:
            fields = line.decode().rstrip("\n").split("\t")
            if fields[0] == "AUTH":
                response = next(field[5:] for field in fields if field.startswith("resp="))
                login = base64.b64decode(response).split(b"\0")[1].decode()
                self.wfile.write(f"OK\t{fields[1]}\tuser={login}\n".encode())


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False


@contextmanager
def believer(directory: Path) -> Iterator[dict[str, str]]:
    """The server, as the parameters of `main.cf` that use it."""
    path = directory / "sasl.sock"
    server = _Server(str(path), _Handler)
    path.chmod(0o666)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield {
            "smtpd_sasl_auth_enable": "yes",
            "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": f"unix:{path}",
        }
    finally:
        server.shutdown()
        server.server_close()
