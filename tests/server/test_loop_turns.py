"""Turns in the loop: who sends much, and many who send, keep nobody else waiting for all of it."""

import socket

import pytest

from colocroute.server.conversation import conversation
from colocroute.server.interfaces import Listener, WireProtocol
from colocroute.server.loop import BATCH, READ_SIZE, Loop
from colocroute.server.spin import Spinner
from tests.lab.serving import FakeAnswering, fake_reply, receive_all, request


def idle_loop(answering: FakeAnswering) -> Loop:
    return Loop(Spinner(0.0, lambda: 0), answering)


def adopted(loop: Loop, answering: FakeAnswering, sent: bytes) -> socket.socket:
    """The other end of a connection that the loop has, with so much sent on it."""
    talk = conversation(Listener(socket.socket(), WireProtocol.SOCKETMAP), answering, 10)
    client, served = socket.socketpair()
    served.setblocking(False)
    loop.adopt(served, talk)
    client.sendall(sent)
    return client


def test_nobody_waits_for_all_that_another_has_sent() -> None:
    answering = FakeAnswering()
    loop = idle_loop(answering)
    many, requests = READ_SIZE // len(request(b"a")), [b"1", b"2", b"3"]
    greedy = adopted(loop, answering, request(b"a") * many + b"".join(map(request, requests)))
    modest = adopted(loop, answering, request(b"b"))
    loop.drain(15.0)
    assert answering.asked.index(b"b") < 100
    assert receive_all(modest) == fake_reply(b"b")
    assert receive_all(greedy) == fake_reply(b"a") * many + b"".join(map(fake_reply, requests))


@pytest.mark.parametrize(("batches", "urgent", "waits"), [(1, True, 1), (3, True, 1), (3, False, 3)])
def test_what_is_urgent_waits_for_one_batch_only(batches: int, urgent: bool, waits: int) -> None:
    answering = FakeAnswering()
    loop = idle_loop(answering)
    clients = [adopted(loop, answering, request(b"%d" % number)) for number in range(batches * BATCH)]
    seen: list[int] = []
    inside, outside = socket.socketpair()

    def handle() -> None:
        inside.recv(1)
        seen.append(len(answering.asked))

    with inside, outside:
        loop.watch(inside.fileno(), handle, urgent=urgent)
        outside.send(b"x")
        loop.drain(15.0)
        loop.unwatch(inside.fileno())
        assert not loop._urgent.poll(0)
    assert seen == [waits * BATCH]
    for client in clients:
        client.close()
