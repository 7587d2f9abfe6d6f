"""The codecs against Postfix's own clients: `postmap -q` is understood, and understands."""

import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from colocroute.model import NOT_FOUND, Answer, Found, TempFail
from colocroute.wire import socketmap, tcp_table

# Keys as Postfix sends them (tests of its address forms), none of which `postmap` itself changes.
KEYS = [
    "anna@test.tux",
    '"a b"@test.tux',
    "a b@test.tux",
    "100%@test.tux",
    "%41",
    "jürgen@test.tux",
    "*",
    "<>",
]

# What a value must survive: encoding, and the longest that either protocol carries.
VALUES = ["anna@external.test.tux", '"a b"@x.y, c%20@x.y', "jürgen@x.y", "smtp:[10.2.0.1]:25"]


@pytest.fixture
def postmap() -> Iterator[Callable[[str, str], tuple[int, str, str]]]:
    """Runs `postmap -q KEY TABLE`: exit code, output without its newline, what it complained of."""
    assert shutil.which("postmap"), "postmap is missing: apt-get install postfix"
    directory = Path(tempfile.mkdtemp(prefix="cr", dir="/tmp"))
    (directory / "main.cf").write_text("compatibility_level = 3.6\nmaillog_file =\n")

    def run(key: str, table: str) -> tuple[int, str, str]:
        command = ["postmap", "-c", str(directory), "-q", key, table]
        done = subprocess.run(command, capture_output=True, timeout=30, check=False)
        return done.returncode, done.stdout.decode().removesuffix("\n"), done.stderr.decode()

    yield run
    shutil.rmtree(directory)


@contextmanager
def serving(
    decoder: Callable[[], socketmap.RequestDecoder | tcp_table.RequestDecoder],
    reply: Callable[[object], bytes],
) -> Iterator[int]:
    """A port of the loopback that answers each connection's requests, one connection after another."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    requests = decoder()
                    while data := connection.recv(65536):
                        requests.feed(data)
                        while (request := requests.next()) is not None:
                            connection.sendall(reply(request))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(30)


@pytest.mark.parametrize("protocol", ["socketmap", "tcp"])
def test_keys_arrive_and_values_return(
    postmap: Callable[[str, str], tuple[int, str, str]], protocol: str
) -> None:
    longest = "x" * (tcp_table.DICT_TCP_MAXLEN - len("200 \n"))
    asked: list[object] = []
    answers: list[Answer] = [Found(value) for value in (*VALUES, longest)]
    answers += [NOT_FOUND, TempFail("100% down\nnow"), Found("")]

    def next_answer(request: object) -> Answer:
        asked.append(request)
        return answers[len(asked) - 1]

    with _serving(protocol, next_answer) as table:
        results = [postmap(key, table) for key in KEYS]

    assert [getattr(request, "key", None) for request in asked] == [key.encode() for key in KEYS]
    assert results[: len(VALUES) + 1] == [(0, value, "") for value in (*VALUES, longest)]
    assert results[len(VALUES) + 1] == (1, "", "")
    for code, output, complaint in results[len(VALUES) + 2 :]:
        assert (code, output) == (1, "")
        assert "query error" in complaint
        assert "malformed" not in complaint


def test_the_longest_socketmap_reply(postmap: Callable[[str, str], tuple[int, str, str]]) -> None:
    value = "x" * (socketmap.REPLY_LIMIT - len("OK "))
    with _serving("socketmap", lambda _: Found(value)) as table:
        assert postmap("k", table) == (0, value, "")
    with _serving("socketmap", lambda _: Found(value + "x")) as table:
        assert "the reply would be 100001 bytes, the limit is 100000" in postmap("k", table)[2]


@contextmanager
def _serving(protocol: str, answer: Callable[[object], Answer]) -> Iterator[str]:
    """The table's name for `postmap`."""
    if protocol == "tcp":
        with serving(tcp_table.RequestDecoder, lambda request: tcp_table.encode(answer(request))) as port:
            yield f"tcp:127.0.0.1:{port}"
    else:
        with serving(socketmap.RequestDecoder, lambda request: socketmap.encode(answer(request))) as port:
            yield f"socketmap:inet:127.0.0.1:{port}:some_map"
