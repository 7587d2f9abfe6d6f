"""From requests to replies for each protocol, and what a broken answering leads to."""

import socket
from collections.abc import Iterator

import pytest

from colocroute.model import Answer, TempFail
from colocroute.server.conversation import (
    Conversation,
    LookupConversation,
    PolicyConversation,
    SocketmapConversation,
    TcpTableConversation,
    conversation,
)
from colocroute.server.interfaces import Listener, WireProtocol
from colocroute.wire import policy, socketmap, tcp_table
from tests.lab.serving import FakeAnswering, request

TCP_REQUEST = b"get key\n"


@pytest.fixture
def answering() -> FakeAnswering:
    return FakeAnswering()


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.socket() as sock:
        yield sock


def made(protocol: WireProtocol, listening: socket.socket, answering: FakeAnswering) -> Conversation:
    return conversation(Listener(listening, protocol, b"m", "here"), answering, 10)


def lookup(protocol: WireProtocol, listening: socket.socket, answering: FakeAnswering) -> LookupConversation:
    talk = made(protocol, listening, answering)
    assert isinstance(talk, LookupConversation)
    return talk


def test_each_protocol_has_its_conversation(listening: socket.socket, answering: FakeAnswering) -> None:
    kinds = [type(made(protocol, listening, answering)) for protocol in WireProtocol]
    assert kinds == [SocketmapConversation, TcpTableConversation, PolicyConversation]


def test_refusals(listening: socket.socket, answering: FakeAnswering) -> None:
    refusals = [made(protocol, listening, answering).refusal for protocol in WireProtocol]
    assert refusals == [
        b"25:TEMP too many connections,",
        b"400 too many connections\n",
        b"action=DEFER_IF_PERMIT 4.3.0 too many connections\n\n",
    ]


def test_socketmap_asks_the_map_it_names(listening: socket.socket, answering: FakeAnswering) -> None:
    talk = lookup(WireProtocol.SOCKETMAP, listening, answering)
    assert talk.reply(socketmap.Request(b"x", b"key")) == b"8:OK x/key,"
    assert talk.reply_to_one(b"5:x key,", answering.number) == b"8:OK x/key,"


def test_tcp_table_asks_the_map_of_its_port(listening: socket.socket, answering: FakeAnswering) -> None:
    talk = lookup(WireProtocol.TCP_TABLE, listening, answering)
    assert talk.reply(tcp_table.Request(b"key")) == b"200 m/key\n"
    assert talk.reply_to_one(TCP_REQUEST, answering.number) == b"200 m/key\n"
    assert talk.reply_to_one(b"put key\n", answering.number) == b"400 unknown command 'put'\n"
    assert talk.reply(TempFail("no")) == b"400 no\n"


def test_policy_attributes_are_text(listening: socket.socket, answering: FakeAnswering) -> None:
    talk = made(WireProtocol.POLICY, listening, answering)
    reply = talk.reply(policy.Request({b"sender": b"a@b", b"recipient": b"\xc3\xa4\xff@c"}))
    assert reply == b"action=DUNNO\n\n"
    assert answering.attributes == [{"sender": "a@b", "recipient": "ä\\xff@c"}]


def test_a_broken_answering_is_a_temporary_failure_and_a_traceback(
    listening: socket.socket, answering: FakeAnswering, caplog: pytest.LogCaptureFixture
) -> None:
    socketmap_talk = lookup(WireProtocol.SOCKETMAP, listening, answering)
    assert socketmap_talk.reply_to_one(request(b"fail"), answering.number) == b"19:TEMP internal error,"
    assert "RuntimeError: the answering is broken" in caplog.text
    assert "here: no answer to" in caplog.text
    tcp_talk = lookup(WireProtocol.TCP_TABLE, listening, answering)
    assert tcp_talk.reply_to_one(b"get fail\n", answering.number) == b"400 internal error\n"
    policy_talk = made(WireProtocol.POLICY, listening, answering)
    reply = policy_talk.reply(policy.Request({b"sender": b"fail"}))
    assert reply == b"action=DEFER_IF_PERMIT 4.3.0 internal error\n\n"


@pytest.mark.parametrize(
    ("protocol", "whole"), [(WireProtocol.SOCKETMAP, request(b"key")), (WireProtocol.TCP_TABLE, TCP_REQUEST)]
)
def test_one_whole_request_fills_the_cache(
    protocol: WireProtocol, whole: bytes, listening: socket.socket, answering: FakeAnswering
) -> None:
    talk = lookup(protocol, listening, answering)
    reply = talk.reply_to_one(whole, answering.number)
    assert talk.reply_to_one(whole, answering.number) == reply
    assert talk.cache[whole] == reply
    assert reply is not None
    assert talk.cache.stamp == answering.number
    for more_or_less in (whole[:-1], whole + whole, whole + b"1", b""):
        assert talk.reply_to_one(more_or_less, answering.number) is None


def test_a_temporary_failure_is_not_kept(listening: socket.socket, answering: FakeAnswering) -> None:
    talk = lookup(WireProtocol.SOCKETMAP, listening, answering)
    for _ in range(3):
        talk.reply_to_one(request(b"fail"), answering.number)
    assert len(talk.cache) == 0


def test_a_reply_is_not_kept_if_the_stamp_changed_meanwhile(listening: socket.socket) -> None:
    """It would be found when the stamp comes back, as it does when the state does."""

    class ChangesMeanwhile(FakeAnswering):
        def answer(self, map_name: bytes, key: bytes, stamp: int = -1) -> Answer:
            self.number += 2
            return super().answer(map_name, key, stamp)

    answering = ChangesMeanwhile()
    talk = lookup(WireProtocol.SOCKETMAP, listening, answering)
    for _ in range(3):
        assert talk.reply_to_one(request(b"key"), answering.number) == b"8:OK m/key,"
    assert len(talk.cache) == 0


def test_with_a_negative_stamp_nothing_is_kept(listening: socket.socket, answering: FakeAnswering) -> None:
    answering.number = -1
    talk = lookup(WireProtocol.SOCKETMAP, listening, answering)
    for _ in range(3):
        assert talk.reply_to_one(request(b"key"), -1) == b"8:OK m/key,"
    assert len(talk.cache) == 0


def test_a_broken_parser_leaves_it_to_the_decoder(
    listening: socket.socket,
    answering: FakeAnswering,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(_data: bytes) -> None:
        raise IndexError("a bug of ours")

    talk = lookup(WireProtocol.SOCKETMAP, listening, answering)
    monkeypatch.setattr(talk, "_parse_one", broken)
    assert talk.reply_to_one(request(b"key"), answering.number) is None
    assert "IndexError: a bug of ours" in caplog.text


def test_an_answer_that_is_none_is_an_internal_error(
    listening: socket.socket,
    answering: FakeAnswering,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(answering, "answer", lambda _map_name, _key: 42)
    talk = lookup(WireProtocol.SOCKETMAP, listening, answering)
    assert talk.reply_to_one(request(b"key"), answering.number) == b"19:TEMP internal error,"
    assert "Traceback" in caplog.text
