"""A mail server that takes everything and remembers it: SMTP or LMTP.

Owns a port of the loopback and a thread.  Limit: what arrives is kept in memory.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from aiosmtpd.controller import Controller
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.lab.daemon import DEADLINE_SECONDS, free_port, wait_for


class Mail(msgspec.Struct, frozen=True):
    """One transaction: envelope and content."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes


class Sink:
    """What arrived, in order.  `refuse` has replies for recipients that are not taken."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.mails: list[Mail] = []
        self.refuse: dict[str, str] = {}

    async def handle_RCPT(  # noqa: N802 - the name is aiosmtpd's
        self, _server: Any, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """The reply to one recipient."""
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - the name is aiosmtpd's
        self, server: Any, _session: Session, envelope: Envelope
    ) -> str:
        """The reply to the content; LMTP wants one for each recipient (RFC 2033, 4.2)."""
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(Mail(envelope.mail_from or "", tuple(envelope.rcpt_tos), content))
        return "\r\n".join(["250 OK"] * (len(envelope.rcpt_tos) if isinstance(server, LMTP) else 1))

    def to(self, recipient: str) -> list[Mail]:
        """The mails that have this envelope recipient."""
        return [mail for mail in list(self.mails) if recipient in mail.recipients]

    def wait_for(self, recipient: str) -> Mail:
        """The first mail to this envelope recipient, as soon as it is there."""
        wait_for(lambda: bool(self.to(recipient)), f"mail to {recipient}")
        return self.to(recipient)[0]


@contextmanager
def smtp_sink() -> Iterator[Sink]:
    """Another site, or the rest of the world."""
    with _sink(SMTP) as sink:
        yield sink


@contextmanager
def lmtp_sink() -> Iterator[Sink]:
    """A store of mailboxes."""
    with _sink(LMTP) as sink:
        yield sink


@contextmanager
def _sink(server: type[SMTP]) -> Iterator[Sink]:
    sink = Sink(free_port())

    class SinkController(Controller):
        def factory(self) -> SMTP:
            return server(self.handler, hostname="sink.example", enable_SMTPUTF8=True)

    controller = SinkController(sink, hostname="127.0.0.1", port=sink.port, ready_timeout=DEADLINE_SECONDS)
    controller.start()
    try:
        yield sink
    finally:
        controller.stop()
