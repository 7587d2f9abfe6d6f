"""Which keys a real Postfix sends to each table: what routing relies on.

Each test names the parameter and the program.  The replies are in `test_postfix_replies`.
"""

import pytest

from tests.lab.recorder import Request
from tests.lab.wired import ADDRESS_MAPS, DOMAIN_LISTS, SENDER, Lab, reply


def test_virtual_alias_maps_in_smtpd_gets_the_quoted_form_then_the_unquoted(lab: Lab) -> None:
    assert lab.rcpt('"A b"@q.example')[0] == 250
    # cleanup(8), which keeps the case, may have begun as well before the session's end throws the mail away.
    in_smtpd = [key for key in lab.asked("virtual_alias_maps", "q.example") if key.islower()]
    assert in_smtpd == ['"a b"@q.example', "a b@q.example"]


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
    lab.postfix.wait_log("unreasonable")


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


def test_a_retry_from_the_queue_asks_transport_again_and_not_virtual(lab: Lab) -> None:
    lab.found("virtual_alias_maps", "a@retry.example", "b@retry.example")
    lab.found("transport_maps", "b@retry.example", "retry:later")
    lab.postfix.send(SENDER, "a@retry.example")
    lab.wait_deferred("b@retry.example")
    lab.maps.clear()
    lab.postfix.send(SENDER, "other@retry.example")  # resolve_clnt.c remembers its last answer for 30 s
    lab.outside.wait_for("other@retry.example")
    lab.postfix.command("postqueue", "-f")
    lab.outside.wait_for("b@retry.example")
    assert "b@retry.example" in lab.asked("transport_maps", "retry.example")
    assert not {"a@retry.example", "b@retry.example"} & set(lab.asked("virtual_alias_maps", "retry.example"))


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
