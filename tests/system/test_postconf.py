"""What the lines of `colocroute postconf` make a real Postfix do with mail.

Two sites, one of them chrooted, with maps that answer as the service would; every mail goes the whole way
from SMTP to LMTP.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from smtplib import SMTPRecipientsRefused

import msgspec
import pytest

from colocroute.model import State
from colocroute.routing.view import Rules
from tests.lab import mailcompany
from tests.lab.company import SUFFIX, as_ldif
from tests.lab.daemon import daemon, free_port, wait_for
from tests.lab.mailcompany import CENTRAL, DOMAIN, EXTERNAL, OWN_CLIENT, MailCompany, Site
from tests.lab.postfix import postfix
from tests.lab.sink import Sink, lmtp_sink, smtp_sink

OUTSIDE = "x@example.com"


def test_a_public_address_goes_straight_to_its_site(company: MailCompany) -> None:
    company.central.send(OUTSIDE, "anna@test.tux")
    assert company.external.box.wait_for(f"anna@{EXTERNAL}").sender == OUTSIDE


def test_and_at_its_own_site_into_the_mailbox(company: MailCompany) -> None:
    company.external.send(OUTSIDE, "A.Smith@Test.Tux")
    assert company.external.box.wait_for(f"anna@{EXTERNAL}").sender == OUTSIDE
    assert not company.central.box.mails


def test_two_addresses_of_one_person_are_one_mail(company: MailCompany) -> None:
    company.central.send(OUTSIDE, "anna@test.tux", "a.smith@test.tux", "bob@test.tux")
    company.external.box.wait_for(f"anna@{EXTERNAL}")
    company.central.box.wait_for(f"bob@{CENTRAL}")
    company.central.server.wait_empty()
    company.external.server.wait_empty()
    assert len(company.external.box.mails) == len(company.central.box.mails) == 1


def test_an_extension_arrives(company: MailCompany) -> None:
    company.central.send(OUTSIDE, "anna+News@test.tux")
    company.external.box.wait_for(f"anna+News@{EXTERNAL}")


@pytest.mark.parametrize("site", [0, 1])
def test_unknown_people_are_refused_at_the_first_server(company: MailCompany, site: int) -> None:
    here = company.sites[site]
    for recipient in ("nobody@test.tux", "erik@test.tux"):
        assert "550 5.1.1" in (reply := here.reply(recipient)) and "virtual alias table" in reply
    for domain in (CENTRAL, EXTERNAL):
        assert here.reply(f"nobody@{domain}", client=OWN_CLIENT).startswith("450 4.1.1")


def test_two_owners_mean_later(company: MailCompany) -> None:
    assert company.central.reply("team@test.tux").startswith("451 4.3.0")


@pytest.mark.parametrize("state", [State.STALE, State.HELD])
def test_a_stale_mirror_delays_the_unknown_only(company: MailCompany, state: State) -> None:
    company.live(state)
    assert company.central.reply("nobody@test.tux").startswith(("450", "451"))
    company.central.send(OUTSIDE, "anna@test.tux")
    company.external.box.wait_for(f"anna@{EXTERNAL}")


def test_an_empty_mirror_delays_ours_and_lets_the_rest_go(company: MailCompany) -> None:
    for site in company.sites:
        site.knows([], State.EMPTY)
    assert company.central.reply("anna@test.tux").startswith(("450", "451"))
    company.central.send("bob@test.tux", "y@example.org", client=OWN_CLIENT)
    company.world.wait_for("y@example.org")


def test_a_former_route_is_forwarded(company: MailCompany) -> None:
    company.central.send("carla@test.tux", f"dora@{CENTRAL}", client=OWN_CLIENT)
    company.external.box.wait_for(f"dora@{EXTERNAL}")


def test_a_mail_in_the_queue_follows_its_recipient(company: MailCompany) -> None:
    """A retry asks `transport` alone, for the route of the day on which the mail came."""
    before = {"dora": msgspec.structs.replace(mailcompany.USERS["dora"], routes=(f"dora@{CENTRAL}",))}
    company.live(users={**mailcompany.USERS, **before})
    company.central.box.refuse = {f"dora@{CENTRAL}": "451 4.2.0 moving"}
    company.central.send(OUTSIDE, "dora@test.tux")
    company.central.server.wait_log("4.2.0 moving")
    company.live()
    # qmgr remembers the last recipient it resolved for 30 s (`resolve_clnt.c`): another one has to come.
    company.central.send(OUTSIDE, "bob@test.tux")
    company.central.box.wait_for(f"bob@{CENTRAL}")
    company.central.server.command("postqueue", "-f")
    company.external.box.wait_for(f"dora@{EXTERNAL}")
    company.central.box.refuse = {}


def test_strangers_have_no_business_with_site_domains(company: MailCompany) -> None:
    for reply in (
        company.central.reply(f"anna@{EXTERNAL}"),
        company.central.reply(f"bob@{CENTRAL}"),
        company.external.reply("anna@test.tux", sender=f"bob@{CENTRAL}"),
    ):
        assert reply.startswith("554 5.7.1") and "internal mail domain" in reply, reply


@pytest.mark.parametrize("state", [State.LIVE, State.STALE, State.HELD, State.EMPTY])
@pytest.mark.parametrize("verb", ["RCPT TO:", "VRFY "])
def test_strangers_cannot_tell_who_is_at_a_site(company: MailCompany, state: State, verb: str) -> None:
    company.live(state)
    for site in company.sites:
        for user, domain in (("bob", CENTRAL), ("anna", EXTERNAL)):
            # Postfix remembers for some seconds what it was told in the state before.
            wait_for(
                partial(all_hear, "554" if state is State.LIVE else "45", site, verb, user, domain),
                "one reply",
            )


def all_hear(code: str, site: Site, verb: str, user: str, domain: str) -> bool:
    """Whether a stranger hears one and the same, with this code, of who is there and of who is not."""
    said = replies_to(site, verb, (user, f"{user}+News", "nobody"), domain)
    return len(said) == 1 and str(said).startswith("{(" + code)


def replies_to(site: Site, verb: str, locals_: tuple[str, ...], domain: str) -> set[tuple[int, str]]:
    """What a stranger hears of these, with what differs by itself left out."""
    said = set()
    for local in locals_:
        with site.session() as session:
            session.ehlo()
            session.mail(OUTSIDE)
            code, text = session.docmd(f"{verb}<{local}@{domain}>")
            said.add((code, text.decode().replace(local, "...")))
    return said


def test_etrn_tells_nobody_which_site_domains_there_are(company: MailCompany) -> None:
    with company.central.session() as session:
        session.ehlo()
        told = {session.docmd("ETRN", domain) for domain in (CENTRAL, EXTERNAL, DOMAIN, "nowhere.example")}
    assert {code for code, _ in told} == {459}


def test_nobody_relays_through_us(company: MailCompany) -> None:
    assert company.central.reply("y@example.org").startswith("454 4.7.1")


def test_a_bounce_finds_its_sender_at_the_other_site(company: MailCompany) -> None:
    company.central.box.refuse = {f"bob@{CENTRAL}": "552 5.2.2 full"}
    try:
        company.external.send("anna@test.tux", "bob@test.tux", client=OWN_CLIENT)
        bounce = company.external.box.wait_for(f"anna@{EXTERNAL}")
    finally:
        company.central.box.refuse = {}
    assert bounce.sender in ("", "<>")
    company.central.server.wait_empty()


def test_a_bounce_that_cannot_be_delivered_ends(company: MailCompany) -> None:
    company.central.box.refuse = {f"bob@{CENTRAL}": "552 5.2.2 full"}
    try:
        company.central.send("", "bob@test.tux")
        company.central.server.wait_empty()
    finally:
        company.central.box.refuse = {}


def test_mail_of_the_host_itself_stays_local(company: MailCompany) -> None:
    host = f"central-mx.{DOMAIN}"
    company.central.server.sendmail("root", "root")
    company.central.box.wait_for(f"root@{host}")
    company.central.send(OUTSIDE, "postmaster")
    company.central.box.wait_for(f"postmaster@{host}")
    company.central.send(OUTSIDE, "postmaster@test.tux")
    company.central.box.wait_for(f"bob@{CENTRAL}")


def test_mail_to_the_host_of_another_site_is_not_refused(company: MailCompany) -> None:
    """A host below a site domain is no part of it (`parent_domain_matches_subdomains`)."""
    company.central.send("root", f"root@mx.{EXTERNAL}", client=OWN_CLIENT)
    company.world.wait_for(f"root@mx.{EXTERNAL}")


def test_the_sites_agree_but_for_the_chroot(company: MailCompany) -> None:
    names = ("mydestination", "virtual_alias_domains", "virtual_mailbox_domains", "relay_domains")
    lines = [site.server.command("postconf", *names) for site in company.sites]
    assert lines[0] == lines[1]
    maps = [site.server.command("postconf", "-h", "transport_maps") for site in company.sites]
    assert not maps[0].startswith(b"proxy:") and maps[1].startswith(b"proxy:socketmap:unix:")


def test_a_mail_costs_at_most_six_lookups(company: MailCompany) -> None:
    """POSTFIX.md section 1: three of transport, three of virtual alias; fewer if smtpd remembers."""
    tables = company.central.tables
    tables.requests.clear()
    company.central.send(OUTSIDE, "anna@test.tux")
    company.external.box.wait_for(f"anna@{EXTERNAL}")
    assert len(tables.keys("transport")) <= 3 and len(tables.keys("virtual_alias")) <= 3
    assert {request.map for request in tables.requests} == {"transport", "virtual_alias"}


@pytest.fixture
def others() -> Iterator[tuple[Sink, Sink]]:
    """The server of the external site, and the rest of the world."""
    with smtp_sink() as external, smtp_sink() as world:
        yield external, world


def know_alone(site: Site, external: int) -> None:
    """Gives a single site its view; the server of the other listens on this port."""
    ports = {CENTRAL: site.server.port, EXTERNAL: external}
    site.knows(mailcompany.records({domain: f"smtp:[127.0.0.1]:{port}" for domain, port in ports.items()}))


def test_without_rewriting(others: tuple[Sink, Sink]) -> None:
    external, world = others
    with mailcompany.site(CENTRAL, world, "--no-rewriting") as central:
        know_alone(central, external.port)
        central.send(OUTSIDE, "anna@test.tux")
        external.wait_for("anna@test.tux")
        central.send(OUTSIDE, "bob@test.tux")
        central.box.wait_for("bob@test.tux")
        assert central.reply("nobody@test.tux").startswith("550 5.1.1")
        assert central.reply("team@test.tux").startswith("451 4.3.0")
        # A domain below the public one is somebody else's.
        central.send(f"bob@{CENTRAL}", "list@lists.test.tux", client=OWN_CLIENT)
        assert world.wait_for("list@lists.test.tux").sender == "bob@test.tux"


def test_each_list_a_map(others: tuple[Sink, Sink]) -> None:
    external, world = others
    with mailcompany.site(CENTRAL, world, "--wiring", "maps") as central:
        know_alone(central, external.port)
        central.send(OUTSIDE, "anna@test.tux", "bob@test.tux")
        external.wait_for(f"anna@{EXTERNAL}")
        central.box.wait_for(f"bob@{CENTRAL}")
        assert central.reply("nobody@test.tux", client=OWN_CLIENT).startswith("550 5.1.1")
        for recipient in (f"nobody@{CENTRAL}", f"nobody@{EXTERNAL}"):
            assert central.reply(recipient, client=OWN_CLIENT).startswith("450 4.1.1"), recipient
        central.send(OUTSIDE, "y@example.org", client=OWN_CLIENT)
        world.wait_for("y@example.org")
        asked = {request.map for request in central.tables.requests}
        assert {"virtual_alias_domains", "virtual_mailbox_domains", "relay_domains"} <= asked


def test_mail_without_a_local_transport_waits(others: tuple[Sink, Sink]) -> None:
    external, world = others
    with mailcompany.site(CENTRAL, world, local_transport="") as central:
        central.rules = Rules(domains=(DOMAIN,))
        know_alone(central, external.port)
        central.send(OUTSIDE, "bob@test.tux")
        central.server.wait_log("routing.local_transport is not set")
        reasons = ["routing.local_transport is not set in colocroute.toml"]
        wait_for(lambda: delay_reasons(central) == reasons, "the reason in the queue")


def delay_reasons(site: Site) -> list[str]:
    """Why the mails in the queue wait; empty where that is not written down yet."""
    return [
        recipient.get("delay_reason", "") for mail in site.server.queue() for recipient in mail["recipients"]
    ]


def company_ldif(external_port: int) -> str:
    """Two sites and a user at each."""
    transports = {CENTRAL: "smtp:[127.0.0.1]:25", EXTERNAL: f"smtp:[127.0.0.1]:{external_port}"}
    entries: dict[str, dict[str, list[str]]] = {
        f"cn={domain}": {
            "objectClass": ["suseMailTransport"],
            "suseMailTransportDestination": [domain],
            "suseMailTransportNexthop": [nexthop],
        }
        for domain, nexthop in transports.items()
    }
    for uid, domain in {"anna": EXTERNAL, "bob": CENTRAL}.items():
        entries[f"uid={uid}"] = {"mail": [f"{uid}@{DOMAIN}"], "colocRouteAddress": [f"{uid}@{domain}"]}
    return "".join(as_ldif(f"{rdn},{SUFFIX}", attributes) for rdn, attributes in entries.items())


def test_with_the_service_itself(others: tuple[Sink, Sink], tmp_path: Path) -> None:
    """From an LDIF file through the daemon and its sockets into the mailbox."""
    external, world = others
    ldif = tmp_path / "users.ldif"
    ldif.write_text(company_ldif(external.port))
    with (
        lmtp_sink() as box,
        daemon(
            {
                "directory": {"uri": f"ldif:{ldif}", "base": SUFFIX},
                "routing": {
                    "domains": [DOMAIN],
                    "here": [CENTRAL],
                    "local_transport": f"lmtp:inet:127.0.0.1:{box.port}",
                },
                "listen": {"policy": [f"inet:127.0.0.1:{free_port()}"], "socket_mode": "0666"},
            }
        ) as service,
    ):
        service.directory.chmod(0o755)
        service.wait_state("live")
        parameters = {"myhostname": "mx.test.tux", "relayhost": f"[127.0.0.1]:{world.port}"}
        with postfix(parameters, start=False) as server:
            mailcompany.age(server.config)
            done = service.run("postconf", "--apply", "--config-dir", str(server.config))
            assert done.returncode == 0, done.stderr
            mailcompany.age(server.config)
            server.start()
            server.send(OUTSIDE, "anna@test.tux", "bob@test.tux")
            external.wait_for(f"anna@{EXTERNAL}")
            box.wait_for(f"bob@{CENTRAL}")
            with pytest.raises(SMTPRecipientsRefused, match="550"):
                server.send(OUTSIDE, "nobody@test.tux")
            server.send(f"bob@{CENTRAL}", "y@example.org")
            assert world.wait_for("y@example.org").sender == "bob@test.tux"
