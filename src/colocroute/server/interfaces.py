"""What the server is handed and what it hands out: listeners, the answering, settings, the view of a child.

Owns the interfaces between the server and whoever puts it together.  Must not know where answers come from,
how a listener was opened, or who watches the processes.
"""

import socket
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Protocol

import msgspec

from colocroute.model import Answer


class WireProtocol(Enum):
    """The language spoken on a listener."""

    SOCKETMAP = "socketmap"
    TCP_TABLE = "tcp_table"
    POLICY = "policy"


class Listener(msgspec.Struct, frozen=True):
    """A bound, listening, non-blocking stream socket.

    `map_name` is the one map behind a tcp_table port, empty for other protocols; `name` is how the operator
    wrote the address, for log lines.
    """

    socket: socket.socket
    protocol: WireProtocol
    map_name: bytes = b""
    name: str = ""


class Answering(Protocol):
    """Where answers come from.  Called from one thread of one process.

    Any method but `rest` may raise: the request is then answered `TEMP internal error` (`DEFER_IF_PERMIT` for
    policy) and the traceback goes to the log.  Every method must return within a few seconds, because Postfix
    gives up a connection whose reply takes 100 s: the server has no other clock to hold it to.
    """

    def answer(self, map_name: bytes, key: bytes, stamp: int = -1) -> Answer:
        """The answer to one lookup; any bytes have one.

        `stamp` was read after the request had begun to arrive; the negative one stands for none.
        """
        ...

    def stamp(self) -> int:
        """The validity of answers computed from now on.

        It changes with every commit and every change of state.  An answer may be repeated as long as the
        stamp equals the one read before it was computed.  Negative: nothing may be repeated or kept now.
        """
        ...

    def holds(self, stamp: int) -> bool:
        """Whether the last answer, asked for with this stamp, may be repeated under it."""
        ...

    def rest(self) -> None:
        """Called before the server waits: whatever lookups share is given back."""
        ...

    def policy(self, attributes: Mapping[str, str]) -> str:
        """The access(5) action for one policy request."""
        ...


class Settings(msgspec.Struct, frozen=True):
    """The `[server]` section; `max_connections` counts those of all workers together, `spin` is seconds."""

    max_connections: int = 2000
    spin: float = 50e-6


class ChildInfo(msgspec.Struct, frozen=True):
    """What is known of one child process; `pid` is 0 while it is not running."""

    name: str
    pid: int
    restarts: int


Ready = Callable[[], None]
"""Called once by a child when it does its work; further calls do nothing."""
