"""Network namespaces of the three sites and of the outside, and the lines between them.

Owns the namespaces: their names carry our process id, so that runs do not collide, and one whose owner is gone
is cleared away by the next run, with the processes in it.  Every pair of places is joined by a bridge of its own
in a hub; a line is cut by taking its bridge down, so that what is sent vanishes in silence, as on a long line.
"""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path

from tests.lab.company import SITES
from tests.lab.daemon import is_alive

PREFIX = "cr3s"
HUB = "hub"
OUTSIDE = "outside"
ADDRESSES = {**SITES, OUTSIDE: "198.51.100.1"}
CLONE_NEWNET = 0x40000000  # linux/sched.h
MOUNTED = Path("/run/netns")

_libc = ctypes.CDLL(None, use_errno=True)


class Network:
    """The places by name, each reachable from each other."""

    def __init__(self) -> None:
        if os.geteuid():
            raise AssertionError("network namespaces take root: run as root")
        sweep()
        self._run = f"{PREFIX}-{os.getpid()}-{time.monotonic_ns() % 1_000_000}"
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def namespace(self, place: str) -> str:
        """The name that ip-netns(8) knows a place by."""
        return f"{self._run}-{place}"

    @contextmanager
    def inside(self, place: str) -> Iterator[None]:
        """Sockets, threads and processes that this thread makes meanwhile are in that place."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            there = os.open(MOUNTED / self.namespace(place), os.O_RDONLY | os.O_CLOEXEC)
            try:
                _setns(there)
            finally:
                os.close(there)
            try:
                yield
            finally:
                _setns(before)
        finally:
            os.close(before)

    def cut(self, one: str, other: str) -> None:
        """Nothing comes through between two places any more."""
        _ip(self.namespace(HUB), f"link set {_bridge(one, other)} down")

    def heal(self, one: str, other: str) -> None:
        """Ends `cut`."""
        _ip(self.namespace(HUB), f"link set {_bridge(one, other)} up")

    def isolate(self, place: str) -> None:
        """Cuts all lines of a place."""
        for other in ADDRESSES.keys() - {place}:
            self.cut(place, other)

    def rejoin(self, place: str) -> None:
        """Ends `isolate`."""
        for other in ADDRESSES.keys() - {place}:
            self.heal(place, other)

    def add_address(self, place: str, address: str) -> None:
        """One more address of a place; it must be in the /24 of the first."""
        _ip(self.namespace(place), f"addr add {address}/32 dev lo")

    def remove_address(self, place: str, address: str, instead: str) -> None:
        """One less; connections are made from `instead` from now on."""
        _ip(
            self.namespace(place),
            *(f"route replace {line}" for line in _routes(place, instead)),
            f"addr del {address}/32 dev lo",
        )

    def close(self) -> None:
        """Ends what still runs in the namespaces, and these."""
        for place in (*ADDRESSES, HUB):
            _remove(self.namespace(place))

    def _build(self) -> None:
        for place in (*ADDRESSES, HUB):
            _run("ip", "netns", "add", self.namespace(place))
        lines = list(combinations(ADDRESSES, 2))
        _ip(
            self.namespace(HUB),
            *(f"link add {_bridge(*line)} type bridge" for line in lines),
            *(
                f"link add {_port(one, other)} type veth peer name to-{other} netns {self.namespace(one)}"
                for line in lines
                for one, other in (line, line[::-1])
            ),
            *(
                command
                for line in lines
                for one, other in (line, line[::-1])
                for command in (
                    f"link set {_port(one, other)} master {_bridge(one, other)}",
                    f"link set {_port(one, other)} up",
                )
            ),
            *(f"link set {_bridge(*line)} up" for line in lines),
        )
        for place, address in ADDRESSES.items():
            _ip(
                self.namespace(place),
                "link set lo up",
                f"addr add {address}/32 dev lo",
                *(f"link set to-{other} up" for other in ADDRESSES if other != place),
                *(f"route add {line}" for line in _routes(place, address)),
            )


def _routes(place: str, source: str) -> list[str]:
    """The ways from a place to all others, its own address being `source`."""
    return [
        f"{address.rpartition('.')[0]}.0/24 dev to-{other} src {source}"
        for other, address in ADDRESSES.items()
        if other != place
    ]


def sweep() -> None:
    """Clears away what runs whose process is gone have left."""
    for path in MOUNTED.glob(f"{PREFIX}-*") if MOUNTED.exists() else ():
        if not is_alive(int(path.name.split("-")[1])):
            _remove(path.name)


def _bridge(one: str, other: str) -> str:
    first, second = sorted((one, other))
    return f"{first[:6]}-{second[:6]}"


def _port(one: str, other: str) -> str:
    """The hub's end of the line from `one` to `other`; the name of an interface has at most 15 characters."""
    return f"p-{one[:6]}-{other[:6]}"


def _remove(namespace: str) -> None:
    if not (MOUNTED / namespace).exists():
        return
    for _ in range(50):
        pids = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False)
        ours = [int(pid) for pid in pids.stdout.split() if int(pid) != os.getpid()]
        if not ours:
            break
        for pid in ours:
            _kill(pid)
        time.sleep(0.05)
    subprocess.run(["ip", "netns", "del", namespace], capture_output=True, check=False)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _setns(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _ip(namespace: str, *commands: str) -> None:
    _run("ip", "-n", namespace, "-batch", "-", stdin="".join(f"{command}\n" for command in commands))


def _run(*command: str, stdin: str = "") -> None:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}: {done.stderr.strip()}\n{stdin}")
