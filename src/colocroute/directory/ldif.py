"""LDIF into records: bytes in, whole entries out.

Owns RFC 2849 as far as content goes: folded lines, comments, base64, `version: 1`, change records that add.
Every error names the file and the line.  Must not know the schema, nor do I/O.

Known limits: values by URL (`:<`) and changes other than `changetype: add` are refused.  Bytes beyond ASCII
are taken as they are, where RFC 2849 wants base64.
"""

import base64
import binascii
import re

import msgspec

from colocroute.errors import DirectoryError

RECORD_MAX_BYTES = 16 << 20  # ours: OpenLDAP's largest message, sockbuf_max_incoming_auth, is 4 MB - 1
NAMES_REMEMBERED = 1000
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
NAME = re.compile(rb"[A-Za-z0-9][A-Za-z0-9.-]*(;[A-Za-z0-9-]+)*")  # RFC 4512, 2.5: attributedescription

Line = tuple[int, bytes]
"""The number of the first line it was written on, and the text, unfolded."""


class LdifRecord(msgspec.Struct, frozen=True):
    """One entry; `line` is that of its DN, the attributes' names are in lower case."""

    line: int
    dn: bytes
    attributes: dict[bytes, list[bytes]]


class LdifReader:
    """Call `feed` with the file's bytes as they come and `finish` at its end; both return whole records.

    Raises `DirectoryError`; after that the reader must not be used.  `name` is what messages call the file.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._rest = b""
        self._number = 0
        self._begun = False
        self._lines: list[Line] = []
        self._size = 0
        self._versioned = False
        self._names: dict[bytes, bytes] = {}

    def feed(self, data: bytes) -> list[LdifRecord]:
        """The records that are complete with `data`."""
        data = self._rest + data
        if not self._begun:
            if len(data) < len(BYTE_ORDER_MARK):
                self._rest = data
                return []
            self._begun = True
            data = data.removeprefix(BYTE_ORDER_MARK)
        *lines, self._rest = data.split(b"\n")
        records = self._take(lines)
        if self._size + len(self._rest) > RECORD_MAX_BYTES:
            raise self._too_long()
        return records

    def finish(self) -> list[LdifRecord]:
        """The last record, if the file does not end with an empty line."""
        last = self._rest if self._begun else self._rest.removeprefix(BYTE_ORDER_MARK)
        self._rest = b""
        return self._take([last, b""])

    def _take(self, lines: list[bytes]) -> list[LdifRecord]:
        records: list[LdifRecord] = []
        for line in lines:
            self._number += 1
            line = line.removesuffix(b"\r")  # CR LF is one line end (RFC 2849, note 4)
            if line:
                self._size += len(line)
                if self._size > RECORD_MAX_BYTES:
                    raise self._too_long()
                self._lines.append((self._number, line))
            elif self._lines:
                if (record := self._record()) is not None:
                    records.append(record)
                self._lines = []
                self._size = 0
        return records

    def _record(self) -> LdifRecord | None:
        """The record in the collected lines; None when they are only comments or the version."""
        lines = self._unfold()
        if lines and not self._versioned:
            self._versioned = True
            if lines[0][1].lower().startswith(b"version:"):
                number, text = lines.pop(0)
                if text.partition(b":")[2].strip() != b"1":
                    raise self._error(number, f"unknown LDIF {_show(text)}: expected version: 1")
        if not lines:
            return None
        number, text = lines[0]
        name, dn = self._attribute(number, text)
        if name != b"dn":
            hint = "; was it written by ldapsearch without -LLL?" if name in {b"search", b"result"} else ""
            raise self._error(
                number, f"expected 'dn: ...' at the start of a record, found {_show(text)}{hint}"
            )
        attributes: dict[bytes, list[bytes]] = {}
        for line in self._content(lines[1:]):
            name, value = self._attribute(*line)
            if name == b"dn":
                raise self._error(
                    line[0], "a second 'dn:' in one record: an empty line must stand between records"
                )
            attributes.setdefault(name, []).append(value)
        return LdifRecord(number, dn, attributes)

    def _unfold(self) -> list[Line]:
        """The collected lines with continuations joined and comments dropped."""
        joined: list[tuple[int, list[bytes]]] = []
        for number, line in self._lines:
            if not line.startswith(b" "):
                joined.append((number, [line]))
            elif joined:
                joined[-1][1].append(line[1:])
            else:
                raise self._error(
                    number, "a continuation (a line that begins with a space) has nothing to continue"
                )
        return [(number, b"".join(parts)) for number, parts in joined if not parts[0].startswith(b"#")]

    def _content(self, lines: list[Line]) -> list[Line]:
        """The lines behind the DN, without the head of a change record."""
        if not lines:
            return lines
        number, text = lines[0]
        lower = text.lower()
        if lower.startswith(b"control:"):
            raise self._error(number, "controls are not supported: only entries, or changes that add one")
        if not lower.startswith(b"changetype:"):
            return lines
        _, change = self._attribute(number, text)
        if change.strip().lower() != b"add":
            raise self._error(
                number, f"{_show(text)} is not supported: only entries, or changes that add one"
            )
        return lines[1:]

    def _attribute(self, number: int, text: bytes) -> tuple[bytes, bytes]:
        """Name in lower case, and value, of one line."""
        written, colon, value = text.partition(b":")
        name = self._names.get(written) or self._name_of(written)
        if not colon or not name:
            raise self._error(number, f"expected 'attribute: value', found {_show(text)}")
        if value.startswith(b" "):
            return name, value.lstrip(b" ")
        if value.startswith(b":"):
            try:
                decoded = base64.b64decode(value[1:].strip(b" "), validate=True)
            except binascii.Error as error:
                raise self._error(number, f"the value of {_show(written)} is not base64") from error
            return name, decoded
        if value.startswith(b"<"):
            raise self._error(number, f"values by URL ({_show(written)}:<) are not supported")
        return name, value

    def _name_of(self, written: bytes) -> bytes:
        """The name in lower case, empty if it is none; those of a file are few and remembered."""
        if not NAME.fullmatch(written):
            return b""
        if len(self._names) < NAMES_REMEMBERED:
            self._names[written] = written.lower()
        return written.lower()

    def _too_long(self) -> DirectoryError:
        start = self._lines[0][0] if self._lines else self._number + 1
        return self._error(start, f"the record that begins here is larger than {RECORD_MAX_BYTES >> 20} MB")

    def _error(self, number: int, what: str) -> DirectoryError:
        return DirectoryError(f"{self._name}, line {number}: {what}")


def _show(text: bytes) -> str:
    """A line of the file for a message: one line, printable, not too long."""
    shown = text.decode("utf-8", "backslashreplace")
    shown = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in shown)
    return f"'{shown[:60]}...'" if len(shown) > 60 else f"'{shown}'"
