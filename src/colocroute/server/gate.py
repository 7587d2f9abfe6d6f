"""Where connections come in: accepts them, places them among the workers, refuses those over the limit.

Owns the listeners of one worker and its inbox.  Rules: a connection is never ignored, one over the limit is
told so; an accept that fails does not spin.  Must not know protocols.
"""

import logging
import select
import socket
from collections import deque
from collections.abc import Callable, Sequence

from colocroute.server.connection import Connection
from colocroute.server.conversation import Conversation
from colocroute.server.crew import Seat
from colocroute.server.interfaces import Listener
from colocroute.server.loop import Loop
from colocroute.server.ratelimit import LimitedLog

_trouble = LimitedLog(logging.getLogger(__name__))

# Connections accepted in one go, before those that are open have their turn: some two milliseconds.
ACCEPT_BATCH = 128

# Seconds without accepting after it failed; doubled with each failure up to the longest.
PAUSE = 0.1
LONGEST_PAUSE = 1.0

# Connections over the limit that may wait at the same time for their first request; then the oldest goes.
REFUSED_LIMIT = 1000


class Gate:
    """`conversations` are those of `listeners`, in order; `limit` is for the connections of all workers."""

    def __init__(
        self,
        loop: Loop,
        listeners: Sequence[Listener],
        conversations: Sequence[Conversation],
        seat: Seat,
        limit: int,
    ) -> None:
        self._loop = loop
        self._sockets = [listener.socket for listener in listeners]
        self._conversations = conversations
        self._seat = seat
        self._limit = limit
        self._refused: deque[Connection] = deque()
        self._pauses = [PAUSE] * len(listeners)
        self._closed = False

    def open(self) -> None:
        """Accepts from now on."""
        for tag in range(len(self._sockets)):
            self._watch(tag)
        self._loop.watch(self._seat.inbox.fileno(), self.take_passed, urgent=True)
        self._seat.take()

    def close(self) -> None:
        """Accepts no more, and closes this process's copies of the listeners."""
        self._closed = True
        self._seat.leave()
        for sock in self._sockets:
            self._loop.unwatch(sock.fileno())
            sock.close()
        self.take_passed()

    def take_passed(self) -> None:
        """Serves what other workers passed on."""
        while (passed := self._seat.receive()) is not None:
            client, tag = passed
            self._admit(client, tag)

    def _watch(self, tag: int) -> None:
        if not self._closed:
            sock = self._sockets[tag]
            self._loop.watch(sock.fileno(), self._acceptor(tag), select.EPOLLEXCLUSIVE, urgent=True)

    def _acceptor(self, tag: int) -> Callable[[], None]:
        return lambda: self._accept(tag)

    def _accept(self, tag: int) -> None:
        """Everything that waits, up to `ACCEPT_BATCH`."""
        for _ in range(ACCEPT_BATCH):
            try:
                client, _ = self._sockets[tag].accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                self._pause(tag, error)
                return
            self._pauses[tag] = PAUSE
            self._place(client, tag)

    def _pause(self, tag: int, error: OSError) -> None:
        """Too many open files, mostly: the connection stays in the queue until some have been closed."""
        seconds = self._pauses[tag]
        self._pauses[tag] = min(2 * seconds, LONGEST_PAUSE)
        _trouble.warning(
            "%s: accept failed, next try in %.1f s: %s",
            self._conversations[tag].name,
            seconds,
            error.strerror,
        )
        self._loop.unwatch(self._sockets[tag].fileno())
        self._loop.call_later(seconds, lambda: self._watch(tag))

    def _place(self, client: socket.socket, tag: int) -> None:
        """Into the hands of the worker with fewest connections, if there are not too many already."""
        if self._seat.total() >= self._limit:
            _trouble.warning(
                "%s: connection refused: there are %d already", self._conversations[tag].name, self._limit
            )
            self._admit(client, tag, refused=True)
            return
        other = self._seat.least()
        if other is not None and self._seat.pass_on(other, client, tag):
            client.close()
        else:
            self._admit(client, tag)

    def _admit(self, client: socket.socket, tag: int, *, refused: bool = False) -> None:
        conversation = self._conversations[tag]
        try:
            _prepare(client)
            connection = self._loop.adopt(client, conversation, refused=refused)
        except OSError as error:
            _trouble.warning("%s: connection lost at its begin: %s", conversation.name, error.strerror)
            client.close()
            return
        if refused:
            self._remember_refused(connection)

    def _remember_refused(self, connection: Connection) -> None:
        self._refused.append(connection)
        if len(self._refused) > REFUSED_LIMIT:
            oldest = self._refused.popleft()
            # Not at once: its descriptor must not be another's before the events in hand are done.
            self._loop.call_later(0.0, lambda: self._loop.close(oldest))


def _prepare(client: socket.socket) -> None:
    client.setblocking(False)
    if client.family != socket.AF_UNIX:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A host that vanished would hold its connection for ever.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
