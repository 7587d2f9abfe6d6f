"""One worker process: the parts of the server put together around one loop.

Owns the life of a worker from its listeners to its exit code.  Must not know who started it.
"""

import gc
import logging
import resource
import signal
import socket
from collections.abc import Sequence

import msgspec

from colocroute.server.cache import CACHE_ENTRIES
from colocroute.server.conversation import conversation
from colocroute.server.crew import Seat
from colocroute.server.gate import REFUSED_LIMIT, Gate
from colocroute.server.interfaces import Answering, Listener, Ready, Settings
from colocroute.server.loop import Loop
from colocroute.server.slice import shorten_slice
from colocroute.server.spin import Spinner

log = logging.getLogger(__name__)

# Seconds for clients to take their last replies after SIGTERM.
DRAIN_SECONDS = 1.5

# Descriptors besides connections: standard streams, listeners, the mirror, the crew.
OTHER_DESCRIPTORS = 128


class Control(msgspec.Struct, frozen=True):
    """What ties a worker to the others: its seat in the crew, and whom to tell that it serves."""

    seat: Seat
    ready: Ready


def run_worker(
    listeners: Sequence[Listener], answering: Answering, settings: Settings, control: Control
) -> int:
    """Serves until SIGTERM, then answers what has arrived and returns 0 within two seconds.

    To be called in the main thread.  Closes the sockets of `listeners` in this process.
    """
    _raise_descriptor_limit(settings.max_connections)
    shorten_slice()
    loop = Loop(Spinner(settings.spin, _preemptions), answering, control.seat.counted)
    entries = CACHE_ENTRIES // max(1, len(listeners))
    conversations = [conversation(listener, answering, entries) for listener in listeners]
    gate = Gate(loop, listeners, conversations, control.seat, settings.max_connections)
    wake = _stop_on_sigterm(loop)
    gate.open()
    gc.collect()
    gc.freeze()  # what exists now is never garbage: collections stay short
    control.ready()
    log.debug("serving on %d listeners", len(listeners))
    loop.run()
    signal.signal(
        signal.SIGTERM, signal.SIG_IGN
    )  # systemd sends one to every process, the supervisor another
    gate.close()
    loop.drain(DRAIN_SECONDS)
    signal.set_wakeup_fd(-1)
    wake.close()
    return 0


def _stop_on_sigterm(loop: Loop) -> socket.socket:
    """Has SIGTERM end `loop.run`, even if it sleeps; returns what must stay open for that."""
    inside, outside = socket.socketpair()
    inside.setblocking(False)
    outside.setblocking(False)
    loop.watch(inside.fileno(), lambda: _empty(inside))
    signal.set_wakeup_fd(outside.detach(), warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda _number, _frame: loop.stop())
    return inside


def _empty(sock: socket.socket) -> None:
    try:
        sock.recv(4096)
    except BlockingIOError:
        return


def _preemptions() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _raise_descriptor_limit(connections: int) -> None:
    """Every connection may be ours."""
    needed = connections + REFUSED_LIMIT + OTHER_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed or soft == resource.RLIM_INFINITY:
        return
    wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < needed:
        log.warning("max_connections = %d needs %d open files, the limit is %d", connections, needed, hard)
