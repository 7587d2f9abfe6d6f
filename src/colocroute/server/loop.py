"""The loop of a worker: waits for its descriptors, and takes each connection from request to reply.

Owns the connections, their descriptors and the order of events.  Rules: exactly one reply for each request,
in order; nothing is read from a client that does not take its replies; an idle connection is never closed.
Must not know what the bytes mean, nor where replies come from.

Why not asyncio: docs/decisions/0003-own-epoll-loop.md.  Known limits: Linux only; a reply is computed in the
loop, so one slow answer delays all connections of this worker.
"""

import heapq
import logging
import os
import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count

from colocroute.server.connection import Connection
from colocroute.server.conversation import Conversation, LookupConversation
from colocroute.server.interfaces import Answering
from colocroute.server.ratelimit import LimitedLog
from colocroute.server.spin import Spinner

log = logging.getLogger(__name__)
_trouble = LimitedLog(log)

# Bytes taken from a connection at once: some 100 requests, if they are pipelined.
READ_SIZE = 4096

# Events taken from the kernel at once.
BATCH = 64

_clock = time.monotonic


class Loop:
    """Call `run` after adding listeners with `watch` and clients with `adopt`; `stop` may come from a signal.

    `counted` is told the number of connections, the refused ones left out, whenever it changes.
    """

    def __init__(
        self, spinner: Spinner, answering: Answering, counted: Callable[[int], None] = lambda _: None
    ) -> None:
        self._epoll = select.epoll()
        self._spinner = spinner
        self._stamp = answering.stamp
        self._rest = answering.rest
        self._counted = counted
        self._connections: dict[int, Connection] = {}
        # The connections that have neither a part of a request nor a part of a reply pending.
        self._hot: dict[int, LookupConversation] = {}
        self._served = 0
        self._handlers: dict[int, Callable[[], None]] = {}
        self._urgent = select.poll()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._stopping = False
        self._draining = False

    def watch(self, fd: int, handler: Callable[[], None], flags: int = 0, *, urgent: bool = False) -> None:
        """Calls `handler` as long as `fd` is readable; an urgent one need not queue behind all connections."""
        self._handlers[fd] = handler
        self._epoll.register(fd, select.EPOLLIN | flags)
        if urgent:
            self._urgent.register(fd, select.POLLIN)

    def unwatch(self, fd: int) -> None:
        """Ends what `watch` began."""
        if self._handlers.pop(fd, None) is not None:
            self._epoll.unregister(fd)
            with suppress(KeyError):  # it is not urgent
                self._urgent.unregister(fd)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Calls back once."""
        heapq.heappush(self._timers, (_clock() + seconds, next(self._numbers), callback))

    def adopt(
        self, client: socket.socket, conversation: Conversation, *, refused: bool = False
    ) -> Connection:
        """Serves a client; a refused one has its first request refused and is closed.  Raises `OSError`."""
        connection = Connection(client, conversation, refused=refused)
        self._epoll.register(connection.fd, select.EPOLLIN)
        self._connections[connection.fd] = connection
        if self._draining:
            _end_input(connection)
        self._settle(connection)
        self._count(connection, 1)
        return connection

    def stop(self) -> None:
        """Has `run` return after the events in hand."""
        self._stopping = True

    def run(self) -> None:
        """Serves until `stop`."""
        poll, read, write = self._epoll.poll, os.read, os.write
        hot, connections = self._hot.get, self._connections
        while not self._stopping:
            events = poll(0, BATCH) or self._wait()
            # Read when every request in hand has begun to arrive: none of them was sent after a later commit.
            stamp = self._current_stamp()
            for fd, _ in events:
                conversation = hot(fd)
                if conversation is None:
                    self._attend(fd)
                    continue
                reply, sent = None, 0
                try:
                    data = read(fd, READ_SIZE)
                    cache = conversation.cache
                    reply = cache[data] if stamp == cache.stamp else None
                    reply = reply or conversation.reply_to_one(data, stamp)
                    if reply is not None:
                        sent = write(fd, reply)
                except OSError as error:
                    self._fail(connections[fd], error, reply)
                    continue
                if reply is None:
                    self._receive(connections[fd], data)
                elif sent != len(reply):
                    self._hold(connections[fd], reply[sent:])
            if len(events) == BATCH:
                self._look()
            if self._timers:
                self._run_timers()

    def drain(self, seconds: float) -> None:
        """Answers what has arrived up to now, sends the replies, and closes every connection.

        Those that do not take their replies within `seconds` are closed without.
        """
        for connection in self._connections.values():
            _end_input(connection)
        self._draining = True
        self._stopping = not self._connections
        self.call_later(seconds, self.stop)
        self.run()
        for connection in list(self._connections.values()):
            self.close(connection)

    def close(self, connection: Connection) -> None:
        """Closes; what it has not taken is lost.  Does nothing if it is closed."""
        if connection.fd < 0:
            return
        del self._connections[connection.fd]
        self._hot.pop(connection.fd, None)
        connection.fd = -1
        self._count(connection, -1)
        connection.socket.close()
        if self._draining and not self._connections:
            self._stopping = True

    def _count(self, connection: Connection, change: int) -> None:
        if not connection.refused:
            self._served += change
            self._counted(self._served)

    def _current_stamp(self) -> int:
        try:
            return self._stamp()
        except Exception:
            _trouble.exception("no stamp: replies are computed anew")
            return -1

    def _wait(self) -> list[tuple[int, int]]:
        """Events, after polling or sleeping for them; none if a timer is due."""
        poll = self._epoll.poll
        self._rest()
        now = _clock()
        until = self._spinner.start(now)
        if until:
            while now < until:
                events = poll(0, BATCH)
                if events:
                    self._spinner.found()
                    return events
                now = _clock()
            self._spinner.failed(now)
        return poll(max(0.0, self._timers[0][0] - now) if self._timers else -1, BATCH)

    def _look(self) -> None:
        """After a batch that was full: what is urgent may wait behind those that did not fit."""
        for fd, _ in self._urgent.poll(0):
            if (handler := self._handlers.get(fd)) is not None:  # none: the one before has ended it
                handler()

    def _run_timers(self) -> None:
        now = _clock()
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()

    def _attend(self, fd: int) -> None:
        """An event that is not just a request on a connection at rest."""
        connection = self._connections.get(fd)
        if connection is None:
            handler = self._handlers.get(fd)
            if handler is not None:
                handler()
            return
        try:
            if connection.paused:
                self._go_on(connection)
            else:
                self._receive(connection, os.read(fd, READ_SIZE))
        except OSError as error:
            self._fail(connection, error)

    def _receive(self, connection: Connection, data: bytes) -> None:
        """What was read; nothing means that the client sends no more, and has all its replies."""
        if not data:
            self.close(connection)
            return
        self._respond(connection, data)

    def _respond(self, connection: Connection, data: bytes) -> None:
        """Sends the replies to `data` and to what was left for later, as many as one turn may have."""
        replies = connection.replies(data)
        if not replies or self._send(connection, replies):
            self._settle(connection)

    def _send(self, connection: Connection, data: bytes) -> bool:
        """Whether the client took all of it, and more may be sent."""
        try:
            sent = os.write(connection.fd, data)
        except OSError as error:
            self._fail(connection, error, data)
            return False
        if sent != len(data):
            self._hold(connection, data[sent:])
            return False
        return True

    def _hold(self, connection: Connection, rest: bytes) -> None:
        """Waits until the client takes what it was sent before it is read from again."""
        connection.out = rest
        self._pause(connection)

    def _pause(self, connection: Connection) -> None:
        """Has its next turn when it can be written to; the kernel queues it behind the others if it can be now."""
        self._hot.pop(connection.fd, None)
        if not connection.paused:
            connection.paused = True
            self._epoll.modify(connection.fd, select.EPOLLOUT)

    def _go_on(self, connection: Connection) -> None:
        """The turn of one that was paused."""
        if connection.out:
            connection.out = connection.out[os.write(connection.fd, connection.out) :]
        if not connection.out:
            self._respond(connection, b"")

    def _settle(self, connection: Connection) -> None:
        """After an event: closes, or chooses how the next one is taken."""
        conversation = connection.conversation
        if connection.closing:
            self.close(connection)
        elif connection.more:
            self._pause(connection)
        else:
            if connection.paused:
                connection.paused = False
                self._epoll.modify(connection.fd, select.EPOLLIN)
            if connection.at_rest and isinstance(conversation, LookupConversation):
                self._hot[connection.fd] = conversation
            else:
                self._hot.pop(connection.fd, None)

    def _fail(self, connection: Connection, error: OSError, unsent: bytes | None = None) -> None:
        """A system call on a connection failed: wait if it would have to wait, else the client is gone."""
        if isinstance(error, BlockingIOError):
            if unsent:
                self._hold(connection, unsent)
            return
        log.debug("%s: connection lost: %s", connection.conversation.name, error)
        self.close(connection)


def _end_input(connection: Connection) -> None:
    """What the client sends from now on fails at its side, and it asks somebody else."""
    try:
        connection.socket.shutdown(socket.SHUT_RD)
    except OSError as error:
        log.debug("%s: %s", connection.conversation.name, error)
