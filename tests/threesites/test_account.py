"""The account says so when something goes wrong."""

import msgspec
import pytest

from tests.threesites.account import account
from tests.threesites.messages import Message
from tests.threesites.network import OUTSIDE
from tests.threesites.receiver import Arrival
from tests.threesites.sender import Fate

HOMES = {"anna": {"external"}, "bob": {"central", "paris"}}
MESSAGE = Message(
    id="m-1",
    source="central",
    sender="carla@test.tux",
    recipients=("anna@test.tux", "bob@test.tux", "x@example.org"),
    users=frozenset({"anna", "bob"}),
    foreign=frozenset({"x@example.org"}),
)
FATE = Fate(MESSAGE, begun=1.0, accepted=2.0)


def arrival(recipient: str, place: str, sender: str = "carla@test.tux", text: str = "") -> Arrival:
    return Arrival(place, sender, recipient, (text or MESSAGE.text).encode(), 3.0)


ANNA = arrival("anna+news@external.test.tux", "external")
BOB = arrival("bob@paris.test.tux", "paris")
FRIEND = arrival("x@example.org", OUTSIDE)
ALL = [ANNA, BOB, FRIEND]


def test_all_is_well() -> None:
    found = account([FATE], ALL, HOMES)
    assert found.clean and found.delivered == found.recipients == 3 and found.slowest == 2.0


def test_lost() -> None:
    found = account([FATE], [BOB, FRIEND], HOMES)
    assert (found.lost, found.duplicated, found.misdelivered) == (1, 0, 0) and not found.clean
    assert found.notes == ["m-1: anna did not get it: accepted, and neither delivered nor bounced"]


def test_refused_and_bounced_are_lost_and_why() -> None:
    refused = msgspec.structs.replace(FATE, accepted=0.0, refused="550 5.1.1 unknown")
    assert "refused, 550 5.1.1 unknown" in account([refused], [], HOMES).notes[0]
    text = f"Subject: Undelivered\r\n\r\nDiagnostic-Code: smtp; 550 5.1.1\r\n no\r\n\r\n{MESSAGE.text}"
    bounce = arrival("carla@central.test.tux", "central", sender="", text=text)
    found = account([FATE], [BOB, FRIEND, bounce], HOMES)
    assert found.notes == ["m-1: anna did not get it: bounced, Diagnostic-Code: smtp; 550 5.1.1 no"]


def test_duplicated() -> None:
    found = account([FATE], [*ALL, arrival("bob@central.test.tux", "central")], HOMES)
    assert (found.lost, found.duplicated, found.misdelivered) == (0, 1, 0) and not found.clean


def log(queue_id: str, *passed_on: str) -> str:
    """A Postfix's log of one mail."""
    lines = [f"mx postfix/cleanup[1]: {queue_id}: message-id=<m-1@client.example>"]
    lines += [f"mx postfix/smtp[2]: {queue_id}: {text}" for text in passed_on]
    return "".join(f"{line}\n" for line in lines)


def sent(recipient: str, queue_id: str = "") -> str:
    reply = f"250 2.0.0 Ok: queued as {queue_id}" if queue_id else "250 OK"
    return f"to=<{recipient}>, relay=x, delay=1, dsn=2.0.0, status=sent ({reply})"


CENTRAL_LOG = log(
    "C1", sent("anna@external.test.tux", "E1"), sent("bob@paris.test.tux", "P1"), sent("x@example.org")
)
EXTERNAL_LOG = log("E1", sent("anna@external.test.tux"))
LOGS = {"central": CENTRAL_LOG, "external": EXTERNAL_LOG, "paris": log("P1", sent("bob@paris.test.tux"))}


def test_a_duplicate_of_the_routing_is_one_whatever_the_logs_say() -> None:
    assert account([FATE], ALL, HOMES, LOGS).again == 0
    twice = {**LOGS, "external": log("E1", sent("anna@external.test.tux"), sent("Anna@external.test.tux"))}
    found = account([FATE], [*ALL, ANNA], HOMES, twice)
    assert (found.duplicated, found.again) == (1, 0)


@pytest.mark.parametrize(
    "interrupted",
    [
        # between two servers: E0 was taken, and central did not note it
        {"external": log("E0", sent("anna@external.test.tux")) + EXTERNAL_LOG},
        # the same, noted twice
        {
            "central": log("C1", sent("anna@external.test.tux", "E0")) + CENTRAL_LOG,
            "external": log("E0", sent("anna@external.test.tux")) + EXTERNAL_LOG,
        },
        # into the mailbox, where it is not in the log that it was taken the first time
        {},
    ],
)
def test_what_a_stopped_server_hands_over_again_is_no_duplicate(interrupted: dict[str, str]) -> None:
    logs = {**LOGS, **interrupted}
    found = account([FATE], [*ALL, ANNA], HOMES, logs)
    assert (found.duplicated, found.again) == (0, 1) and found.clean


@pytest.mark.parametrize(
    "wrong",
    [
        arrival("anna@central.test.tux", "central"),
        arrival("carla@external.test.tux", "external"),
        arrival("y@example.org", OUTSIDE),
    ],
)
def test_misdelivered(wrong: Arrival) -> None:
    found = account([FATE], [*ALL, wrong], HOMES)
    assert (found.lost, found.duplicated, found.misdelivered) == (0, 0, 1) and not found.clean


@pytest.mark.parametrize(
    "leak",
    [
        arrival("x@example.org", OUTSIDE, sender="carla@Central.Test.Tux"),
        arrival("x@example.org", OUTSIDE, text=MESSAGE.text.replace("To:", "Cc: a@paris.test.tux\r\nTo:")),
        arrival("x@example.org", OUTSIDE, text="Received: from mx.external.test.tux\r\n" + MESSAGE.text),
    ],
)
def test_leaked(leak: Arrival) -> None:
    found = account([FATE], [ANNA, BOB, leak], HOMES)
    assert found.leaked == 1 and not found.clean
    inside = msgspec.structs.replace(leak, place="external", recipient="anna@external.test.tux")
    assert account([FATE], [inside, BOB, FRIEND], HOMES).leaked == 0
