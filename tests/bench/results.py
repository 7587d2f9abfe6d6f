"""Results made up for tests, and servers to measure."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from colocroute.bench import requests
from colocroute.bench.load import Generator, Load, Protocol, Result
from colocroute.model import Found
from colocroute.wire import socketmap
from tests.lab.serving import DEADLINE_SECONDS, listen, socket_path

REPLY = socketmap.encode(Found("x"))
ENOUGH = 20


def result(*buckets: tuple[int, int], overtime: float = 0.0, **other: int) -> Result:
    """Two seconds in which these latencies (ns) came so often, every key found; then so much overtime."""
    done = sum(count for _, count in buckets)
    kinds = {"ok": done, "notfound": 0, "temp": 0, "other": 0, "lost": 0, "unanswered": 0, **other}
    return Result(
        seconds=2.0 + overtime,
        overtime=overtime,
        done=done,
        slowest_ns=max((start for start, _ in buckets), default=0),
        total_ns=sum(start * count for start, count in buckets),
        cpu=1.0,
        buckets=buckets,
        **kinds,
    )


def load_of(
    directory: Path,
    address: str,
    keys: Sequence[bytes],
    protocol: Protocol = Protocol.SOCKETMAP,
    *,
    rate: float = 0.0,
    seconds: float = 0.4,
    connections: int = 3,
    warmup: float = 0.1,
) -> Load:
    """A short measurement of keys in the map `m`."""
    path = directory / "requests"
    requests.write(path, keys, requests.framing(protocol, "m"))
    return Load(
        address=address,
        protocol=protocol,
        requests=path,
        connections=connections,
        warmup=warmup,
        seconds=seconds,
        rate=rate,
    )


def counted(run: Generator, load: Load) -> Result:
    """What was found, of a longer measurement if the machine stood still for nearly all of this one."""
    found = run(load, lambda _: None)
    if found.done + found.lost < ENOUGH:
        found = run(msgspec.structs.replace(load, seconds=20 * load.seconds), lambda _: None)
    return found


@contextmanager
def server(serve: Callable[[socket.socket, int], None]) -> Iterator[str]:
    """Has `serve(client, number)` talk to each connection, in a thread of its own, and hangs up after it."""
    over = threading.Event()

    def talk(client: socket.socket, number: int) -> None:
        with client, suppress(OSError):
            serve(client, number)

    def accept() -> None:
        number = 0
        while not over.is_set():
            try:
                client = listening.accept()[0]
            except TimeoutError:
                continue
            client.settimeout(DEADLINE_SECONDS)
            pool.submit(talk, client, number)
            number += 1

    with socket_path() as path, listen(path) as listening, ThreadPoolExecutor(16) as pool:
        listening.settimeout(0.05)
        pool.submit(accept)
        try:
            yield f"unix:{path}"
        finally:
            over.set()


def answer(client: socket.socket, replies: int = 1_000_000_000, reply: bytes = REPLY) -> None:
    """So many replies to requests that are found."""
    for _ in range(replies):
        if not client.recv(1000):
            return
        client.sendall(reply)


@contextmanager
def closing_server(replies: int = 0) -> Iterator[str]:
    """Answers so many requests of each client, reads one more and hangs up."""

    def serve(client: socket.socket, _number: int) -> None:
        answer(client, replies)
        client.recv(1000)

    with server(serve) as address:
        yield address


@contextmanager
def slow_server(seconds: float) -> Iterator[str]:
    """Takes so long for every reply, one after the other over all connections."""
    turn = threading.Lock()

    def serve(client: socket.socket, _number: int) -> None:
        while client.recv(1000):
            with turn:
                time.sleep(seconds)
                client.sendall(REPLY)

    with server(serve) as address:
        yield address


@contextmanager
def silent_server() -> Iterator[str]:
    """Takes connections and never answers."""
    with socket_path() as path, listen(path):
        yield f"unix:{path}"
