"""The work of one lookup, counted: system calls, read transactions, calls and memory, but no time.

A hot lookup is one that the cache of replies answers, a cold one has to look into the mirror.
"""

import shutil
import signal
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import pytest

from colocroute.daemon import build
from colocroute.model import Found, NotFound
from colocroute.server.conversation import SocketmapConversation
from colocroute.server.interfaces import Listener, WireProtocol
from colocroute.store.mirror import Mirror
from colocroute.wire import socketmap
from tests.lab.company import SUFFIX, Person, company_ldif
from tests.lab.daemon import Client, Daemon, daemon, wait_for

USERS = 300
LOOKUPS = 100
# For each request: a look that finds it or nothing, and then one that waits for it.
WAITS = 2.2
HOT_CALLS = 8
COLD_CALLS = 72
# Other threads of this process, those of the labs of other tests, take memory as well, now and then.
TRIES = 5


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon that never spins, with one worker and a company from a file."""
    ldif = tmp_path_factory.mktemp("work") / "company.ldif"
    ldif.write_text(company_ldif(USERS))
    sections: dict[str, dict[str, Any]] = {
        "directory": {"uri": f"ldif:{ldif}", "base": SUFFIX},
        "routing": {"domains": ["test.tux"], "here": ["central.test.tux"]},
        "server": {"spin": "0us"},
    }
    with daemon(sections) as service:
        service.wait_state("live")
        yield service


def traced(service: Daemon, work: Callable[[], None], report: Path) -> Counter[str]:
    """The system calls of the worker while `work` is done."""
    if shutil.which("strace") is None:
        raise AssertionError("strace is missing: apt-get install strace")
    worker = service.status()["workers"][0]["pid"]
    said = report.with_suffix(".said")
    with said.open("wb") as stderr:
        strace = subprocess.Popen(
            ["strace", "-p", str(worker), "-o", report], stdin=subprocess.DEVNULL, stderr=stderr
        )
    try:
        # A worker that has a tracer (TracerPid) may make one more call before that looks.
        wait_for(lambda: "attached" in said.read_text(), "strace to attach")
        work()
    finally:
        strace.send_signal(signal.SIGINT)
        strace.wait(30)
    calls = Counter(line.partition("(")[0] for line in report.read_text().splitlines() if "(" in line)
    return Counter({name: count for name, count in calls.items() if not name.startswith(("---", "restart"))})


def ask(client: Client, numbers: range, map_name: str = "virtual_alias") -> None:
    for number in numbers:
        assert client.ask(map_name, Person(number).mail) == Found(Person(number).route)


def test_a_hot_lookup_is_three_system_calls(service: Daemon, tmp_path: Path) -> None:
    with Client(service.socket) as client:
        for _ in range(3):  # noted, kept, used
            ask(client, range(10))
        calls = traced(service, lambda: ask(client, range(10)), tmp_path / "hot")
    assert _without_waiting(calls) == {"read": 10, "write": 10}
    assert 10 <= calls["epoll_wait"] <= WAITS * 10


def test_a_cold_lookup_is_the_same_system_calls(service: Daemon, tmp_path: Path) -> None:
    with Client(service.socket) as client:
        ask(client, range(100, 101))  # a thread's first read transaction takes a slot in the table of readers
        calls = traced(service, lambda: ask(client, range(200, 200 + LOOKUPS)), tmp_path / "cold")
    assert _without_waiting(calls) == {"read": LOOKUPS, "write": LOOKUPS}
    assert LOOKUPS <= calls["epoll_wait"] <= WAITS * LOOKUPS


def test_requests_in_one_packet_are_read_and_answered_at_once(service: Daemon, tmp_path: Path) -> None:
    requests = b"".join(
        socketmap.encode_request(b"virtual_alias", Person(number).mail.encode()) for number in range(20)
    )
    with Client(service.socket) as client:

        def ask_all() -> None:
            client.socket.sendall(requests)
            decoder = socketmap.ReplyDecoder()
            for _ in range(19):
                decoder.expect()
            for number in range(20):
                while (answer := decoder.next()) is None:
                    decoder.feed(client.socket.recv(65536))
                assert answer == Found(Person(number).route)

        calls = traced(service, ask_all, tmp_path / "packet")
    assert _without_waiting(calls) == {"read": 1, "write": 1}


def _without_waiting(calls: Counter[str]) -> dict[str, int]:
    # The interpreter takes memory from the kernel a megabyte at a time, and not for a certain lookup.  Whether the
    # pulse is still the one that others write is looked up ten times a second, however many lookups there are.
    apart = {"epoll_wait", "mmap", "munmap", "newfstatat"}
    return {name: count for name, count in calls.items() if name not in apart}


class Environment:
    """An LMDB environment that counts its read transactions."""

    def __init__(self, real: Any) -> None:
        self.begun = 0
        self._real = real

    def begin(self, *arguments: Any, **keywords: Any) -> Any:
        self.begun += 1
        return self._real.begin(*arguments, **keywords)

    def close(self) -> None:
        self._real.close()


class Inside:
    """A worker's answering without a worker: requests in, replies out, in this process."""

    def __init__(self, mirror: Mirror, service: Daemon) -> None:
        attached = mirror._attached
        assert attached is not None
        self.environment = Environment(attached.environment)
        mirror._attached = msgspec.structs.replace(attached, environment=self.environment)
        self.answering = build.resolver(build.load(service.config), mirror)
        listener = Listener(None, WireProtocol.SOCKETMAP)  # type: ignore[arg-type]  # nobody listens
        self.talk = SocketmapConversation(listener, self.answering, 1000)
        self.answering.view().close()  # the topology is read once for each change of it

    def reply(self, request: bytes) -> bytes | None:
        """As the loop does it, which has waited before."""
        self.answering.rest()
        cache, now = self.talk.cache, self.answering.stamp()
        reply = cache[request] if now == cache.stamp else None
        return self.talk.reply_to_one(request, now) if reply is None else reply


