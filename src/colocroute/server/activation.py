"""Socket activation: the listening sockets that systemd opened for this process.

Owns the protocol of sd_listen_fds(3).  Rule: a descriptor that is no listening stream socket is an error
of the unit file, never ignored.  Must not know which sockets are wanted: `listeners.open_all` matches them
by address.
"""

import os
import socket
from collections.abc import MutableMapping
from pathlib import Path

from colocroute.config.units import InetAddress, UnixAddress
from colocroute.errors import ConfigError
from colocroute.server.listeners import Bound, Place, place_of

# sd_listen_fds(3): SD_LISTEN_FDS_START.
FIRST_DESCRIPTOR = 3


def inherited(environment: MutableMapping[str, str] = os.environ) -> list[Bound]:
    """The sockets passed to this process, none if there is no systemd; the variables are removed.

    Their files are systemd's: `listeners.release` leaves them.  Raises `ConfigError`.
    """
    pid, count, names = (environment.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"))
    if pid != str(os.getpid()) or not count.isdecimal():
        return []
    labels = names.split(":") if names else []
    labels += ["unnamed"] * (int(count) - len(labels))
    return [_received(FIRST_DESCRIPTOR + index, labels[index]) for index in range(int(count))]


def _received(descriptor: int, label: str) -> Bound:
    try:
        os.set_inheritable(descriptor, False)
        listening = socket.socket(fileno=descriptor)
    except OSError as error:
        raise ConfigError([f"descriptor {descriptor} ({label}) from systemd: {error.strerror}"]) from None
    place = _place(listening)
    if place is None:
        listening.detach()
        raise ConfigError(
            [f"descriptor {descriptor} ({label}) from systemd: no listening stream socket with an address"]
        )
    listening.setblocking(False)
    return Bound(UnixAddress(str(place)) if isinstance(place, Path) else InetAddress(*place), listening)


def _place(listening: socket.socket) -> Place | None:
    """Where a socket listens; None if it does not."""
    stream = listening.type == socket.SOCK_STREAM
    if stream and listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return place_of(listening)
    return None
