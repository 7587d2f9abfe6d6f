"""Invariant: socketmap bytes mean the same in any pieces, and a request said again is the same bytes.

Permitted exceptions: `PeerError`, because bytes that are no socketmap close the connection (`outcome`
makes it a value that must be the same in any pieces); `UsageError` never, because what was decoded can be
encoded.
"""

from colocroute.model import NOT_FOUND, Found, TempFail
from colocroute.wire import socketmap
from fuzz import driver
from tests.lab.feeding import bytewise, outcome, pieces
from tests.wire import vectors


def seeds() -> list[bytes]:
    """The test vectors, requests, mistakes and replies, and some of them in a row."""
    requests = [data for data, _ in vectors.SOCKETMAP_REQUESTS + vectors.SOCKETMAP_ODD_REQUESTS]
    mistakes = [data for data, _, _ in vectors.SOCKETMAP_ERRORS]
    replies = [data for data, _ in vectors.SOCKETMAP_REPLIES]
    return [*requests, *mistakes, *replies, b"".join(requests[:6] + mistakes[:1])]


def check(data: bytes) -> None:
    """Raises AssertionError if the invariant does not hold for these bytes."""
    whole = outcome(socketmap.RequestDecoder(), [data])
    assert outcome(socketmap.RequestDecoder(), bytewise(data)) == whole, "bytewise differs"
    assert outcome(socketmap.RequestDecoder(), pieces(data, data[:50])) == whole, "pieces differ"
    requests, error, unread = whole
    again = b""
    for request in requests:
        assert isinstance(request, socketmap.Request)
        said = socketmap.encode_request(request.map, request.key)
        assert socketmap.parse_one(said) == request, "a request changes when it is said again"
        bare = b"%d:%b," % (len(request.map), request.map)  # the one other way to say it: without a space
        again += bare if not request.key and data.startswith(bare, len(again)) else said
    assert data.startswith(again), "requests are not the bytes they came in"
    assert error or len(again) + unread == len(data), "bytes got lost"
    one = requests[0] if len(requests) == 1 and not error and not unread else None
    assert socketmap.parse_one(data) == one, "parse_one and the decoder disagree"
    _check_replies(data)


def _check_replies(data: bytes) -> None:
    """Any bytes as a reply; any text as a value and as a reason."""
    answers, _, _ = outcome(socketmap.ReplyDecoder(), [data])
    text = data.decode("utf-8", "surrogateescape")
    for answer in [*answers, Found(text), TempFail(text), NOT_FOUND]:
        assert isinstance(answer, Found | TempFail | type(NOT_FOUND))
        reply = socketmap.encode(answer)
        values, error, _ = outcome(socketmap.ReplyDecoder(), [reply])
        assert len(values) == 1, f"one answer became {len(values)} replies"
        assert not error
        assert values[0] == answer or isinstance(values[0], TempFail), "an answer became another one"


def main() -> None:
    """Fuzzes under atheris."""
    driver.run(check, seeds)


if __name__ == "__main__":
    main()
