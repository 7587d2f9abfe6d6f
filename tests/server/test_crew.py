"""The workers among themselves: counting, placing, passing on."""

import os
import socket
from collections.abc import Iterator

import pytest

from colocroute.server.crew import STUCK_SECONDS, Crew, Seat


@pytest.fixture
def crew() -> Iterator[Crew]:
    crew = Crew(3)
    yield crew
    crew.close()


def test_a_connection_goes_to_the_seat_with_fewest(crew: Crew) -> None:
    seats = [crew.seat(index) for index in range(3)]
    for seat, connections in zip(seats, (5, 3, 4), strict=True):
        seat.take()
        seat.counted(connections)
    assert [seat.least() for seat in seats] == [1, None, 1]
    assert seats[0].total() == 12


def test_the_own_seat_is_preferred_among_equals(crew: Crew) -> None:
    for index in range(3):
        crew.seat(index).take()
    assert [crew.seat(index).least() for index in range(3)] == [None, None, None]


def test_nothing_is_passed_to_an_empty_seat(crew: Crew) -> None:
    first, second, third = (crew.seat(index) for index in range(3))
    first.take()
    second.take()
    first.counted(9)
    assert first.least() == 1  # the third has nobody
    second.leave()
    assert first.least() is None
    third.take()
    assert first.least() == 2
    crew.vacate(2)
    assert first.least() is None


def test_a_vacated_seat_has_no_connections(crew: Crew) -> None:
    seat = crew.seat(1)
    seat.take()
    seat.counted(7)
    crew.vacate(1)
    assert crew.seat(0).total() == 0


def test_passing_on(crew: Crew) -> None:
    giver, taker = crew.seat(0), crew.seat(2)
    taker.take()
    client, served = socket.socketpair()
    with client, served:
        assert giver.pass_on(2, served, 7)
        served.close()
        assert crew.load(2) == 1  # on its way, and counted already
        passed = taker.receive()
        assert passed is not None
        received, tag = passed
        with received:
            assert tag == 7
            assert crew.load(2) == 0  # who has taken it counts it itself
            client.send(b"hello")
            assert received.recv(10) == b"hello"
    assert taker.receive() is None


def test_nothing_more_is_passed_to_a_seat_that_takes_nothing(crew: Crew) -> None:
    now = [100.0]
    giver, taker = crew.seat(0, lambda: now[0]), crew.seat(1)
    giver.take()
    taker.take()
    giver.counted(50)
    client, served = socket.socketpair()
    with client, served:
        for _ in range(3):
            assert giver.least() == 1
            assert giver.pass_on(1, served, 0)
            now[0] += STUCK_SECONDS / 3
        now[0] += 0.1
        assert giver.least() is None
        crew.seat(2).take()
        assert giver.least() == 2
        crew.seat(2).leave()
        take_one(taker)
        assert giver.least() == 1, "it goes on, and has two to take still"
        assert giver.pass_on(1, served, 0)
        now[0] += STUCK_SECONDS + 0.1
        assert giver.least() is None
        for _ in range(3):
            take_one(taker)
        now[0] += 100
        assert giver.least() == 1, "nothing waits there, for however long"


def take_one(taker: Seat) -> None:
    passed = taker.receive()
    assert passed is not None
    passed[0].close()


def test_several_on_their_way_stay_apart(crew: Crew) -> None:
    taker = crew.seat(1)
    pairs = [socket.socketpair() for _ in range(20)]
    for tag, (_, served) in enumerate(pairs):
        assert crew.seat(tag % 3).pass_on(1, served, tag)
        served.close()
    for tag, (client, _) in enumerate(pairs):
        passed = taker.receive()
        assert passed is not None
        assert passed[1] == tag
        passed[0].send(b"%d" % tag)
        assert client.recv(10) == b"%d" % tag
        passed[0].close()
        client.close()
    assert crew.load(1) == 0


def test_what_cannot_be_passed_on_is_not_counted(crew: Crew) -> None:
    client, served = socket.socketpair()
    with client, served:
        sent = 0
        while crew.seat(0).pass_on(1, served, 0):  # until the inbox is full
            sent += 1
        assert crew.load(1) == sent > 0


def test_counts_are_shared_between_processes(crew: Crew) -> None:
    pid = os.fork()
    if pid == 0:
        seat = crew.seat(1)
        seat.take()
        seat.counted(42)
        os._exit(0)
    os.waitpid(pid, 0)
    assert crew.load(1) == 42
