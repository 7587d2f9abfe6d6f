"""Bytes in, values out: what every decoder does, whatever its protocol.

Owns the buffer and the refusal after an error.  Rule: the values and the error depend on the bytes alone,
not on the pieces they came in, and the work is linear in their number.  Must not know any protocol.

Known limit: the buffer holds what was fed and not yet taken; who feeds without calling `next` until it
gives None has it grow.
"""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from colocroute.errors import PeerError
from colocroute.model import Answer

Item_co = TypeVar("Item_co", covariant=True)


class Decoder(ABC, Generic[Item_co]):
    """Turns a byte stream into values; after the first `PeerError` it raises it again for ever."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._start = 0
        self._searched = 0
        self._error = ""

    def feed(self, data: bytes) -> None:
        """Takes what arrived, of any length.  Raises `PeerError` after an error."""
        self._refuse_after_error()
        if self._start:
            del self._buffer[: self._start]
            self._searched -= self._start
            self._start = 0
        self._buffer += data

    def next(self) -> Item_co | None:
        """The next value in the order of the bytes; None: more bytes are needed.  Raises `PeerError`."""
        self._refuse_after_error()
        try:
            return self._decode()
        except PeerError as error:
            self._error = str(error)
            self._buffer.clear()
            self._start = 0
            raise

    @property
    def unread(self) -> int:
        """Bytes fed that no value was made of yet: if the stream ends and this is not 0, it was cut."""
        return len(self._buffer) - self._start

    @abstractmethod
    def _decode(self) -> Item_co | None: ...

    def _take(self, begin: int, stop: int) -> bytes:
        """The bytes from `begin` to `stop`; what is before them and the byte after them is dropped."""
        self._start = stop + 1
        return bytes(memoryview(self._buffer)[begin:stop])

    def _take_line(self) -> bytes | None:
        """The next line without its newline; None if there is no whole one."""
        stop = self._buffer.find(b"\n", max(self._start, self._searched))
        if stop < 0:
            self._searched = len(self._buffer)
            return None
        return self._take(self._start, stop)

    def _refuse_after_error(self) -> None:
        if self._error:
            raise PeerError(self._error)


class ReplyDecoder(Decoder[Answer]):
    """The client's side: as many answers as there are requests under way, and not a byte more.

    A surplus reply would shift all later answers by one, so it is an error.  A new decoder expects the reply
    to one request.
    """

    def __init__(self) -> None:
        super().__init__()
        self._expected = 1

    def expect(self) -> None:
        """Notes a further request on the connection.  Raises `PeerError` if there is a surplus already."""
        self._refuse_surplus()
        self._expected += 1

    def next(self) -> Answer | None:
        """The answer to the oldest request without one; None: more bytes are needed.  Raises `PeerError`."""
        self._refuse_surplus()
        answer = super().next()
        if answer is not None:
            self._expected -= 1
        return answer

    def _refuse_surplus(self) -> None:
        if not self._expected and self.unread and not self._error:
            self._error = "surplus bytes after the reply to the last request sent"
        self._refuse_after_error()
