"""Results made up for tests, and servers to measure."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from colocroute.bench import requests
from colocroute.bench.load import Load, Protocol, Result
from tests.lab.serving import listen, socket_path


def result(*buckets: tuple[int, int], **other: int) -> Result:
    """Two seconds in which these latencies (ns) came so often, every key found."""
    done = sum(count for _, count in buckets)
    kinds = {"ok": done, "notfound": 0, "temp": 0, "other": 0, "lost": 0, "unanswered": 0, **other}
    return Result(
        seconds=2.0,
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
) -> Load:
    """A short measurement of keys in the map `m` over three connections."""
    path = directory / "requests"
    requests.write(path, keys, requests.framing(protocol, "m"))
    return Load(
        address=address,
        protocol=protocol,
        requests=path,
        connections=3,
        warmup=0.1,
        seconds=seconds,
        rate=rate,
    )


@contextmanager
def closing_server() -> Iterator[str]:
    """Reads one request of each client and hangs up."""
    with socket_path() as path, listen(path) as listening:
        listening.setblocking(True)
        listening.settimeout(0.05)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    client = listening.accept()[0]
                except TimeoutError:
                    continue
                client.recv(1000)
                client.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"unix:{path}"
        finally:
            over.set()
            thread.join()


@contextmanager
def silent_server() -> Iterator[str]:
    """Takes connections and never answers."""
    with socket_path() as path, listen(path):
        yield f"unix:{path}"
