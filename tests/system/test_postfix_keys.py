"""Which keys a real Postfix sends to each table, and what it makes of the replies: what routing relies on.

Each test names the parameter and the program.  Every map is the recorder's, called like its parameter.
"""

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.lab import recorder
from tests.lab.daemon import wait_for
from tests.lab.postfix import Postfix, directory, postfix
from tests.lab.recorder import CLOSE, Recorder, Request
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

    def wait_deferred(self) -> None:
        """Waits until a mail has been tried and is kept."""
        wait_for(
            lambda: any(mail["queue_name"] == "deferred" for mail in self.postfix.queue()), "a deferred mail"
        )


def reply(smtp: smtplib.SMTP, recipient: str) -> tuple[int, str]:
    code, text = smtp.docmd(f"RCPT TO:<{recipient}>")
    return code, text.decode()


@pytest.fixture(scope="module")
def running() -> Iterator[Lab]:
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


@pytest.fixture
def lab(running: Lab) -> Iterator[Lab]:
    """With no answers, and no process that remembers any."""
    running.maps.clear()
    running.postfix.reload()
    yield running
    running.postfix.command("postsuper", "-d", "ALL")


def test_virtual_alias_maps_in_smtpd_gets_the_quoted_form_then_the_unquoted(lab: Lab) -> None:
    assert lab.rcpt('"a b"@q.example')[0] == 250
    assert lab.asked("virtual_alias_maps", "q.example") == ['"a b"@q.example', "a b@q.example"]


def test_case_is_folded_in_smtpd_and_kept_in_cleanup_and_trivial_rewrite(lab: Lab) -> None:
    lab.postfix.send(SENDER, "Anna+News@Case.Example")
    lab.outside.wait_for("Anna+News@Case.Example")
    smtpd, *cleanup = lab.asked("virtual_alias_maps", "case.example")
    assert smtpd == "anna+news@case.example"
    assert cleanup == ["Anna+News@Case.Example"]
    assert set(lab.asked("transport_maps", "case.example")) == {"Anna+News@Case.Example"}
    assert set(lab.asked("access", "case.example")) == {"anna+news@case.example"}


def test_virtual_alias_maps_in_cleanup_gets_each_result_again(lab: Lab) -> None:
    lab.found("virtual_alias_maps", "a@again.example", "b@again.example, c@again.example")
    lab.found("virtual_alias_maps", "c@again.example", "c@again.example")
    lab.postfix.send(SENDER, "a@again.example")
    lab.outside.wait_for("b@again.example")
    lab.outside.wait_for("c@again.example")
    in_smtpd, *in_cleanup = lab.asked("virtual_alias_maps", "again.example")
    assert in_smtpd == "a@again.example"
    assert in_cleanup == ["a@again.example", "b@again.example", "c@again.example"]


def test_only_the_full_key_is_ever_sent(lab: Lab) -> None:
    lab.found("relay_domains", "sub.full.example")
    lab.found("relay_recipient_maps", "user+ext@sub.full.example")
    lab.postfix.send(SENDER, "user+ext@sub.full.example")
    lab.outside.wait_for("user+ext@sub.full.example")
    for name in (*ADDRESS_MAPS, "access"):
        keys = {key for key in lab.maps.keys(name) if "full" in key}
        bare = {"sub.full.example"} if name == "virtual_alias_maps" else set()
        assert keys - bare <= {"user+ext@sub.full.example"}, name
    for name in DOMAIN_LISTS:
        assert {key for key in lab.maps.keys(name) if "full" in key} <= {"sub.full.example"}, name


def test_the_domain_lists_get_the_bare_domain_in_order(lab: Lab) -> None:
    lab.rcpt("u@order.example")
    asked = [request.map for request in lab.maps.requests if request.key == b"order.example"]
    first_asked = sorted(set(asked), key=asked.index)
    assert first_asked == ["mydestination", "virtual_alias_maps", "virtual_mailbox_domains", "relay_domains"]


