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


def test_sent_again_for_want_of_an_answer_is_no_duplicate() -> None:
    again = msgspec.structs.replace(FATE, unanswered=1)
    assert account([again], [*ALL, ANNA], HOMES).clean
    assert account([again], [*ALL, ANNA, ANNA], HOMES).duplicated == 2


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
