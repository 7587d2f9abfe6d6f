"""A bound LDAP connection on which searches are sent and messages read.

Owns the socket from the bind on: requests are encoded and sent by `ldap3`, answers are read and decoded here,
in bounded portions and without ever waiting longer than asked to.  Must not know what the answers mean.
"""

import select
import ssl
import time
from collections.abc import Sequence
from typing import Any

import ldap3
import msgspec
from ldap3.core.exceptions import LDAPException
from ldap3.operation import search as ldap3_search

from colocroute.directory.messages import (
    NOTICE_OF_DISCONNECTION,
    UNSOLICITED,
    Message,
    RawEntry,
    Result,
    describe,
    printable,
)
from colocroute.directory.reader import MessageReader
from colocroute.errors import DirectoryError

READ_BYTES = 64 << 10  # some 200 entries; they and their bytes stay in the processor's cache
SEND_SECONDS = 5.0
SEARCH_SECONDS = 30.0
NO_ATTRIBUTES = ("1.1",)  # RFC 4511, 4.5.1.8
ANYTHING = "(objectClass=*)"

_search_operation: Any = ldap3_search.search_operation  # its stub lacks types


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """A search request.  Aliases are never followed, and no time limit is set (RFC 4511, 4.5.1)."""

    base: str
    scope: str = ldap3.SUBTREE
    filter: str = ANYTHING
    attributes: tuple[str, ...] = NO_ATTRIBUTES
    size_limit: int = 0
    control: tuple[str, bytes] | None = None
    """OID and value of a critical control."""


class Link:
    """`connection` is an open and bound `ldap3.Connection`, which must not be used by others any more."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._socket = connection.socket
        self._socket.setblocking(False)
        self._reader = MessageReader()
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def fileno(self) -> int:
        """The socket's descriptor, -1 once it is closed."""
        descriptor: int = self._socket.fileno()
        return descriptor

    def send(self, search: Search) -> int:
        """Sends the request; returns its message id.  Raises `DirectoryError`."""
        request = _search_operation(
            search.base,
            search.filter,
            search.scope,
            ldap3.DEREF_NEVER,
            list(search.attributes),
            search.size_limit,
            0,
            False,
            False,
            False,
        )
        controls = [(search.control[0], True, search.control[1])] if search.control else None
        try:
            self._socket.settimeout(SEND_SECONDS)
            message_id: int = self._connection.send("searchRequest", request, controls)
            self._socket.setblocking(False)
        except (LDAPException, OSError) as error:
            raise DirectoryError(printable(str(error))) from error
        # ldap3 keeps each request until it has read the answer, which it never does.
        self._connection.strategy._outstanding.pop(message_id, None)
        return message_id

    def receive(self, timeout: float) -> Sequence[Message] | None:
        """The messages in what has arrived, at most `READ_BYTES` of it; None if nothing came in time.

        Raises `DirectoryError` when the connection is over or what came is not LDAP.
        """
        if not self._poll.poll(max(0.0, timeout) * 1000):
            return None
        try:
            data = self._socket.recv(READ_BYTES)
            while data and isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
                data += self._socket.recv(READ_BYTES)  # the rest of a TLS record, of which poll knows nothing
        except ssl.SSLWantReadError:
            return []
        except OSError as error:
            raise DirectoryError(f"connection lost: {error.strerror or error}") from error
        if not data:
            cut = " in the middle of a message" if self._reader.unread else ""
            raise DirectoryError(f"the directory closed the connection{cut}")
        self._reader.feed(data)
        return list(self._reader)

    def ask(self, search: Search) -> tuple[list[RawEntry], Result]:
        """Sends a search and waits for its end; nothing else may be under way.  Raises `DirectoryError`."""
        message_id = self.send(search)
        entries: list[RawEntry] = []
        heard = time.monotonic()
        while True:
            messages = self.receive(heard + SEARCH_SECONDS - time.monotonic())
            if messages is None:
                raise DirectoryError(f"no answer to a search within {SEARCH_SECONDS:g} s")
            heard = time.monotonic()
            for message in messages:
                if message.message_id != message_id:
                    refuse_notice(message)
                elif isinstance(message, Result):
                    return entries, message
                elif isinstance(message, RawEntry):
                    entries.append(message)

    def close(self) -> None:
        """Says goodbye if that is possible at once, and closes; never raises."""
        try:
            self._socket.settimeout(0.1)
            self._connection.unbind()
        except (LDAPException, OSError):
            pass
        finally:
            self._socket.close()


def refuse_notice(message: Message) -> None:
    """Raises `DirectoryError` if this is a notice that the directory ends the connection (RFC 4511, 4.4)."""
    if not isinstance(message, Result) or message.message_id != UNSOLICITED:
        return
    if message.oid == NOTICE_OF_DISCONNECTION:
        raise DirectoryError(f"the directory ends the connection: {describe(message.code, message.text)}")
