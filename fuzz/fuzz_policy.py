"""Invariant: policy bytes mean the same in any pieces, and no action is more than one line.

Permitted exceptions: `PeerError`, because what is no policy request closes the connection without a reply
(`outcome` makes it a value that must be the same in any pieces).
"""

from colocroute.wire import policy
from fuzz import driver
from tests.lab.feeding import bytewise, outcome, pieces
from tests.wire import vectors


def seeds() -> list[bytes]:
    """The test vectors, requests and mistakes, and some of them in a row."""
    requests = [data for data, _ in vectors.POLICY_REQUESTS]
    mistakes = [data for data, _, _ in vectors.POLICY_ERRORS]
    return [*requests, *mistakes, b"".join(requests + mistakes[-1:])]


def check(data: bytes) -> None:
    """Raises AssertionError if the invariant does not hold for these bytes."""
    whole = outcome(policy.RequestDecoder(), [data])
    assert outcome(policy.RequestDecoder(), bytewise(data)) == whole, "bytewise differs"
    assert outcome(policy.RequestDecoder(), pieces(data, data[:50])) == whole, "pieces differ"
    requests, error, unread = whole
    again = b""
    for request in requests:
        assert isinstance(request, policy.Request)
        assert request.attributes[b"request"] == b"smtpd_access_policy"
        again += b"".join(b"%b=%b\n" % attribute for attribute in request.attributes.items()) + b"\n"
    assert data.startswith(again), "requests are not the bytes they came in"
    assert error or len(again) + unread == len(data), "bytes got lost"
    reply = policy.encode(data.decode("utf-8", "surrogateescape"))
    assert reply.startswith(b"action=")
    assert reply.index(b"\n") == len(reply) - 2, "more than one line"
    assert reply.endswith(b"\n\n")


def main() -> None:
    """Fuzzes under atheris."""
    driver.run(check, seeds)


if __name__ == "__main__":
    main()
