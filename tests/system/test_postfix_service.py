"""Real mail: a running Postfix that asks the running service, which follows a real slapd.

Each test is made over a unix socketmap, an inet socketmap and tcp_tables.  External mailboxes are reached by
SMTP, those that are here by LMTP, the rest of the world by another SMTP server.
"""

import signal
import smtplib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from colocroute.model import Found, TempFail
from tests.lab.company import SUFFIX, USERS, as_ldif, company_ldif
from tests.lab.daemon import Daemon, daemon, free_port, kill, wait_for
from tests.lab.postfix import Postfix, postfix
from tests.lab.sink import Sink, lmtp_sink, smtp_sink
from tests.lab.slapd import Slapd

MAPS = {
    "virtual_alias": "virtual_alias_maps",
    "transport": "transport_maps",
    "recipient": "relay_recipient_maps",
}
CENTRAL, EXTERNAL = "central.test.tux", "external.test.tux"
SENDER = "x@example.com"
FOREIGN = "somebody@example.org"
PEOPLE: dict[str, Mapping[str, list[str]]] = {
    "anna": {
        "mail": ["anna@test.tux"],
        "alias": ["a.smith@test.tux"],
        "colocRouteAddress": [f"anna@{EXTERNAL}"],
    },
    "bob": {"mail": ["bob@test.tux"], "alias": ["team@test.tux"], "colocRouteAddress": [f"bob@{CENTRAL}"]},
    "dora": {
        "mail": ["dora@test.tux"],
        "alias": ["team@test.tux"],
        "colocRouteAddress": [f"dora@{EXTERNAL}"],
    },
    "john": {"mail": ['"john doe"@test.tux'], "colocRouteAddress": [f'"john doe"@{EXTERNAL}']},
}
DELIVERIES = {
    "anna@test.tux": f"anna@{EXTERNAL}",
    "a.smith@test.tux": f"anna@{EXTERNAL}",
    "anna+News@test.tux": f"anna+News@{EXTERNAL}",
    "DORA@Test.TUX": f"dora@{EXTERNAL}",
    f"dora+x@{EXTERNAL}": f"dora+x@{EXTERNAL}",
    '"john doe"@test.tux': f'"john doe"@{EXTERNAL}',
    "bob@test.tux": f"bob@{CENTRAL}",
    "Bob+Lists@test.tux": f"bob+Lists@{CENTRAL}",
    FOREIGN: FOREIGN,
}


class World:
    """The directory, the service, and where mail ends."""

    def __init__(self, slapd: Slapd, service: Daemon, sinks: dict[str, Sink], ports: dict[str, int]) -> None:
        self.slapd = slapd
        self.service = service
        self.sinks = sinks
        self._ports = ports

    def table(self, kind: str, name: str) -> str:
        """How main.cf names one map."""
        if kind == "tcp":
            return f"tcp:127.0.0.1:{self._ports[name]}"
        at = f"unix:{self.service.socket}" if kind == "unix" else f"inet:127.0.0.1:{self._ports['inet']}"
        return f"socketmap:{at}:{name}"


def ldif(external: int) -> str:
    """The white paper's company: sites, and a few people."""
    people = (
        as_ldif(
            f"uid={uid},{USERS}",
            {
                "objectClass": ["inetOrgPerson", "OXUserObject"],
                "uid": [uid],
                "cn": [uid],
                "sn": [uid],
                **values,
            },
        )
        for uid, values in PEOPLE.items()
    )
    return company_ldif(0).replace("smtp:[10.2.0.1]", f"smtp:[127.0.0.1]:{external}") + "".join(people)


def sections(slapd: Slapd, local: Sink, ports: dict[str, int]) -> dict[str, dict[str, Any]]:
    return {
        "directory": {"uri": slapd.ldapi, "base": SUFFIX},
        "routing": {
            "domains": ["test.tux"],
            "here": [CENTRAL],
            "local_transport": f"lmtp:inet:127.0.0.1:{local.port}",
            "stale_after": "2s",
        },
        "listen": {
            "tcp_table": {name: f"127.0.0.1:{ports[name]}" for name in MAPS},
            "socket_mode": "0666",
        },
    }


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    ports = {name: free_port() for name in (*MAPS, "inet")}
    with (
        smtp_sink() as external,
        lmtp_sink() as local,
        smtp_sink() as outside,
        Slapd(ldif(external.port)) as slapd,
        daemon({}, start=False) as service,
    ):
        wanted = sections(slapd, local, ports)
        wanted["listen"]["socketmap"] = [f"unix:{service.socket}", f"inet:127.0.0.1:{ports['inet']}"]
        service.write_config(wanted)
        service.directory.chmod(0o755)
        service.start()
        service.wait_state("live")
        yield World(slapd, service, {EXTERNAL: external, CENTRAL: local, "example.org": outside}, ports)


@pytest.fixture(scope="module", params=["unix", "inet", "tcp"])
def mail(request: pytest.FixtureRequest, world: World) -> Iterator[Postfix]:
    """A Postfix that asks over one kind of table."""
    main = {parameter: world.table(request.param, name) for name, parameter in MAPS.items()}
    with postfix(
        {
            **main,
            "virtual_alias_domains": "test.tux",
            "relay_domains": f"{CENTRAL}, {EXTERNAL}",
            "relayhost": f"[127.0.0.1]:{world.sinks['example.org'].port}",
            "enable_original_recipient": "no",
        }
    ) as instance:
        yield instance