CLASSES = [
    ("mydestination", "local recipient"),
    ("virtual_alias_maps", "virtual alias"),
    ("virtual_mailbox_domains", "virtual mailbox"),
    ("relay_domains", "relay recipient"),
]


@pytest.mark.parametrize(("parameter", "table"), CLASSES)
def test_a_hit_of_a_bare_domain_gives_its_class(lab: Lab, parameter: str, table: str) -> None:
    """`virtual_alias_maps` too, by default: a hit for a bare domain there makes it an alias domain."""
    lab.found(parameter, "class.example")
    code, text = lab.rcpt("nobody@class.example")
    assert (code, text.rpartition(" in ")[2]) == (550, f"{table} table")


RECIPIENT_MAPS = [
    ("relay_domains", "relay_recipient_maps"),
    ("virtual_mailbox_domains", "virtual_mailbox_maps"),
    ("mydestination", "local_recipient_maps"),
]


@pytest.mark.parametrize(("parameter", "name"), RECIPIENT_MAPS)
def test_recipient_maps_are_asked_after_canonical_and_virtual_missed(
    lab: Lab, parameter: str, name: str
) -> None:
    lab.found(parameter, "exists.example")
    lab.found(name, "user+x@exists.example")
    assert lab.rcpt("User+X@exists.example")[0] == 250
    asked = [request.map for request in lab.maps.requests if request.key == b"user+x@exists.example"]
    assert [name for name in asked if name != "access"] == ["canonical_maps", "virtual_alias_maps", name]


@pytest.mark.parametrize(("parameter", "name"), RECIPIENT_MAPS)
def test_recipient_maps_are_not_asked_after_a_hit_in_virtual(lab: Lab, parameter: str, name: str) -> None:
    lab.found(parameter, "hit.example")
    lab.found("virtual_alias_maps", "user@hit.example", "user@elsewhere.example")
    assert lab.rcpt("user@hit.example")[0] == 250
    assert lab.asked(name, "hit.example") == []


def test_transport_maps_gets_the_full_address_and_a_star_on_a_miss(lab: Lab) -> None:
    lab.rcpt('"a b"@star.example')
    assert lab.asked("transport_maps", "star.example") == ['"a b"@star.example', "a b@star.example"]
    assert ("transport_maps", b"*") in {(request.map, request.key) for request in lab.maps.requests}


def test_a_failure_for_the_star_fails_every_address_that_is_not_found(lab: Lab) -> None:
    lab.maps.answers["transport_maps", "*"] = b"TEMP no"
    lab.found("transport_maps", "found@wild.example", f"smtp:[127.0.0.1]:{lab.outside.port}")
    lab.found("transport_maps", SENDER, f"smtp:[127.0.0.1]:{lab.outside.port}")
    lab.postfix.reload()
    assert lab.rcpt("found@wild.example")[0] == 250
    assert lab.rcpt("unfound@wild.example") == (451, "4.3.0 <unfound@wild.example>: Temporary lookup failure")


def test_canonical_maps_goes_ten_rounds_in_cleanup(lab: Lab) -> None:
    def next_one(request: Request) -> bytes | None:
        local, _, domain = request.key.decode().partition("@")
        if request.map != "canonical_maps" or domain != "round.example":
            return None
        return f"OK {int(local) + 1}@{domain}".encode()

    lab.maps.script = next_one
    lab.postfix.send("0@round.example", "user@to.example")
    lab.outside.wait_for("user@to.example")
    asked = lab.asked("canonical_maps", "round.example")
    assert len(set(asked)) == 10
    assert any("unreasonable" in line for line in lab.postfix.log_text().splitlines())


def test_smtp_generic_maps_gets_sender_and_recipients_once(lab: Lab) -> None:
    lab.found("smtp_generic_maps", "in@generic.example", "out@generic.example")
    lab.found("smtp_generic_maps", "out@generic.example", "further@generic.example")
    lab.postfix.send("in@generic.example", "to@generic.example")
    mail = lab.outside.wait_for("to@generic.example")
    assert mail.sender == "out@generic.example"
    assert set(lab.asked("smtp_generic_maps", "generic.example")) == {
        "in@generic.example",
        "to@generic.example",
    }


