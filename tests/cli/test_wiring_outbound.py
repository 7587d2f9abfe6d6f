"""Our entry of master.cf and what the operator added to it."""

import pytest

from colocroute.cli.wiring_model import Installed
from colocroute.cli.wiring_outbound import outbound
from tests.cli.test_wiring import SOCKET, WANTED

GENERIC = f"-o smtp_generic_maps=socketmap:{SOCKET}:generic"
FRESH = f"outbound unix - - n - - smtp -o syslog_name=postfix/outbound {GENERIC}"


def merged(entry: str) -> str:
    return outbound(WANTED, Installed(outbound=entry)).line


def test_a_fresh_one() -> None:
    assert merged("") == merged(FRESH) == FRESH


@pytest.mark.parametrize(
    "theirs",
    [
        "-o smtp_fallback_relay=[isp.example]",
        "-o { smtp_bind_address = 192.0.2.1 }",
        "-o { smtp_header_checks = regexp:{ {/^X-Internal:/ IGNORE} } } -o smtp_tls_security_level=encrypt",
    ],
)
def test_options_of_the_operator_stay(theirs: str) -> None:
    edited = f"{FRESH} {theirs}"
    assert merged(edited) == edited
    assert merged(edited.replace(SOCKET, "inet:127.0.0.1:1")) == edited
    assert outbound(WANTED, Installed(outbound=edited)).options[2:] == tuple(
        part.strip() for part in theirs.split("-o ") if part
    )


def test_a_service_of_that_name_that_was_there_before() -> None:
    entry = "outbound unix - - y - 5 smtp -v -osmtp_helo_name=mx.example"
    assert merged(entry) == (
        f"outbound unix - - n - 5 smtp -v -o syslog_name=postfix/outbound -o smtp_helo_name=mx.example {GENERIC}"
    )
    assert merged(merged(entry)) == merged(entry)


@pytest.mark.parametrize("entry", ["outbound unix - n n - - pipe flags=R argv=/bin/x", "outbound unix -"])
def test_another_program_does_not_stay(entry: str) -> None:
    assert merged(entry) == FRESH
