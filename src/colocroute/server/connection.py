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

# Requests answered before the next connection has its turn.  Bytes do not bound the work: 4,096 of them are as
# many empty lines, and ten milliseconds.
REQUESTS_LIMIT = 64


class Connection:
    """`out` is what the client has not taken yet; `closing`: nothing follows it; `fd` is -1 once closed.

    `more`: requests may have been left for its next turn.  `paused`: it is not read from.
    """

    __slots__ = ("closing", "conversation", "decoder", "fd", "more", "out", "paused", "refused", "socket")

    def __init__(self, client: socket.socket, conversation: Conversation, *, refused: bool = False) -> None:
        self.socket = client
        self.fd = client.fileno()
        self.conversation = conversation
        self.decoder = conversation.decoder()
        self.refused = refused
        self.closing = False
        self.more = False
        self.paused = False
        self.out = b""

    @property
    def at_rest(self) -> bool:
        """Whether the next bytes may be taken for one whole request."""
        return not (self.decoder.unread or self.out or self.closing or self.refused)

    def replies(self, data: bytes) -> bytes:
        """Replies to the requests that are whole with `data`, as many as one turn may have; never raises.

        After it `more` says whether to ask again, with nothing.
        """
        self.more = False
        if self.closing:
            return b""
        replies: list[bytes] = []
        size = 0
        decoder, conversation = self.decoder, self.conversation
        try:
            decoder.feed(data)
            while (request := decoder.next()) is not None:
                if self.refused:
                    self.closing = True
                    return conversation.refusal
                reply = conversation.reply(request)
                replies.append(reply)
                size += len(reply)
                if size >= REPLIES_LIMIT or len(replies) == REQUESTS_LIMIT:
                    self.more = decoder.unread > 0
                    break
        except PeerError as error:
            self.closing = True
            _malformed.warning("%s: connection closed: %s", conversation.name, error)
        except Exception:
            self.closing = True
            _trouble.exception("%s: connection closed", conversation.name)
        return b"".join(replies)
