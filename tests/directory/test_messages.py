"""LDAP messages as values: encoders against recorded bytes, and what is said of results."""

import pytest

from colocroute.directory import messages
from colocroute.directory.messages import Kind, Message, Result
from tests.directory import vectors
from tests.lab.ldapmessages import encode


@pytest.mark.parametrize(
    ("data", "value"), [vector[1:] for vector in vectors.EXACT], ids=[vector[0] for vector in vectors.EXACT]
)
def test_the_encoders_of_the_tests_write_what_slapd_writes(data: bytes, value: Message) -> None:
    assert encode(value) == data


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_response_is_read(kind: Kind) -> None:
    value = Result(7, kind, 80, "dc=x", "text")
    assert messages.decode(encode(value)[2:]) == value


def test_a_known_result_is_named_and_an_unknown_one_numbered() -> None:
    assert messages.describe(51, "") == "LDAP result 51 (busy)"
    assert messages.describe(53, "no!") == "LDAP result 53 (unwillingToPerform): no!"
    assert messages.describe(9999, "why") == "LDAP result 9999: why"


@pytest.mark.parametrize("code", [3, 4, 11, 12, 32])
def test_results_that_the_operator_can_mend_say_how(code: int) -> None:
    assert ": the " in messages.describe(code, "")


def test_the_directorys_words_stay_on_one_line_and_short() -> None:
    assert messages.printable("a\r\nb\x1b[31m\x00c") == "a??b?[31m?c"
    assert messages.printable("Gruß") == "Gruß"
    assert messages.printable("x" * 200) == "x" * 200
    assert messages.printable("x" * 201) == "x" * 200 + "..."


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (b"mail", b"mail"),
        (b"Mail;lang-de;x-y", b"mail"),
        (b"1.2.840;x", b"1.2.840"),
        (b";x", b""),
        (b"", b""),
    ],
)
def test_attribute_types_lose_case_and_options(written: bytes, name: bytes) -> None:
    assert messages.attribute_name(written) == name