@pytest.fixture
def session(mail: Postfix) -> Iterator[smtplib.SMTP]:
    """An SMTP session up to MAIL FROM."""
    with mail.session() as smtp:
        smtp.ehlo()
        assert smtp.mail(SENDER)[0] == 250
        yield smtp


def rcpt(session: smtplib.SMTP, recipient: str) -> str:
    code, text = session.docmd(f"RCPT TO:<{recipient}>")
    return f"{code} {text.decode()}"


def test_every_recipient_is_rewritten_and_delivered_where_it_belongs(mail: Postfix, world: World) -> None:
    for recipient, expected in DELIVERIES.items():
        domain = expected.rpartition("@")[2]
        sink = world.sinks[domain]
        sink.mails.clear()
        mail.send(SENDER, recipient)
        sink.wait_for(expected)
        assert [one.recipients for one in sink.mails] == [(expected,)]
        assert sink.mails[0].sender == SENDER
    mail.wait_empty()


def test_two_addresses_of_one_person_are_one_mail(mail: Postfix, world: World) -> None:
    sink = world.sinks[EXTERNAL]
    sink.mails.clear()
    mail.send(SENDER, "anna@test.tux", "A.Smith@test.tux", "dora@test.tux")
    sink.wait_for(f"dora@{EXTERNAL}")
    mail.wait_empty()
    assert sorted(to for one in sink.mails for to in one.recipients) == [
        f"anna@{EXTERNAL}",
        f"dora@{EXTERNAL}",
    ]


def test_who_does_not_exist_is_refused_and_who_is_disputed_waits(session: smtplib.SMTP) -> None:
    for recipient in ("nobody@test.tux", "anna.smith@test.tux", f"nobody@{EXTERNAL}", f"nobody@{CENTRAL}"):
        assert rcpt(session, recipient).startswith("550 5.1.1 "), recipient
    assert rcpt(session, "team@test.tux").startswith("451 4.3.0 ")
    for recipient in DELIVERIES:
        assert rcpt(session, recipient).startswith("250 "), recipient


def test_without_the_directory_known_recipients_go_on_and_unknown_ones_wait(
    session: smtplib.SMTP, mail: Postfix, world: World
) -> None:
    sink = world.sinks[EXTERNAL]
    sink.mails.clear()
    world.slapd.kill()
    try:
        assert rcpt(session, "anna@test.tux").startswith("250 ")
        world.service.wait_state("stale")
        for recipient in DELIVERIES:
            assert rcpt(session, recipient).startswith("250 "), recipient
        for recipient in ("nobody@test.tux", f"nobody@{EXTERNAL}"):
            assert rcpt(session, recipient).startswith("451 4.3.0 "), recipient
        mail.send(SENDER, "anna@test.tux", FOREIGN)
        sink.wait_for(f"anna@{EXTERNAL}")
    finally:
        world.slapd.start()
    world.service.wait_state("live")
    assert rcpt(session, "nobody@test.tux").startswith("550 5.1.1 ")
    mail.wait_empty()


@pytest.mark.parametrize("how", ["restart", "worker killed"])
def test_a_session_outlives_the_service(session: smtplib.SMTP, mail: Postfix, world: World, how: str) -> None:
    """Between two mails: what cleanup(8) asks while nobody listens is lost, and systemd's sockets are for that."""
    service = world.service
    assert rcpt(session, "anna@test.tux").startswith("250 ")
    assert session.data("Subject: t\n\nt\n")[0] == 250
    if how == "restart":
        assert service.stop() == 0
        service.start()
    else:
        kill(service.status()["workers"][0]["pid"], signal.SIGKILL)
    assert session.mail(SENDER)[0] == 250
    for recipient in DELIVERIES:
        assert rcpt(session, recipient).startswith("250 "), recipient
    assert session.data("Subject: t\n\nt\n")[0] == 250, mail.log_text()[-1500:]
    mail.wait_empty()
    service.wait_state("live")


def test_a_change_is_mail_that_goes_elsewhere(mail: Postfix, world: World) -> None:
    dn = f"uid=anna,{USERS}"
    world.slapd.modify(dn, colocRouteAddress=[f"anna@{CENTRAL}"])
    try:
        wait_for(
            lambda: world.service.ask("virtual_alias", "anna@test.tux") == Found(f"anna@{CENTRAL}"),
            "the move",
        )
        for address in ("a.smith@test.tux", f"anna@{EXTERNAL}"):
            world.sinks[CENTRAL].mails.clear()
            mail.send(SENDER, address)
            assert world.sinks[CENTRAL].wait_for(f"anna@{CENTRAL}").recipients == (f"anna@{CENTRAL}",)
    finally:
        world.slapd.modify(dn, colocRouteAddress=[f"anna@{EXTERNAL}"])
        wait_for(
            lambda: world.service.ask("virtual_alias", "anna@test.tux") == Found(f"anna@{EXTERNAL}"), "home"
        )
    assert not isinstance(world.service.ask("transport", f"anna@{CENTRAL}"), TempFail)
