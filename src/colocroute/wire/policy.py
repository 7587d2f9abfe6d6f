"""Postfix's policy delegation protocol, server side: `name=value` lines in, one action out.

Owns what a policy request (lines up to an empty one) and a reply look like (SMTPD_POLICY_README, Postfix
smtpd_check.c, attr_scan_plain.c).  Rule: what is not a policy request has no reply; the connection is
closed, and Postfix tries once more and then defers.  Must not know what an attribute means, nor any
socket.
"""

from collections.abc import Mapping

import msgspec

from colocroute.errors import PeerError
from colocroute.wire import stream, text

# Longest request, with its empty line: ours, as for the other protocols.  Postfix sends some 1,000 bytes.
REQUEST_LIMIT = 100_000

# Most attributes in a request: ours.  Postfix sends some 30 (SMTPD_POLICY_README); each costs us 100 bytes and
# more beside its own, so that a request of empty ones would take many times its length.
ATTRIBUTES_LIMIT = 200

# Longest action: a line of an SMTP reply has at most 512 bytes (RFC 5321, 4.5.3.1.5), its code included.
ACTION_LIMIT = 500

_REQUEST = b"request"
_ACCESS_POLICY = b"smtpd_access_policy"


class Request(msgspec.Struct, frozen=True):
    """The attributes as sent, unfolded; unknown ones included."""

    attributes: Mapping[bytes, bytes]


class RequestDecoder(stream.Decoder[Request]):
    """The server's side of a connection."""

    def __init__(self) -> None:
        super().__init__()
        self._attributes: dict[bytes, bytes] = {}
        self._size = 0

    @property
    def unread(self) -> int:
        """Bytes fed that no request was made of yet, lines of the current one included."""
        return self._size + super().unread

    def _decode(self) -> Request | None:
        while (line := self._take_line()) is not None:
            self._size += len(line) + 1
            self._check_size(self._size)
            if line:
                self._add(line)
            else:
                return self._finish()
        self._check_size(self.unread)
        return None

    def _add(self, line: bytes) -> None:
        name, separator, value = line.partition(b"=")
        if not separator:
            raise PeerError(f"policy attribute of {len(line)} bytes without '=': {_shown(line)}")
        if name in self._attributes:
            # Postfix sends each name once.  Of two client addresses one is a lie, and none says which.
            raise PeerError(f"policy attribute {_shown(name)} sent twice")
        if name == _REQUEST and value != _ACCESS_POLICY:
            raise PeerError(f"policy request {_shown(value)} instead of 'smtpd_access_policy'")
        if len(self._attributes) == ATTRIBUTES_LIMIT:
            raise PeerError(f"policy request of more than {ATTRIBUTES_LIMIT} attributes")
        self._attributes[name] = value

    def _finish(self) -> Request:
        attributes, self._attributes, self._size = self._attributes, {}, 0
        if _REQUEST not in attributes:
            raise PeerError(f"policy request of {len(attributes)} attributes without 'request'")
        return Request(attributes)

    @staticmethod
    def _check_size(size: int) -> None:
        if size > REQUEST_LIMIT:
            raise PeerError(f"policy request of more than {REQUEST_LIMIT} bytes")


def encode(action: str) -> bytes:
    """The reply: an access(5) action, made one printable line whatever is in it."""
    return b"action=%b\n\n" % text.printable(action, ACTION_LIMIT)


def _shown(data: bytes) -> str:
    """The beginning of what a peer sent, quoted and printable."""
    return repr(data[:40])[1:]
