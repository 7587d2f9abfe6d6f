"""Where mail ends: the mailbox server of each site (LMTP) and the outside (SMTP).

Owns the record of who got what, where and when.  Limit: what arrives is kept in memory.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from aiosmtpd.controller import Controller
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.lab.daemon import DEADLINE_SECONDS
from tests.threesites.network import OUTSIDE, Network

LMTP_PORT = 24
SMTP_PORT = 25
NULL_SENDER = "<>"  # as aiosmtpd has it
NO_MAILBOX = "550 5.1.1 no such mailbox"


class Arrival(msgspec.Struct, frozen=True):
    """One mail to one recipient; `at` in seconds of the monotonic clock."""

    place: str
    sender: str
    recipient: str
    content: bytes
    at: float

    @property
    def mailbox(self) -> str:
        """The recipient's local part without extension, in lower case."""
        return mailbox_of(self.recipient)


class Receiver:
    """Takes mail for `mailboxes`, or for everybody if that is None."""

    def __init__(self, place: str, mailboxes: set[str] | None) -> None:
        self.place = place
        self.mailboxes = mailboxes
        self.arrivals: list[Arrival] = []
        self.refused: list[str] = []

    async def handle_RCPT(  # noqa: N802 - the name is aiosmtpd's
        self, _server: Any, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """The reply to one recipient."""
        if self.mailboxes is not None and mailbox_of(address) not in self.mailboxes:
            self.refused.append(address)
            return NO_MAILBOX
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the name is aiosmtpd's
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """The reply to the content; by LMTP one for each recipient (RFC 2033 section 4.2)."""
        content = envelope.content
        assert isinstance(content, bytes)
        now = time.monotonic()
        sender = (envelope.mail_from or "").replace(NULL_SENDER, "")
        for recipient in envelope.rcpt_tos:
            self.arrivals.append(Arrival(self.place, sender, recipient, content, now))
        replies = len(envelope.rcpt_tos) if isinstance(server, LMTP) else 1
        return "\r\n".join(["250 OK"] * replies)


def mailbox_of(address: str) -> str:
    """The local part without extension, in lower case."""
    return address.rpartition("@")[0].partition("+")[0].lower()


@contextmanager
def receiver(network: Network, place: str, mailboxes: set[str] | None = None) -> Iterator[Receiver]:
    """A running one: LMTP on the loopback of a site, or SMTP in the outside."""
    taker = Receiver(place, mailboxes)
    server = SMTP if place == OUTSIDE else LMTP

    class Server(Controller):
        def factory(self) -> SMTP:
            return server(self.handler, hostname=f"{place}.example", enable_SMTPUTF8=True)

    # The controller's thread is born in the namespace, and so are its sockets.
    with network.inside(place):
        controller = Server(
            taker,
            hostname="0.0.0.0" if place == OUTSIDE else "127.0.0.1",
            port=SMTP_PORT if place == OUTSIDE else LMTP_PORT,
            ready_timeout=DEADLINE_SECONDS,
        )
        controller.start()
    try:
        yield taker
    finally:
        controller.stop()
