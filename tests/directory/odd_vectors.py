"""LDAP messages that OpenLDAP does not send, or that nobody should: as `vectors`, written by hand."""

from colocroute.directory import ber, controls
from colocroute.directory.controls import ADD, SYNC_STATE, RefreshDelete
from colocroute.directory.messages import (
    CONTROLS,
    INTERMEDIATE,
    INTERMEDIATE_NAME,
    INTERMEDIATE_VALUE,
    Intermediate,
    Kind,
    RawEntry,
    Result,
)
from tests.directory.vectors import Vector
from tests.lab.ldapmessages import attribute, control, encode, entry_with, info, message, sync_state, wide

UUID = bytes(range(16))
MANY = RawEntry(
    2,
    b"uid=" + b"u" * 200,
    {b"a": [], b"b": [b""], b"c": [b"x" * 127, b"x" * 128], b"d": [b"x" * 256], b"e": [b"x" * 70_000]},
    ADD,
    UUID,
    b"c" * 200,
)
ANNA = RawEntry(3, b"uid=anna", {b"mail": [b"anna@test.tux"]}, ADD, UUID)


def busy(*more: bytes) -> bytes:
    """The operation of a result, with more behind it."""
    texts = (ber.octets(b""), ber.octets(b"busy"))
    return ber.element(Kind.SEARCH_DONE, ber.integer(51, ber.ENUMERATED), *texts, *more)


def bare(*extra: bytes) -> bytes:
    """An entry without attributes, and these controls."""
    return entry_with(2, b"", b"", ber.element(CONTROLS, *extra))


def sync_info(value: bytes) -> bytes:
    """A Sync Info message with this value."""
    oid = ber.octets(controls.SYNC_INFO, INTERMEDIATE_NAME)
    return message(2, ber.element(INTERMEDIATE, oid, ber.octets(value, INTERMEDIATE_VALUE)))


def state(number: int, uuid: bytes) -> bytes:
    """A Sync State control."""
    return control(SYNC_STATE, sync_state(number, uuid))


# As `vectors.READ`.
READ: list[Vector] = [
    ("many lengths", encode(MANY), MANY),
    ("lengths always in four bytes", encode(MANY, wide), MANY),
    ("lengths always in four bytes, small", encode(ANNA, wide), ANNA),
    (
        "lengths always in four bytes, Sync Info",
        encode(info(2, RefreshDelete(b"c", False)), wide),
        info(2, RefreshDelete(b"c", False)),
    ),
    ("message id of two bytes", encode(RawEntry(300, b"", {})), RawEntry(300, b"", {})),
    ("message id 200", encode(RawEntry(200, b"", {})), RawEntry(200, b"", {})),
    ("the greatest message id", encode(RawEntry(2**31 - 1, b"", {})), RawEntry(2**31 - 1, b"", {})),
    (
        "attribute types with options, in capitals, twice",
        entry_with(
            2, b"o=x", attribute(b"mail", b"1") + attribute(b"MAIL;lang-de", b"2") + attribute(b"Mail", b"3")
        ),
        RawEntry(2, b"o=x", {b"mail": [b"1", b"2", b"3"]}),
    ),
    (
        "a long attribute type",
        entry_with(2, b"o=x", attribute(b"A" * 130, b"1")),
        RawEntry(2, b"o=x", {b"a" * 130: [b"1"]}),
    ),
    ("no attribute type", entry_with(2, b"o=x", attribute(b"", b"1")), RawEntry(2, b"o=x", {b"": [b"1"]})),
    (
        "controls with criticality, and another",
        bare(control(b"1.2.3", None), control(SYNC_STATE, sync_state(ADD, UUID), critical=False)),
        RawEntry(2, b"", {}, ADD, UUID),
    ),
    ("empty controls", bare(), RawEntry(2, b"", {})),
    ("an unknown state", bare(state(9, UUID)), RawEntry(2, b"", {}, 9, UUID)),
    ("a negative state", bare(state(-2, UUID)), RawEntry(2, b"", {}, -2, UUID)),
    ("a short UUID", bare(state(1, b"u")), RawEntry(2, b"", {}, 1, b"u")),
    (
        "a result with a referral and more",
        message(
            2,
            busy(ber.element(0xA3, ber.octets(b"ldap://x")), ber.octets(b"?", 0x87), ber.octets(b"?", 0x9D)),
        ),
        Result(2, Kind.SEARCH_DONE, 51, text="busy"),
    ),
    (
        "a result with another control",
        message(2, busy(), ber.element(CONTROLS, control(b"1.2.3", b"v"))),
        Result(2, Kind.SEARCH_DONE, 51, text="busy", controls={b"1.2.3": b"v"}),
    ),
    (
        "a text that is not UTF-8",
        message(
            2,
            ber.element(
                Kind.SEARCH_DONE, ber.integer(1, ber.ENUMERATED), ber.octets(b"\xff"), ber.octets(b"\xfe")
            ),
        ),
        Result(2, Kind.SEARCH_DONE, 1, "\\xff", "\\xfe"),
    ),
    (
        "an intermediate response of nothing",
        message(2, ber.element(INTERMEDIATE)),
        Intermediate(2, b"", None),
    ),
    (
        "an intermediate response of another kind",
        encode(Intermediate(2, b"1.2", b"v")),
        Intermediate(2, b"1.2", b"v"),
    ),
    ("true is not 0xff", sync_info(b"\xa1\x03\x01\x01\x07"), info(2, RefreshDelete(None, True))),
]
