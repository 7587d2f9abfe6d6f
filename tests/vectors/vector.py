"""The form of a vector, and the keys that no map knows in any state."""

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """The kinds of answer."""

    FOUND = "found"
    NOT_FOUND = "not found"
    TEMP = "temp"


class Vector(NamedTuple):
    """One question with its answer; `value` is empty unless found."""

    map_name: str
    key: bytes
    kind: Kind
    value: str


def found(map_name: str, answers: dict[str, str]) -> list[Vector]:
    return [Vector(map_name, key.encode(), Kind.FOUND, value) for key, value in answers.items()]


def not_found(map_name: str, keys: Iterable[str | bytes]) -> list[Vector]:
    return [Vector(map_name, encoded(key), Kind.NOT_FOUND, "") for key in keys]


def temp(map_name: str, keys: Iterable[str | bytes]) -> list[Vector]:
    return [Vector(map_name, encoded(key), Kind.TEMP, "") for key in keys]


def encoded(key: str | bytes) -> bytes:
    return key.encode() if isinstance(key, str) else key


ADDRESS_MAPS: tuple[str, ...] = (
    "virtual_alias",
    "transport",
    "virtual_mailbox",
    "local_recipient",
    "relay_recipient",
    "recipient",
    "generic",
    "sender_login",
    "imap_server",
    "smtp_server",
)
DOMAIN_MAPS = ("virtual_alias_domains", "virtual_mailbox_domains", "mydestination", "relay_domains")

UNUSABLE_KEYS: tuple[str | bytes, ...] = (
    "*",
    "<>",
    '""',
    '"<>"',
    "@",
    "@@",
    "[1.2.3.4]",
    "anna@[1.2.3.4]",
    "anna@",
    "@test.tux",
    '""@test.tux',
    "anna@test.tux\n",
    "an\0na@test.tux",
    "anna@test..tux",
    "anna@.test.tux",
    "anna@test.tux..",
    "anna@-test.tux",
    "anna@test tux",
    "anna@10.1.0.1",
    "anna@" + "x" * 64 + ".test.tux",
    "<anna@test.tux>",
    "anna@test.tux,bob@test.tux,",
    b"\xffanna@test.tux",
    b"anna@test.tux\xc3",
    b"anna\xed\xa0\x80@test.tux",
    b"x" * 20_000,
    b"x" * 20_000 + b"@test.tux",
    b"@" * 20_000,
    b'"' + b"\\" * 20_000,
)
"""Not found in every map and every state, `empty` included."""

FOREIGN_KEYS = (
    "anna@example.com",
    "anna@tux",
    "anna@nottest.tux",
    "anna@test.tux.example.com",
    "anna@elsewhere.example",
    "anna@test.tux@example.com",
    '"anna@test.tux"@example.com',
    "anna@www.not-a-domain.test",
    "anna@münchen.example",
)
"""Not found in every map and every state."""
