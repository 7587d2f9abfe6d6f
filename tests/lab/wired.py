"""A Postfix whose every table is the recorder's, each map called like its parameter.

Owns the instance, the recorder, the outside that mail is relayed to and an authentication server.
"""

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.lab import recorder
from tests.lab.daemon import wait_for
from tests.lab.postfix import Postfix, directory, postfix
from tests.lab.recorder import Recorder
from tests.lab.sasl import believer
from tests.lab.sink import Sink, smtp_sink

DOMAIN_LISTS = ("mydestination", "virtual_alias_domains", "virtual_mailbox_domains", "relay_domains")
ADDRESS_MAPS = (
    "virtual_alias_maps", "transport_maps", "relay_recipient_maps", "virtual_mailbox_maps",
    "local_recipient_maps", "canonical_maps", "smtpd_sender_login_maps", "smtp_generic_maps", "alias_maps",
)  # fmt: skip
SENDER = "sender@from.example"


class Lab:
    """A Postfix whose every table is `maps`, and the outside that it relays to."""

    def __init__(self, instance: Postfix, maps: Recorder, outside: Sink) -> None:
        self.postfix = instance
        self.maps = maps
        self.outside = outside

    @contextmanager
    def session(self, sender: str = SENDER) -> Iterator[smtplib.SMTP]:
        """An SMTP session up to MAIL FROM."""
        with self.postfix.session() as smtp:
            smtp.ehlo()
            assert smtp.docmd(f"MAIL FROM:<{sender}>")[0] == 250
            yield smtp

    def rcpt(self, recipient: str) -> tuple[int, str]:
        """The reply to one recipient in a session of its own."""
        with self.session() as smtp:
            return reply(smtp, recipient)

    def found(self, name: str, key: str, value: str = "x") -> None:
        """Puts a value into a map."""
        self.maps.answers[name, key] = f"OK {value}".encode()

    def asked(self, name: str, domain: str) -> list[str]:
        """The addresses in `domain` that a map was asked for."""
        return [key for key in self.maps.keys(name) if key.lower().endswith(f"@{domain}")]

    def wait_deferred(self, recipient: str) -> None:
        """Waits until the mail to this recipient has been tried and is kept."""

        def is_kept(mail: dict[str, Any]) -> bool:
            return mail["queue_name"] == "deferred" and any(
                one["address"] == recipient for one in mail["recipients"]
            )

        wait_for(lambda: any(map(is_kept, self.postfix.queue())), f"a deferred mail to {recipient}")


def reply(smtp: smtplib.SMTP, recipient: str) -> tuple[int, str]:
    code, text = smtp.docmd(f"RCPT TO:<{recipient}>")
    return code, text.decode()


@contextmanager
def wired() -> Iterator[Lab]:
    """A running instance with all that belongs to it."""
    with (
        directory() as place,
        recorder.socketmap(place) as maps,
        smtp_sink() as outside,
        believer(place) as sasl,
    ):
        main = {name: f"{maps.table}:{name}" for name in (*ADDRESS_MAPS, *DOMAIN_LISTS)}
        del main["virtual_alias_domains"]  # for its default
        restrictions = f"check_recipient_access {maps.table}:access, permit_mynetworks, reject"
        with postfix(
            {
                **main,
                **sasl,
                "relayhost": f"[127.0.0.1]:{outside.port}",
                "smtpd_sender_restrictions": "reject_sender_login_mismatch",
                "smtpd_recipient_restrictions": restrictions,
                "virtual_mailbox_base": "/tmp",
                "virtual_uid_maps": "static:65534",
                "virtual_gid_maps": "static:65534",
            }
        ) as instance:
            yield Lab(instance, maps, outside)
