"""One client: from the bytes that arrived to the bytes to send.

Owns the order of replies and the end of a conversation that went wrong.  Must not know events, nor read or
write itself.
"""

import logging
import socket

from colocroute.errors import PeerError
from colocroute.server.conversation import Conversation
from colocroute.server.ratelimit import LimitedLog

log = logging.getLogger(__name__)
_malformed = LimitedLog(log)
_trouble = LimitedLog(log)

# Bytes of replies computed before they are sent: with one reply more, all that a client can have us hold.
REPLIES_LIMIT = 65_536


class Connection:
    """`out` is what the client has not taken yet; `closing`: nothing follows it; `fd` is -1 once closed."""

    __slots__ = ("closing", "conversation", "decoder", "fd", "out", "refused", "socket")

    def __init__(self, client: socket.socket, conversation: Conversation, *, refused: bool = False) -> None:
        self.socket = client
        self.fd = client.fileno()
        self.conversation = conversation
        self.decoder = conversation.decoder()
        self.refused = refused
        self.closing = False
        self.out = b""

    @property
    def at_rest(self) -> bool:
        """Whether the next bytes may be taken for one whole request."""
        return not (self.decoder.unread or self.out or self.closing or self.refused)

    def replies(self, data: bytes) -> bytes:
        """Replies to the requests that are whole with `data`; never raises.

        If they are `REPLIES_LIMIT` bytes or more there may be others: ask again, with nothing.
        """
        if self.closing:
            return b""
        replies: list[bytes] = []
        size = 0
        decoder, conversation = self.decoder, self.conversation
        try:
            decoder.feed(data)
            while size < REPLIES_LIMIT and (request := decoder.next()) is not None:
                if self.refused:
                    self.closing = True
                    return conversation.refusal
                reply = conversation.reply(request)
                replies.append(reply)
                size += len(reply)
        except PeerError as error:
            self.closing = True
            _malformed.warning("%s: connection closed: %s", conversation.name, error)
        except Exception:
            self.closing = True
            _trouble.exception("%s: connection closed", conversation.name)
        return b"".join(replies)
