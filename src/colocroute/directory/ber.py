"""BER as LDAP restricts it: elements out of bytes, and the few elements that we encode ourselves.

Owns tags, lengths and primitive values, with definite lengths only (RFC 4511, 5.1).  Rule: whatever the
bytes, the outcome is a value or a `DirectoryError` that says where.  Must not know any LDAP message.

Known limits: tag numbers up to 30 and lengths of up to four bytes, which is all that LDAP uses.
"""

from colocroute.errors import DirectoryError

BOOLEAN = 0x01
INTEGER = 0x02
OCTET_STRING = 0x04
ENUMERATED = 0x0A
SEQUENCE = 0x30
SET = 0x31

LENGTH_BYTES = 4  # 4 GiB, more than any message may have
INTEGER_BYTES = 4  # RFC 4511, 4.1.1: maxInt is 2^31 - 1; result codes are far below it
HIGH_TAG = 0x1F  # X.690, 8.1.2.4: a tag number of several bytes follows


class Cursor:
    """Reads the elements of `data` from `start` up to `end`, one after the other; `name` is for errors."""

    def __init__(self, data: bytes, name: str, start: int = 0, end: int | None = None) -> None:
        self._data = data
        self._name = name
        self._position = start
        self._end = len(data) if end is None else end

    def next_is(self, tag: int) -> bool:
        """Whether another element follows and has this tag."""
        return self._position < self._end and self._data[self._position] == tag

    def at_end(self) -> bool:
        """Whether everything has been read."""
        return self._position >= self._end

    def take(self) -> "tuple[int, Cursor]":
        """The next element, whatever it is: its tag, and a cursor over its content."""
        if self.at_end():
            raise self.error("ends where an element should begin")
        start = self._position
        tag = self._data[start]
        if tag & HIGH_TAG == HIGH_TAG:
            raise self.error(f"tag 0x{tag:02x} is not used by LDAP")
        length, begin = self._length(start + 1)
        if begin + length > self._end:
            raise self.error(f"an element of {length} bytes has only {self._end - begin}")
        self._position = begin + length
        return tag, Cursor(self._data, self._name, begin, self._position)

    def enter(self, tag: int, what: str) -> "Cursor":
        """A cursor over the content of the next element, which must have this tag."""
        if self.at_end():
            raise self.error(f"ends where {what} should be")
        if self._data[self._position] != tag:
            found = self._data[self._position]
            raise self.error(f"tag 0x{found:02x} where {what} (0x{tag:02x}) should be")
        return self.take()[1]

    def octets(self, what: str, tag: int = OCTET_STRING) -> bytes:
        """The value of the next element, an OCTET STRING."""
        return self.enter(tag, what).rest()

    def integer(self, what: str, tag: int = INTEGER) -> int:
        """The value of the next element, an INTEGER or ENUMERATED."""
        value = self.octets(what, tag)
        if not 1 <= len(value) <= INTEGER_BYTES:
            raise self.error(f"{what} has {len(value)} bytes, 1 to {INTEGER_BYTES} are possible")
        return int.from_bytes(value, "big", signed=True)

    def boolean(self, what: str) -> bool:
        """The value of the next element, a BOOLEAN; any byte but 0 is true (X.690, 8.2.2)."""
        value = self.octets(what, BOOLEAN)
        if len(value) != 1:
            raise self.error(f"{what} has {len(value)} bytes, a BOOLEAN has 1")
        return value != b"\x00"

    def rest(self) -> bytes:
        """Everything not yet read, as it is."""
        start, self._position = self._position, self._end
        return self._data[start : self._end]

    def finish(self, what: str) -> None:
        """Raises `DirectoryError` unless everything has been read."""
        if not self.at_end():
            raise self.error(f"{self._end - self._position} bytes too many in {what}")

    def error(self, text: str) -> DirectoryError:
        """An error that says where the cursor stands."""
        return DirectoryError(f"malformed {self._name} at byte {self._position}: {text}")

    def _length(self, position: int) -> tuple[int, int]:
        """The length that is written at `position`, and where the content begins (X.690, 8.1.3)."""
        if position >= self._end:
            raise self.error("ends where a length should be")
        first = self._data[position]
        position += 1
        if first < 0x80:
            return first, position
        count = first & 0x7F
        if not 1 <= count <= LENGTH_BYTES:
            raise self.error(f"length byte 0x{first:02x} is not used by LDAP")
        if position + count > self._end:
            raise self.error("ends within a length")
        return int.from_bytes(self._data[position : position + count], "big"), position + count


def element(tag: int, *content: bytes) -> bytes:
    """An element with the concatenated content."""
    body = b"".join(content)
    length = len(body)
    if length < 0x80:
        return bytes((tag, length)) + body
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + body


def integer(value: int, tag: int = INTEGER) -> bytes:
    """An INTEGER or ENUMERATED in the fewest bytes."""
    return element(tag, value.to_bytes(((value + (value < 0)).bit_length() + 8) // 8, "big", signed=True))


def octets(value: bytes, tag: int = OCTET_STRING) -> bytes:
    """An OCTET STRING."""
    return element(tag, value)