@pytest.fixture
def inside(service: Daemon) -> Iterator[Inside]:
    """See `Inside`."""
    with build.open_mirror(build.load(service.config), writable=False) as mirror:
        yield Inside(mirror, service)


def request_for(key: str, map_name: str = "virtual_alias") -> bytes:
    return socketmap.encode_request(map_name.encode(), key.encode())


def calls_of(work: Callable[[], object]) -> int:
    """How many functions, ours and built in, are called."""
    number = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal number
        number += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return number - 2  # `work` itself and the end of the count


def make_hot(inside: Inside, request: bytes) -> None:
    for _ in range(2):
        inside.reply(request)
    assert inside.talk.cache[request] is not None


def test_a_hot_lookup_begins_no_transaction(inside: Inside) -> None:
    request = request_for(Person(1).mail)
    make_hot(inside, request)
    inside.environment.begun = 0
    assert [inside.reply(request) for _ in range(LOOKUPS)] == [
        socketmap.encode(Found(Person(1).route))
    ] * LOOKUPS
    assert inside.environment.begun == 0


KEYS = {
    "virtual_alias": Person(2).mail,
    "transport": Person(2).route,
    "recipient": Person(2).aliases[0],
    "relay_recipient": Person(1).route,
    "sender_login": f"{Person(2).uid}+extension@test.tux",
    "generic": Person(2).route,
    "imap_server": Person(2).uid,
}


@pytest.mark.parametrize("map_name", KEYS)
def test_a_cold_lookup_is_one_transaction(inside: Inside, map_name: str) -> None:
    inside.environment.begun = 0
    reply = inside.reply(request_for(KEYS[map_name], map_name))
    assert reply is not None and b":OK " in reply
    assert inside.environment.begun == 1


@pytest.mark.parametrize(
    ("map_name", "key"),
    [
        ("virtual_alias", "somebody@example.org"),
        ("virtual_alias", "test.tux"),
        ("relay_domains", "example.org"),
        ("transport", "*"),
    ],
)
def test_what_is_not_ours_begins_no_transaction(inside: Inside, map_name: str, key: str) -> None:
    inside.environment.begun = 0
    assert inside.reply(request_for(key, map_name)) == socketmap.encode(NotFound())
    assert inside.environment.begun == 0


def test_a_key_that_nobody_has_is_one_transaction(inside: Inside) -> None:
    inside.environment.begun = 0
    assert inside.reply(request_for("nobody+x@test.tux")) == socketmap.encode(NotFound())
    assert inside.environment.begun == 1


def test_the_number_of_calls_is_bounded(inside: Inside) -> None:
    """As it is today, and a little more for another Python."""
    request = request_for(Person(3).mail)
    cold = calls_of(lambda: inside.reply(request))
    make_hot(inside, request)
    hot = calls_of(lambda: inside.reply(request))
    assert hot <= HOT_CALLS
    assert cold <= COLD_CALLS


def test_lookups_leave_no_memory_behind(inside: Inside) -> None:
    requests = [request_for(Person(number).mail) for number in range(USERS)]
    for request in requests * 3:
        inside.reply(request)
    assert min(blocks(inside, requests * 10) for _ in range(TRIES)) < USERS / 10


def blocks(inside: Inside, requests: list[bytes]) -> int:
    """How many blocks of memory more there are after the requests than before."""
    before = sys.getallocatedblocks()
    for request in requests:
        inside.reply(request)
    return sys.getallocatedblocks() - before


def test_a_lookup_takes_little_memory(inside: Inside) -> None:
    hot, *cold = (request_for(Person(number).mail) for number in range(5, 6 + TRIES))
    make_hot(inside, hot)
    inside.reply(request_for(Person(7 + TRIES).mail))
    assert min(peak(partial(inside.reply, hot)) for _ in range(TRIES)) < 512
    assert min(peak(partial(inside.reply, each)) for each in cold) < 4096


def peak(work: Callable[[], object]) -> int:
    """The most memory, in bytes, that is held at one time."""
    tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
