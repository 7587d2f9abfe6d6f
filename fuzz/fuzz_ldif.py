"""Invariant: whatever the bytes, LDIF gives the same records or the same error, whole and in any pieces.

Permitted exceptions: `DirectoryError`, because a file may be wrong; its text is one line that names the file
and a line.
"""

import re

from colocroute.directory.ldif import LdifReader, LdifRecord
from colocroute.errors import DirectoryError
from fuzz import driver
from tests.directory.ldif_vectors import BAD, GOOD

ERROR = re.compile(r"fuzz\.ldif, line [1-9][0-9]*: [^\n]+")


def seeds() -> list[bytes]:
    """The LDIF of the tests."""
    return [data for data, _ in GOOD] + [data for data, _, _ in BAD]


def check(data: bytes) -> None:
    """Feeds it whole, bytewise, and in pieces whose size the data chooses."""
    whole = _outcome(data, max(1, len(data)))
    assert _outcome(data, 1) == whole
    assert _outcome(data, 2 + sum(data) % 61) == whole
    if isinstance(whole, str):
        assert ERROR.fullmatch(whole), whole


def _outcome(data: bytes, size: int) -> list[LdifRecord] | str:
    reader = LdifReader("fuzz.ldif")
    records: list[LdifRecord] = []
    try:
        for start in range(0, len(data), size):
            records += reader.feed(data[start : start + size])
        return records + reader.finish()
    except DirectoryError as error:
        return str(error)


def main() -> None:
    """Fuzzes."""
    driver.run(check, seeds)


if __name__ == "__main__":
    main()