def test_a_failure_of_smtp_generic_maps_ends_the_smtp_process(lab: Lab) -> None:
    lab.maps.answers["smtp_generic_maps", "in@fatal.example"] = b"TEMP not now"
    lab.postfix.send("in@fatal.example", "to@fatal.example")
    lab.postfix.wait_log("fatal: smtp_generic_maps map lookup problem for in@fatal.example")
    lab.postfix.wait_log("smtp: bad command startup -- throttling")
    assert not lab.outside.to("to@fatal.example")
    assert lab.postfix.queue()


LOGINS = [("anna", 250), ("anna, bert", 250), ("bert anna", 250), ("bert,anna", 250), ("bert", 553)]


@pytest.mark.parametrize(("logins", "code"), LOGINS)
def test_smtpd_sender_login_maps_gives_a_list_of_logins(lab: Lab, logins: str, code: int) -> None:
    lab.found("smtpd_sender_login_maps", "anna+x@login.example", logins)
    with lab.postfix.session() as smtp:
        smtp.ehlo()
        smtp.login("anna", "any password")
        smtp.docmd("MAIL FROM:<Anna+X@login.example>")
        assert reply(smtp, "to@login.example")[0] == code
    assert set(lab.asked("smtpd_sender_login_maps", "login.example")) == {"anna+x@login.example"}


TEMPORARY = [
    ("virtual_alias_maps", "4.3.0 <u@temp.example>: Temporary lookup failure"),
    ("canonical_maps", "4.3.0 <u@temp.example>: Temporary lookup failure"),
    ("relay_recipient_maps", "4.3.0 <u@temp.example>: Temporary lookup failure"),
    ("transport_maps", "4.3.0 <u@temp.example>: Temporary lookup failure"),
    ("access", "4.3.5 <u@temp.example>: Recipient address rejected: Server configuration error"),
]


@pytest.mark.parametrize(("name", "text"), TEMPORARY)
def test_a_temporary_failure_in_smtpd_is_451(lab: Lab, name: str, text: str) -> None:
    lab.found("relay_domains", "temp.example")
    lab.maps.answers[name, "u@temp.example"] = b"TEMP some reason"
    assert lab.rcpt("u@temp.example") == (451, text)


def test_a_temporary_failure_in_cleanup_refuses_the_whole_message(lab: Lab) -> None:
    lab.found("virtual_alias_maps", "a@late.example", "b@late.example")
    lab.maps.answers["virtual_alias_maps", "b@late.example"] = b"TEMP some reason"
    with pytest.raises(smtplib.SMTPDataError) as caught:
        lab.postfix.send(SENDER, "a@late.example", "other@late.example")
    assert caught.value.smtp_code == 451
    assert not lab.outside.to("other@late.example")


REPLIES = [
    (b"TEMP some reason", 451, "4.3.0"),
    (b"TIMEOUT some reason", 451, "4.3.0"),
    (b"UNKNOWN word", 451, "4.3.0"),
    (CLOSE, 451, "4.3.0"),
    (b"PERM some reason", 451, "4.3.5"),
    (b"OK ", 451, "4.3.5"),
    (b"NOTFOUND ", 250, "2.1.5"),
    (b"OK u@elsewhere.example", 250, "2.1.5"),
]


@pytest.mark.parametrize(("answer", "code", "status"), REPLIES)
def test_the_words_of_socketmap(lab: Lab, answer: bytes, code: int, status: str) -> None:
    lab.maps.answers["virtual_alias_maps", "u@word.example"] = answer
    got, text = lab.rcpt("u@word.example")
    assert (got, text.partition(" ")[0]) == (code, status)


