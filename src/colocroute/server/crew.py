"""The workers among themselves: how many connections each has, and passing one on to who has fewest.

Owns the shared memory and the sockets between the workers of one configuration, made before they are forked.
Rule: every cell has one writer, so there are no locks and a worker that dies at any point blocks nobody.
Must not know protocols, nor processes.

Why passing on: the kernel wakes whichever worker sleeps first in its list, and Postfix holds a connection for
long, so that the first worker would get nearly all of them.

Known limits: a worker killed between taking a connection and counting it looks one connection busier for as
long as the crew lives.  What was passed to a worker before it was seen to be stuck waits until it goes on or
ends.  Workers that accept at the same instant do not see each other's: all together may go
over a limit by one connection for each worker but the first.
"""

import array
import mmap
import socket
import struct
import time
from collections.abc import Callable

_CELL = struct.calcsize("q")
_TAG = struct.Struct("H")
# Seconds after which a seat that takes nothing of what was passed to it is passed nothing more: one answer may
# take a worker some of it, and its clients wait 100 s.
STUCK_SECONDS = 1.0

_ONE_DESCRIPTOR = socket.CMSG_SPACE(array.array("i").itemsize)


class Crew:
    """`size` seats.  `vacate` is for whoever learns of a worker's death."""

    def __init__(self, size: int) -> None:
        """Raises `OSError` if there can be no more descriptors, and then has none open."""
        self.size = size
        cells = 2 * size + 2 * size * size
        memory = memoryview(mmap.mmap(-1, cells * _CELL)).cast("q")
        self.open = memory[:size]
        self.own = memory[size : 2 * size]
        # Connections passed from one seat to another and taken there: [from * size + to].
        self.passed = memory[2 * size : 2 * size + size * size]
        self.taken = memory[2 * size + size * size :]
        self.inboxes: list[socket.socket] = []
        self.outboxes: list[socket.socket] = []
        try:
            for _ in range(size):
                inbox, outbox = socket.socketpair()
                for end in (inbox, outbox):
                    end.setblocking(False)
                self.inboxes.append(inbox)
                self.outboxes.append(outbox)
        except OSError:
            self.close()
            raise

    def seat(self, index: int, clock: Callable[[], float] = time.monotonic) -> "Seat":
        """The place of one worker; the results of `clock` are seconds."""
        return Seat(self, index, clock)

    def vacate(self, index: int) -> None:
        """Nobody sits there any more; what was passed to it waits for the next one."""
        self.open[index] = 0
        self.own[index] = 0

    def close(self) -> None:
        """Closes the sockets of this process; seats cannot be used any more."""
        for end in (*self.inboxes, *self.outboxes):
            end.close()

    def load(self, index: int) -> int:
        """Connections of a seat, those on the way to it included."""
        return self.own[index] + sum(self.passed[index :: self.size]) - self.taken_by(index)

    def taken_by(self, index: int) -> int:
        """How many connections that were passed to a seat have been taken there."""
        return sum(self.taken[index :: self.size])


class Seat:
    """What one worker sees of the crew."""

    def __init__(self, crew: Crew, index: int, clock: Callable[[], float]) -> None:
        self._crew = crew
        self._index = index
        self._clock = clock
        # For a seat that has something to take: since when it has taken so many and no more.
        self._waiting: dict[int, tuple[int, float]] = {}
        self.inbox = crew.inboxes[index]

    def take(self) -> None:
        """Connections may be passed here from now on."""
        self._crew.own[self._index] = 0
        self._crew.open[self._index] = 1

    def leave(self) -> None:
        """No connection shall be passed here any more; those in the inbox are still this worker's."""
        self._crew.open[self._index] = 0

    def counted(self, connections: int) -> None:
        """How many connections this worker has."""
        self._crew.own[self._index] = connections

    def total(self) -> int:
        """How many connections all have."""
        return sum(self._crew.load(index) for index in range(self._crew.size))

    def least(self) -> int | None:
        """The seat that has fewer connections than this one and fewest of those not stuck; None: this one."""
        crew = self._crew
        best, fewest = None, crew.load(self._index)
        for index in range(crew.size):
            if crew.open[index] and (load := crew.load(index)) < fewest and not self._is_stuck(index):
                best, fewest = index, load
        return best

    def _is_stuck(self, index: int) -> bool:
        """Whether it has taken nothing for long of what waits there: stopped, or in an endless loop."""
        taken, since = self._waiting.get(index, (-1, 0.0))
        if self._crew.load(index) == self._crew.own[index] or taken != self._crew.taken_by(index):
            self._waiting.pop(index, None)
            return False
        return self._clock() - since > STUCK_SECONDS

    def pass_on(self, seat: int, client: socket.socket, tag: int) -> bool:
        """Passes a connection on; `tag` says which listener it came from.  False: it could not."""
        cell = self._index * self._crew.size + seat
        self._waiting.setdefault(seat, (self._crew.taken_by(seat), self._clock()))
        self._crew.passed[cell] += 1
        try:
            socket.send_fds(
                self._crew.outboxes[seat], [_TAG.pack(self._index), _TAG.pack(tag)], [client.fileno()]
            )
        except OSError:
            self._crew.passed[cell] -= 1
            return False
        return True

    def receive(self) -> tuple[socket.socket, int] | None:
        """A connection that was passed here and its tag; None: there is none."""
        while True:
            try:
                data, ancillary, _, _ = self.inbox.recvmsg(2 * _TAG.size, _ONE_DESCRIPTOR)
            except BlockingIOError:
                return None
            (sender,) = _TAG.unpack_from(data)
            (tag,) = _TAG.unpack_from(data, _TAG.size)
            self._crew.taken[sender * self._crew.size + self._index] += 1
            for level, kind, payload in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    return socket.socket(fileno=array.array("i", payload)[0]), tag
