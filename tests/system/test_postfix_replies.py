"""What a real Postfix makes of replies, the failures above all: why we answer as we do."""

import smtplib

import pytest

from tests.lab.daemon import wait_for
from tests.lab.recorder import CLOSE
from tests.lab.wired import SENDER, Lab, reply

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
    before = notices(lab)
    lab.rcpt("u@page.example")
    wait_for(lambda: notices(lab) > before, "a notice to the postmaster")


def notices(lab: Lab) -> int:
    """How many notices to the postmaster tell of that key, and not of what another test did."""
    return sum(b"u@page.example" in mail.content for mail in lab.outside.to("postmaster@mail.site.example"))


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


def test_a_failure_for_the_star_fails_every_address_that_is_not_found(lab: Lab) -> None:
    lab.maps.answers["transport_maps", "*"] = b"TEMP no"
    lab.found("transport_maps", "found@wild.example", f"smtp:[127.0.0.1]:{lab.outside.port}")
    lab.found("transport_maps", SENDER, f"smtp:[127.0.0.1]:{lab.outside.port}")
    lab.postfix.reload()
    assert lab.rcpt("found@wild.example")[0] == 250
    assert lab.rcpt("unfound@wild.example") == (451, "4.3.0 <unfound@wild.example>: Temporary lookup failure")


def test_a_failure_of_smtp_generic_maps_ends_the_smtp_process(lab: Lab) -> None:
    lab.maps.answers["smtp_generic_maps", "in@fatal.example"] = b"TEMP not now"
    lab.postfix.send("in@fatal.example", "to@fatal.example")
    lab.postfix.wait_log("fatal: smtp_generic_maps map lookup problem for in@fatal.example")
    lab.postfix.wait_log("smtp: bad command startup -- throttling")
    assert not lab.outside.to("to@fatal.example")
    lab.wait_deferred("to@fatal.example")


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
    domain = (
        f"{refused.replace('_', '-')}.example"  # each its own: smtpd(8) remembers the class of a recipient
    )
    lab.found(parameter, domain)
    lab.found(recipients, f"u@{domain}")
    lab.postfix.send(SENDER, f"u@{domain}")
    lab.postfix.wait_log(f"recorder.sock:{refused} map is not allowed for security-sensitive data")
    lab.wait_deferred(f"u@{domain}")
