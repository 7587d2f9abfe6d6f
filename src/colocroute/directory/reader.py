"""A byte stream into LDAP messages, without a socket.

Owns the partial message between two reads, and the refusal after an error.  Rule: the values and the error
depend on the bytes alone, not on the pieces they came in, and the work is linear in their number.  Must not
know what follows from a message.

Known limit: what was fed and not yet taken is kept, so whoever feeds takes all there is before the next read.
"""

from collections.abc import Iterator

from colocroute.directory import ber, messages
from colocroute.directory.entries import Memory, quick_entry
from colocroute.directory.messages import Message
from colocroute.errors import DirectoryError

# Bytes.  slapd takes no write over 4 MiB by default (slapd.conf(5), sockbuf_max_incoming_auth), but an entry
# may grow by several; this is what a broken peer can make us keep.
MAX_MESSAGE = 16 * 1024 * 1024
TWO_BYTE_LENGTH = bytes((ber.SEQUENCE, 0x82))


class MessageReader:
    """`feed` what arrived, then iterate over the messages that are complete; iteration may be left early.

    After the first `DirectoryError` it raises it again for ever.
    """

    def __init__(self, max_message: int = MAX_MESSAGE) -> None:
        self._max_message = max_message
        self._data = b""
        self._start = 0
        self._later = bytearray()
        self._memory = Memory()
        self._error = ""

    def feed(self, data: bytes) -> None:
        """Takes what arrived, of any length.  Raises `DirectoryError` after an error."""
        self._refuse_after_error()
        self._later += data

    @property
    def unread(self) -> int:
        """Bytes fed that no message was made of yet: if the stream ends and this is not 0, it was cut."""
        return len(self._data) - self._start + len(self._later)

    def __iter__(self) -> Iterator[Message]:
        """The complete messages in order.  Raises `DirectoryError` at the first that is malformed."""
        self._refuse_after_error()
        try:
            while (body := self._next_body()) is not None:
                yield quick_entry(body, self._memory) or messages.decode(body)
        except DirectoryError as error:
            self._error = str(error)
            self._data = b""
            self._start = 0
            self._later.clear()
            raise

    def _next_body(self) -> bytes | None:
        """The next message without its header, None if it is not complete."""
        data, at = self._data, self._start
        begin = at + 4
        if data.startswith(TWO_BYTE_LENGTH, at) and begin <= len(data):  # as nearly all entries
            end = begin + (data[at + 2] << 8 | data[at + 3])
            if end <= len(data) and end - begin <= self._max_message:
                self._start = end
                return data[begin:end]
        begin, end = self._frame(data, at)
        if end > len(data):
            if not self._refill():
                return None
            data = self._data
            begin, end = self._frame(data, 0)
        self._start = end
        return data[begin:end]

    def _refill(self) -> bool:
        """Puts the rest and what was fed together, but only when that makes a whole message.

        Thus no byte is copied more than a fixed number of times, however small the pieces.
        """
        if self._start < len(self._data):
            self._later[:0] = self._data[self._start :]
        self._data = b""
        self._start = 0
        if self._frame(self._later, 0)[1] > len(self._later):
            return False
        self._data = bytes(self._later)
        self._later.clear()
        return True

    def _frame(self, data: bytes | bytearray, at: int) -> tuple[int, int]:
        """Where the content of the message at `at` begins and ends; an end beyond the data: it is cut."""
        have = len(data) - at
        if have and data[at] != ber.SEQUENCE:
            raise DirectoryError(f"not LDAP: byte 0x{data[at]:02x} where a message should begin")
        if have < 2:
            return at, len(data) + 1
        length = data[at + 1]
        begin = at + 2
        if length > 0x7F:
            count = length & 0x7F
            if not 1 <= count <= ber.LENGTH_BYTES:
                raise DirectoryError(
                    f"malformed LDAP message: length byte 0x{length:02x} is not used by LDAP"
                )
            if have < 2 + count:
                return at, len(data) + 1
            begin += count
            length = int.from_bytes(data[at + 2 : begin], "big")
        if length > self._max_message:
            raise DirectoryError(f"LDAP message of {length} bytes, more than the {self._max_message} allowed")
        return begin, begin + length

    def _refuse_after_error(self) -> None:
        if self._error:
            raise DirectoryError(self._error)
