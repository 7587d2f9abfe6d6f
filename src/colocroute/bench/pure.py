"""The load generator where there is no C compiler: the same measurement, at a third of the rate.

Owns nothing that `compiled` does not do better.  Known limit: above some ten thousand requests a second it is
the generator that is measured.
"""

import itertools
import math
import resource
import select
import socket
import time
from collections import Counter, deque

from colocroute.bench import requests
from colocroute.bench.load import GRACE_SECONDS, Load, Progress, Protocol, Result, failed
from colocroute.errors import PeerError
from colocroute.model import Answer, Found, NotFound
from colocroute.wire import socketmap, tcp_table

CONNECT_SECONDS = 5.0
READ_SIZE = 65536
SUB_BITS = 7  # each power of two nanoseconds is cut into so many (2^7) buckets; as in load.c


class _Client:
    """One connection: the request under way was due at `due`."""

    def __init__(self, load: Load) -> None:
        self.socket = _connect(load)
        is_socketmap = load.protocol is Protocol.SOCKETMAP
        self.decoder = socketmap.ReplyDecoder() if is_socketmap else tcp_table.ReplyDecoder()
        self.due = 0.0
        self.asked = False


class _Run:
    """The state of one measurement.  Times are `time.monotonic`."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.next_request = itertools.cycle(requests.read(load.requests)).__next__
        self.clients = {client.socket.fileno(): client for client in _clients(load)}
        self.idle = deque(self.clients.values())
        self.interval = 1 / load.rate if load.rate else 0.0
        self.begin = time.monotonic() + load.warmup
        self.until = self.begin + load.seconds
        self.due = time.monotonic()
        self.kinds: Counter[str] = Counter()
        self.buckets: Counter[int] = Counter()
        self.total = self.slowest = self.last = 0.0
        self.lost = 0

    def ask(self, client: _Client, due: float) -> None:
        client.due = due
        try:
            if client.asked:
                client.decoder.expect()
            client.asked = True
            client.socket.sendall(self.next_request())
        except (OSError, PeerError):
            self.drop(client)

    def drop(self, client: _Client) -> None:
        del self.clients[client.socket.fileno()]
        if client in self.idle:
            self.idle.remove(client)
        client.socket.close()
        self.lost += 1

    def ask_what_is_due(self, now: float) -> float:
        """Sends; returns how long nothing more is to be sent."""
        if not self.interval:
            while self.idle and now < self.until:
                self.ask(self.idle.popleft(), time.monotonic())
            return 0.1
        if now >= self.begin:  # what the warm-up left over would not be counted
            self.due += due_before(self.begin, self.due, self.interval) * self.interval
        while self.idle and self.due <= now and self.due < self.until:
            self.ask(self.idle.popleft(), self.due)
            self.due += self.interval
        return min(0.1, max(0.0, self.due - now)) if self.idle and self.due < self.until else 0.1

    def receive(self, client: _Client) -> None:
        try:
            data = client.socket.recv(READ_SIZE)
            client.decoder.feed(data)
            answer = client.decoder.next() if data else None
        except (OSError, PeerError):
            data, answer = b"", None
        if not data:
            self.drop(client)
        elif answer is not None:
            self.count(answer, client.due, time.monotonic())
            self.idle.append(client)

    def count(self, answer: Answer, due: float, now: float) -> None:
        if not self.begin <= (due if self.interval else now) < self.until:
            return
        kind = "ok" if isinstance(answer, Found) else "notfound" if isinstance(answer, NotFound) else "temp"
        self.kinds[kind] += 1
        latency = now - due
        self.buckets[bucket_start(int(latency * 1e9))] += 1
        self.total += latency
        self.slowest = max(self.slowest, latency)
        self.last = now

    @property
    def is_over(self) -> bool:
        everything_sent = not self.interval or self.due >= self.until
        return len(self.idle) >= len(self.clients) and everything_sent

    def result(self, cpu: float) -> Result:
        end = min(time.monotonic(), self.until)
        unsent = due_before(end, self.due, self.interval) if self.interval else 0
        overtime = max(0.0, self.last - self.until)
        return Result(
            seconds=end - self.begin + overtime,
            overtime=overtime,
            done=sum(self.kinds.values()),
            ok=self.kinds["ok"],
            notfound=self.kinds["notfound"],
            temp=self.kinds["temp"],
            other=0,
            lost=self.lost,
            unanswered=len(self.clients) - len(self.idle) + unsent,
            slowest_ns=int(self.slowest * 1e9),
            total_ns=int(self.total * 1e9),
            cpu=cpu,
            buckets=tuple(sorted(self.buckets.items())),
        )


def run(load: Load, progress: Progress) -> Result:
    """One measurement; raises `TemporaryError`.  Raises this process's limit of open files as far as it goes."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    run = _Run(load)
    cpu = time.process_time()
    poll = select.epoll()
    for descriptor in run.clients:
        poll.register(descriptor, select.EPOLLIN)
    shown = now = time.monotonic()
    while run.clients and now < run.until + GRACE_SECONDS:
        wait = run.ask_what_is_due(now)
        for descriptor, _ in poll.poll(wait):
            client = run.clients.get(descriptor)
            if client is not None:
                run.receive(client)
        now = time.monotonic()
        if now - shown >= 1.0:
            shown = now
            progress(sum(run.kinds.values()))
        if now >= run.until and run.is_over:
            break
    poll.close()
    if not run.clients and not run.kinds:
        raise failed(load, "the server closed every connection before anything was counted")
    for client in run.clients.values():
        client.socket.close()
    return run.result(time.process_time() - cpu)


def bucket_start(nanoseconds: int) -> int:
    """The shortest latency in the bucket that this one falls into."""
    shift = max(0, nanoseconds.bit_length() - 1 - SUB_BITS)
    return nanoseconds >> shift << shift


def due_before(until: float, due: float, interval: float) -> int:
    """How many requests are due from `due` to before `until`."""
    return max(0, math.ceil((until - due) / interval))


def _clients(load: Load) -> list[_Client]:
    return [_Client(load) for _ in range(load.connections)]


def _connect(load: Load) -> socket.socket:
    kind, _, rest = load.address.partition(":")
    try:
        if kind == "unix":
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(CONNECT_SECONDS)
            connection.connect(rest)
        else:
            host, _, port = rest.rpartition(":")
            connection = socket.create_connection((host, int(port)), CONNECT_SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        raise failed(load, error.strerror or str(error)) from error
    return connection
