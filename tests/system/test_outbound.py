"""What leaves the company shows no site, and between the sites nothing is rewritten: with real Postfixes."""

import re
from email import message_from_bytes

import pytest

from tests.lab.mailcompany import CENTRAL, EXTERNAL, OWN_CLIENT, MailCompany
from tests.lab.sink import Mail

OUTSIDE = "x@example.com"


def header(mail: Mail, name: str) -> str:
    return str(message_from_bytes(mail.content)[name])


def test_on_the_way_out_site_domains_are_hidden(company: MailCompany) -> None:
    text = (
        f"From: Anna <anna@{EXTERNAL}>\nReply-To: dora@{CENTRAL}\nTo: y@example.org, bob@{CENTRAL}\n"
        "Subject: t\n\nt\n"
    )
    company.external.send(f"anna@{EXTERNAL}", "y@example.org", text=text, client=OWN_CLIENT)
    mail = company.world.wait_for("y@example.org")
    assert mail.sender == "anna@test.tux"
    assert header(mail, "From") == "Anna <anna@test.tux>"
    assert header(mail, "Reply-To") == "dora@test.tux"
    assert header(mail, "To") == "y@example.org, bob@test.tux"
    assert EXTERNAL.encode() not in mail.content and CENTRAL.encode() not in mail.content


def headers(mail: Mail) -> bytes:
    """All of them."""
    return mail.content.replace(b"\r\n", b"\n").partition(b"\n\n")[0]


# Those that hold addresses (Postfix `header_opts.c`).
ADDRESSED = (
    "From", "Sender", "Reply-To", "To", "Cc", "Resent-From", "Resent-To", "Errors-To",
    "Return-Receipt-To", "Disposition-Notification-To",
)  # fmt: skip


@pytest.mark.parametrize(
    ("internal", "public"),
    [
        (f"anna@{EXTERNAL}", "anna@test.tux"),
        (f"ANNA@{EXTERNAL.upper()}", "anna@test.tux"),
        (f"anna+news@{EXTERNAL}", "anna@test.tux"),
        (f"dora@{CENTRAL}", "dora@test.tux"),
    ],
)
def test_no_header_with_addresses_shows_a_site(company: MailCompany, internal: str, public: str) -> None:
    text = "".join(f"{name}: A Name <{internal}>\n" for name in ADDRESSED)
    company.central.send(internal, "y@example.org", text=f"{text}Subject: t\n\nt\n", client=OWN_CLIENT)
    mail = company.world.wait_for("y@example.org")
    assert mail.sender == public
    assert [header(mail, name) for name in ADDRESSED] == [f"A Name <{public}>"] * len(ADDRESSED)
    assert not re.search(rb"(?i)(central|external)\.test\.tux", headers(mail))


def test_a_bounce_to_the_outside_shows_no_site(company: MailCompany) -> None:
    """In its envelope and its headers; its text tells which mailbox refused what."""
    company.central.box.refuse = {f"bob@{CENTRAL}": "552 5.2.2 full"}
    try:
        company.external.send(OUTSIDE, "bob@test.tux")
        bounce = company.world.wait_for(OUTSIDE)
    finally:
        company.central.box.refuse = {}
    assert bounce.sender in ("", "<>") and bounce.recipients == (OUTSIDE,)
    assert not re.search(rb"(?i)(central|external)\.test\.tux", headers(bounce))


def test_between_sites_nothing_is_rewritten(company: MailCompany) -> None:
    text = f"From: Anna <anna@{EXTERNAL}>\nCc: bob@{CENTRAL}\nSubject: t\n\nt\n"
    recipients = ("bob@test.tux", "y@example.org")
    company.external.send(f"anna@{EXTERNAL}", *recipients, text=text, client=OWN_CLIENT)
    inside = company.central.box.wait_for(f"bob@{CENTRAL}")
    assert inside.sender == f"anna@{EXTERNAL}"
    assert header(inside, "From") == f"Anna <anna@{EXTERNAL}>"
    assert header(inside, "Cc") == f"bob@{CENTRAL}"
    assert company.world.wait_for("y@example.org").sender == "anna@test.tux"