@pytest.mark.parametrize("answer", [b"PERM some reason", b"OK "])
def test_a_refusal_of_the_key_pages_the_postmaster(lab: Lab, answer: bytes) -> None:
    lab.maps.answers["virtual_alias_maps", "u@page.example"] = answer
    before = len(lab.outside.to("postmaster@mail.site.example"))
    lab.rcpt("u@page.example")
    wait_for(
        lambda: len(lab.outside.to("postmaster@mail.site.example")) > before, "a notice to the postmaster"
    )


def test_a_closed_connection_is_tried_once_more(lab: Lab) -> None:
    lab.maps.answers["virtual_alias_maps", "u@close.example"] = CLOSE
    lab.rcpt("u@close.example")
    connections = [
        r.connection
        for r in lab.maps.requests
        if (r.map, r.key) == ("virtual_alias_maps", b"u@close.example")
    ]
    assert len(connections) == 2
    assert len(set(connections)) == 2


def test_a_retry_from_the_queue_asks_transport_again_and_not_virtual(lab: Lab) -> None:
    lab.found("virtual_alias_maps", "a@retry.example", "b@retry.example")
    lab.found("transport_maps", "b@retry.example", "retry:later")
    lab.postfix.send(SENDER, "a@retry.example")
    lab.wait_deferred()
    lab.maps.clear()
    lab.postfix.send(SENDER, "other@retry.example")  # resolve_clnt.c remembers its last answer for 30 s
    lab.outside.wait_for("other@retry.example")
    lab.postfix.command("postqueue", "-f")
    lab.outside.wait_for("b@retry.example")
    assert "b@retry.example" in lab.asked("transport_maps", "retry.example")
    assert not {"a@retry.example", "b@retry.example"} & set(lab.asked("virtual_alias_maps", "retry.example"))


def test_a_failed_class_sticks_to_an_smtpd(lab: Lab) -> None:
    """Why domain lists belong into main.cf: the failure outlives its cause for as long as the process."""
    lab.maps.answers["relay_domains", "stick.example"] = b"TEMP not now"
    with lab.session() as smtp:
        assert reply(smtp, "u@stick.example")[0] == 451
        lab.maps.answers.clear()
        assert reply(smtp, "u@stick.example")[0] == 451
        assert reply(smtp, "v@stick.example")[0] == 250


AGENTS = [
    ("mydestination", "local_recipient_maps", "alias_maps"),
    ("virtual_mailbox_domains", "virtual_mailbox_maps", "virtual_mailbox_maps"),
]


@pytest.mark.parametrize(("parameter", "recipients", "refused"), AGENTS)
def test_delivery_agents_refuse_network_tables(
    lab: Lab, parameter: str, recipients: str, refused: str
) -> None:
    lab.found(parameter, "refuse.example")
    lab.found(recipients, "u@refuse.example")
    lab.postfix.send(SENDER, "u@refuse.example")
    lab.postfix.wait_log(f"recorder.sock:{refused} map is not allowed for security-sensitive data")
    lab.wait_deferred()


def test_labels_arrive_as_they_were_written(lab: Lab) -> None:
    with lab.postfix.session() as smtp:
        smtp.ehlo()
        smtp.docmd(f"MAIL FROM:<{SENDER}> SMTPUTF8")
        smtp.send("RCPT TO:<u@bücher.example>\r\n".encode())
        assert smtp.getreply()[0] == 250
        assert reply(smtp, "u@xn--bcher-kva.example")[0] == 250
    assert lab.asked("transport_maps", "bücher.example") == ["u@bücher.example"]
    assert lab.asked("transport_maps", "xn--bcher-kva.example") == ["u@xn--bcher-kva.example"]


def test_odd_keys_arrive_too(lab: Lab) -> None:
    with lab.session() as smtp:
        reply(smtp, "u@[1.2.3.4]")
        reply(smtp, '"a@b"@odd.example')
        reply(smtp, "x" * 1900 + "@odd.example")
    odd = {"[1.2.3.4]", '"a@b"@odd.example', "a@b@odd.example", "x" * 1900 + "@odd.example"}
    assert odd <= set(lab.maps.keys("virtual_alias_maps"))
