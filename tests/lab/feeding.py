"""Feeding a sans-IO decoder: whole, byte by byte, in given pieces; what comes out is a value to compare."""

from collections.abc import Iterable, Iterator

from colocroute.errors import PeerError
from colocroute.wire.stream import Decoder


def outcome(decoder: Decoder[object], pieces: Iterable[bytes]) -> tuple[list[object], str, int]:
    """All values in order, the text of the error that ended it (empty: none), else the bytes left unread."""
    values: list[object] = []
    try:
        for piece in pieces:
            decoder.feed(piece)
            while (value := decoder.next()) is not None:
                values.append(value)
    except PeerError as error:
        return values, str(error), 0
    return values, "", decoder.unread


def bytewise(data: bytes) -> Iterator[bytes]:
    """The bytes one at a time."""
    return (data[index : index + 1] for index in range(len(data)))


def pieces(data: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    """The bytes in pieces of the given sizes (0: an empty piece), the rest in one."""
    start = 0
    for size in sizes:
        yield data[start : start + size]
        start += size
    yield data[start:]
