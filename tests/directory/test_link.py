import socket
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from colocroute.directory import link as link_module
from colocroute.directory.link import Link, Search, refuse_notice
from colocroute.directory.messages import NOTICE_OF_DISCONNECTION, Kind, Result
from colocroute.errors import DirectoryError
from tests.lab.ldapmessages import encode
from tests.lab.links import done, entry

NOTICE = Result(0, Kind.EXTENDED, 52, "", "going down", NOTICE_OF_DISCONNECTION)


class Peer:
    """The other end, and a connection whose requests have the message ids 1, 2, ..."""

    def __init__(self) -> None:
        ours, self.socket = socket.socketpair()
        self.sent: list[Any] = []
        strategy = SimpleNamespace(_outstanding={})
        connection = SimpleNamespace(socket=ours, send=self._send, unbind=ours.close, strategy=strategy)
        self.outstanding: dict[int, object] = strategy._outstanding
        self.link = Link(connection)

    def _send(self, *request: object) -> int:
        self.sent.append(request)
        self.outstanding[len(self.sent)] = request
        return len(self.sent)


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    yield made
    made.link.close()
    made.socket.close()


def test_messages_come_as_they_arrive(peer: Peer) -> None:
    anna, end = entry(1, b"uid=anna", mail=[b"anna@test.tux"]), done(1)
    data = encode(anna) + encode(end)
    peer.socket.sendall(data[:20])
    assert peer.link.receive(5.0) == []
    peer.socket.sendall(data[20:])
    assert peer.link.receive(5.0) == [anna, end]
    assert peer.link.receive(0.0) is None
    assert peer.link.receive(-1.0) is None


def test_silence_lasts_no_longer_than_asked(peer: Peer) -> None:
    started = time.monotonic()
    assert peer.link.receive(0.2) is None
    assert 0.15 < time.monotonic() - started < 5


def test_the_end_of_the_connection(peer: Peer) -> None:
    peer.socket.close()
    with pytest.raises(DirectoryError, match=r"^the directory closed the connection$"):
        peer.link.receive(5.0)


def test_the_end_in_the_middle_of_a_message(peer: Peer) -> None:
    peer.socket.sendall(encode(done(1))[:-1])
    peer.socket.close()
    assert peer.link.receive(5.0) == []
    with pytest.raises(DirectoryError, match="in the middle of a message"):
        peer.link.receive(5.0)


def test_what_is_not_ldap(peer: Peer) -> None:
    peer.socket.sendall(b"HTTP/1.1 400 Bad Request\r\n")
    for _ in range(2):
        with pytest.raises(DirectoryError, match="not LDAP"):
            peer.link.receive(5.0)
        peer.socket.sendall(encode(done(1)))


def test_requests_are_safe_and_not_kept(peer: Peer) -> None:
    peer.link.send(Search(base="dc=tux", filter=r"(cn=\2a\28)", attributes=("mail",), control=("1.2", b"x")))
    [(kind, request, controls)] = peer.sent
    assert kind == "searchRequest"
    assert str(request["derefAliases"]) == "neverDerefAliases"
    assert (int(request["sizeLimit"]), int(request["timeLimit"])) == (0, 0)
    assert bytes(request["filter"]["equalityMatch"]["assertionValue"]) == b"*("
    assert controls == [("1.2", True, b"x")]
    assert peer.outstanding == {}


def test_ask_waits_for_the_end(peer: Peer) -> None:
    anna = entry(1, b"uid=anna")
    peer.socket.sendall(encode(entry(9)) + encode(anna) + encode(done(1, 4, "limit")))
    assert peer.link.ask(Search(base="")) == ([anna], done(1, 4, "limit"))


def test_ask_has_a_deadline(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "SEARCH_SECONDS", 0.1)
    with pytest.raises(DirectoryError, match=r"no answer to a search within 0.1 s"):
        peer.link.ask(Search(base=""))


def test_a_notice_of_disconnection_is_told(peer: Peer) -> None:
    peer.socket.sendall(encode(NOTICE))
    with pytest.raises(
        DirectoryError, match=r"ends the connection: LDAP result 52 \(unavailable\): going down"
    ):
        peer.link.ask(Search(base=""))
    refuse_notice(done(3))
    refuse_notice(entry(0))


def test_close_never_fails(peer: Peer) -> None:
    peer.link.close()
    peer.link.close()
    assert peer.link.fileno() == -1
