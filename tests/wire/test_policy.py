"""Policy delegation: requests, one action for each, and no reply to what is no request."""

from hypothesis import given
from hypothesis import strategies as st

from colocroute.wire import policy
from tests.lab.feeding import outcome
from tests.wire.contract import DecoderContract
from tests.wire.vectors import POLICY_ERRORS, POLICY_REQUESTS


class TestRequests(DecoderContract):
    vectors = POLICY_REQUESTS
    mistakes = POLICY_ERRORS

    def decoder(self) -> policy.RequestDecoder:
        return policy.RequestDecoder()


def test_a_request_of_exactly_the_limit() -> None:
    head = b"request=smtpd_access_policy\na="
    data = head + b"x" * (policy.REQUEST_LIMIT - len(head) - 2) + b"\n\n"
    values, error, _ = outcome(policy.RequestDecoder(), [data, data])
    assert (len(values), error) == (2, "")


def test_a_request_of_as_many_attributes_as_allowed_and_of_one_more() -> None:
    def request(attributes: int) -> bytes:
        others = b"".join(b"%d=\n" % number for number in range(attributes - 1))
        return b"request=smtpd_access_policy\n" + others + b"\n"

    limit = policy.ATTRIBUTES_LIMIT
    values, error, _ = outcome(policy.RequestDecoder(), [request(limit), request(limit)])
    assert (len(values), error) == (2, "")
    values, error, _ = outcome(policy.RequestDecoder(), [request(limit), request(limit + 1)])
    assert (len(values), error) == (1, "policy request of more than 200 attributes")


def test_nothing_of_one_request_is_seen_in_the_next() -> None:
    first = b"request=smtpd_access_policy\nsasl_username=anna\n\n"
    second = b"request=smtpd_access_policy\n\n"
    values, _, _ = outcome(policy.RequestDecoder(), [first + second])
    assert values[1] == policy.Request({b"request": b"smtpd_access_policy"})


def test_encode() -> None:
    assert policy.encode("DUNNO") == b"action=DUNNO\n\n"
    assert policy.encode("REJECT 5.7.1 no: a\n\naction=OK") == b"action=REJECT 5.7.1 no: a??action=OK\n\n"
    assert policy.encode("REJECT ü") == b"action=REJECT \\xfc\n\n"
    assert policy.encode("x" * 9999) == b"action=" + b"x" * 500 + b"\n\n"


@given(st.text())
def test_a_reply_is_one_line_and_an_empty_one(action: str) -> None:
    reply = policy.encode(action)
    assert reply.count(b"\n") == 2
    assert reply.startswith(b"action=")
    assert reply.endswith(b"\n\n")
