"""From the requests of a client to replies: one object for each listener, shared by its connections.

Owns which codec belongs to which protocol, what a failure inside is answered, and which replies may be kept.
Must not know sockets, nor where answers come from.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

from colocroute.model import Answer, TempFail
from colocroute.server.cache import ReplyCache
from colocroute.server.interfaces import Answering, Listener, WireProtocol
from colocroute.server.ratelimit import LimitedLog
from colocroute.wire import policy, socketmap, tcp_table

_trouble = LimitedLog(logging.getLogger(__name__))

INTERNAL_ERROR = TempFail("internal error")
TOO_MANY_CONNECTIONS = TempFail("too many connections")


class Decoder(Protocol):
    """A codec's side of one connection; `feed` and `next` raise `PeerError`."""

    def feed(self, data: bytes) -> None:
        """Takes what arrived."""
        ...

    def next(self) -> Any:
        """The next request, which only its own conversation understands; None if there is no whole one."""
        ...

    @property
    def unread(self) -> int:
        """Bytes that no request was made of yet."""
        ...


class Conversation(ABC):
    """What all connections of one listener have in common; `refusal` is the reply to those over the limit."""

    refusal: bytes

    def __init__(self, listener: Listener, answering: Answering) -> None:
        self.name = listener.name or listener.protocol.value
        self._answering = answering

    @abstractmethod
    def decoder(self) -> Decoder:
        """A decoder for a new connection."""

    @abstractmethod
    def reply(self, request: Any) -> bytes:
        """The reply to one request; never raises."""


class LookupConversation(Conversation):
    """What the two protocols for maps have in common: replies that may be repeated."""

    def __init__(self, listener: Listener, answering: Answering, entries: int) -> None:
        super().__init__(listener, answering)
        self.cache = ReplyCache(entries)
        self.refusal = self._encode(TOO_MANY_CONNECTIONS)
        self._internal_error = self._encode(INTERNAL_ERROR)

    def reply(self, request: Any) -> bytes:
        """See `Conversation`."""
        return self._answer(request, -1, b"")

    def reply_to_one(self, data: bytes, stamp: int) -> bytes | None:
        """The reply, and the cache filled, if `data` is exactly one request; else None; never raises.

        `stamp` is the answering's, read before.
        """
        try:
            request = self._parse_one(data)
        except Exception:
            _trouble.exception("%s: not parsed at once: %.400r", self.name, data)
            return None
        return None if request is None else self._answer(request, stamp, data)

    @abstractmethod
    def _ask(self, request: Any, stamp: int) -> Answer: ...

    @abstractmethod
    def _encode(self, answer: Answer) -> bytes: ...

    @abstractmethod
    def _parse_one(self, data: bytes) -> Any: ...

    def _answer(self, request: Any, stamp: int, data: bytes) -> bytes:
        """The reply, kept for `data` if it holds under `stamp`.

        Whether it does is asked, because a stamp may come back: the state goes from live to stale to live
        without a commit.  A `TEMP` is not kept: its cause may go without a new stamp.
        """
        try:
            answer = self._ask(request, stamp)
            reply = self._encode(answer)
            if stamp >= 0 and not isinstance(answer, TempFail) and self._answering.holds(stamp):
                self.cache.keep(stamp, data, reply)
            return reply
        except Exception:
            _trouble.exception("%s: no answer to %.400r", self.name, request)
            return self._internal_error


class SocketmapConversation(LookupConversation):
    """Every request names its map."""

    _encode = staticmethod(socketmap.encode)
    _parse_one = staticmethod(socketmap.parse_one)

    def decoder(self) -> Decoder:
        """See `Conversation`."""
        return socketmap.RequestDecoder()

    def _ask(self, request: socketmap.Request, stamp: int) -> Answer:
        return self._answering.answer(request.map, request.key, stamp)


class TcpTableConversation(LookupConversation):
    """One map for each port; a line that is no request is its answer already."""

    _encode = staticmethod(tcp_table.encode)
    _parse_one = staticmethod(tcp_table.parse_one)

    def __init__(self, listener: Listener, answering: Answering, entries: int) -> None:
        super().__init__(listener, answering, entries)
        self._map_name = listener.map_name

    def decoder(self) -> Decoder:
        """See `Conversation`."""
        return tcp_table.RequestDecoder()

    def _ask(self, request: tcp_table.Request | TempFail, stamp: int) -> Answer:
        if isinstance(request, TempFail):
            return request
        return self._answering.answer(self._map_name, request.key, stamp)


class PolicyConversation(Conversation):
    """An action depends on more attributes than are ever sent twice: nothing is kept."""

    refusal = policy.encode(f"DEFER_IF_PERMIT 4.3.0 {TOO_MANY_CONNECTIONS.reason}")

    def decoder(self) -> Decoder:
        """See `Conversation`."""
        return policy.RequestDecoder()

    def reply(self, request: policy.Request) -> bytes:
        """See `Conversation`."""
        try:
            action = self._answering.policy(_text(request.attributes))
        except Exception:
            _trouble.exception("%s: no action for a policy request", self.name)
            action = f"DEFER_IF_PERMIT 4.3.0 {INTERNAL_ERROR.reason}"
        return policy.encode(action)


def conversation(listener: Listener, answering: Answering, entries: int) -> Conversation:
    """The conversation that a listener's protocol asks for, with a cache of so many replies."""
    if listener.protocol is WireProtocol.SOCKETMAP:
        return SocketmapConversation(listener, answering, entries)
    if listener.protocol is WireProtocol.TCP_TABLE:
        return TcpTableConversation(listener, answering, entries)
    return PolicyConversation(listener, answering)


def _text(attributes: Mapping[bytes, bytes]) -> dict[str, str]:
    """Attributes as text; bytes that are not UTF-8 come out as `\\xNN`, which no address contains."""
    return {
        name.decode("utf-8", "backslashreplace"): value.decode("utf-8", "backslashreplace")
        for name, value in attributes.items()
    }
