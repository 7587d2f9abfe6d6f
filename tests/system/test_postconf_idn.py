"""Mail to a domain with national characters, in both forms, through a real Postfix and the lines of `postconf`.

One site; the server of the other, and the rest of the world, take everything.
"""

from collections.abc import Iterator

import pytest

from colocroute.model import UserEntry
from colocroute.routing.view import Rules
from tests.lab import mailcompany
from tests.lab.mailcompany import CENTRAL, OWN_CLIENT, STRANGER, Site, wire
from tests.lab.sink import Sink, smtp_sink

PUBLIC, PUBLIC_U = "xn--mller-kva.tux", "müller.tux"
BROKEN = "xn--99999999999.tux"  # no U-label: what it decodes to is no A-label's
MUNICH, MUNICH_U = "xn--mnchen-3ya.test.tux", "münchen.test.tux"
USERS = {
    "karl": UserEntry(addresses=(f"karl@{PUBLIC}",), routes=(f"karl@{MUNICH}",)),
    "lena": UserEntry(addresses=(f"lena@{PUBLIC}", f"lena@{BROKEN}"), routes=(f"lena@{CENTRAL}",)),
}


@pytest.fixture(scope="module")
def central() -> Iterator[tuple[Site, Sink]]:
    """The site, and the server of the other."""
    with smtp_sink() as munich, smtp_sink() as world, mailcompany.site(CENTRAL, world) as here:
        ports = {CENTRAL: here.server.port, MUNICH: munich.port}
        told = mailcompany.records(
            {site: f"smtp:[127.0.0.1]:{port}" for site, port in ports.items()}, users=USERS
        )
        config = here.server.directory / "colocroute.toml"
        domains = f'domains = ["test.tux", "{PUBLIC_U}", "{BROKEN}"]'
        config.write_text(config.read_text().replace('domains = ["test.tux"]', domains))
        mailcompany.fill_mirror(config, told)
        assert wire(config, here.server.config) == 0
        here.server.reload()
        here.rules = Rules(
            domains=("test.tux", PUBLIC, BROKEN), local_transport=f"lmtp:inet:127.0.0.1:{here.box.port}"
        )
        here.knows(told)
        yield here, munich


def send(here: Site, recipient: str, client: str = STRANGER) -> None:
    """One mail, with SMTPUTF8."""
    with here.session(client) as session:
        session.sendmail("x@example.com", [recipient], "Subject: t\n\nt\n", ["SMTPUTF8"])


def reply(here: Site, recipient: str, client: str = STRANGER) -> str:
    """The same up to the recipient."""
    with here.session(client) as session:
        session.ehlo()
        session.mail("x@example.com", ["SMTPUTF8"])
        code, text = session.rcpt(recipient)
        return f"{code} {text.decode()}"


@pytest.mark.parametrize("domain", [PUBLIC, PUBLIC_U, PUBLIC_U.upper()])
def test_a_public_address_arrives_in_every_form(central: tuple[Site, Sink], domain: str) -> None:
    here, munich = central
    munich.mails.clear()
    here.box.mails.clear()
    send(here, f"karl@{domain}")
    munich.wait_for(f"karl@{MUNICH}")
    send(here, f"lena@{domain}")
    here.box.wait_for(f"lena@{CENTRAL}")
    here.server.wait_empty()


@pytest.mark.parametrize("domain", [MUNICH, MUNICH_U])
def test_a_route_address_arrives_in_every_form(central: tuple[Site, Sink], domain: str) -> None:
    here, munich = central
    munich.mails.clear()
    send(here, f"karl@{domain}", OWN_CLIENT)
    munich.wait_for(f"karl@{domain}")
    here.server.wait_empty()


def test_what_is_no_u_label_arrives_as_it_is(central: tuple[Site, Sink]) -> None:
    here, _ = central
    here.box.mails.clear()
    send(here, f"lena@{BROKEN}")
    here.box.wait_for(f"lena@{CENTRAL}")


@pytest.mark.parametrize("domain", [PUBLIC, PUBLIC_U])
def test_unknown_people_are_refused_in_every_form(central: tuple[Site, Sink], domain: str) -> None:
    here, _ = central
    assert "550 5.1.1" in (said := reply(here, f"nobody@{domain}")) and "virtual alias table" in said


@pytest.mark.parametrize("domain", [MUNICH, MUNICH_U])
def test_strangers_are_refused_in_every_form(central: tuple[Site, Sink], domain: str) -> None:
    here, _ = central
    assert reply(here, f"karl@{domain}").startswith("554 5.7.1")
