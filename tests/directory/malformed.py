"""What breaks a stream of LDAP messages, and what is said of it."""

from colocroute.directory import ber, controls
from colocroute.directory.controls import ADD, SYNC_STATE
from colocroute.directory.messages import (
    CONTROLS,
    INTERMEDIATE,
    INTERMEDIATE_NAME,
    SEARCH_ENTRY,
    SEARCH_REFERENCE,
    Kind,
)
from tests.directory.odd_vectors import ANNA, UUID, bare, busy, state, sync_info
from tests.lab.ldapmessages import control, encode, entry_with, message, sync_state


def _cut(data: bytes, start: int, replacement: bytes) -> bytes:
    """An entry of ANNA's with a few bytes replaced."""
    return data[:start] + replacement + data[start + len(replacement) :]


_ENTRY = encode(ANNA)
_TYPE = _ENTRY.index(b"\x04\x04mail")
_VALUE = _ENTRY.index(b"\x04\x0danna")
ERRORS: list[tuple[str, bytes, str]] = [
    ("HTTP", b"HTTP/1.1 400 Bad Request\r\n\r\n", "not LDAP: byte 0x48"),
    ("nothing but a NUL", b"\x00", "not LDAP: byte 0x00"),
    ("indefinite length", b"\x30\x80", "length byte 0x80 is not used"),
    ("length of five bytes", b"\x30\x85", "length byte 0x85 is not used"),
    ("too long", b"\x30\x84\x01\x00\x00\x01", "16777217 bytes, more than the 16777216 allowed"),
    ("empty message", b"\x30\x00", "ends where messageID should be"),
    ("no operation", b"\x30\x03\x02\x01\x02", "ends where an element should begin"),
    ("message id without bytes", b"\x30\x04\x02\x00\x65\x00", "messageID has 0 bytes, 1 to 4 are possible"),
    ("message id of five bytes", b"\x30\x09\x02\x05\x00\x00\x00\x00\x02\x65\x00", "messageID has 5 bytes"),
    ("negative message id", b"\x30\x05\x02\x01\xff\x64\x00", "messageID -1 is negative"),
    (
        "message id of another type",
        b"\x30\x05\x04\x01\x02\x64\x00",
        "tag 0x04 where messageID (0x02) should be",
    ),
    ("a request", message(2, b"\x63\x00"), "operation 0x63 is not one that a server sends"),
    ("unknown operation", message(2, b"\x04\x00"), "operation 0x04 is not one that a server sends"),
    ("tag of several bytes", message(2, b"\x7f\x20\x00"), "tag 0x7f is not used by LDAP"),
    (
        "operation longer than the message",
        b"\x30\x05\x02\x01\x02\x64\x05",
        "an element of 5 bytes has only 0",
    ),
    ("entry with nothing", message(2, b"\x64\x00"), "ends where objectName should be"),
    (
        "entry without attributes",
        message(2, ber.element(SEARCH_ENTRY, ber.octets(b""))),
        "ends where attributes",
    ),
    (
        "entry with more",
        message(2, ber.element(SEARCH_ENTRY, ber.octets(b""), b"\x30\x00", b"\x04\x00")),
        "2 bytes too many in SearchResultEntry",
    ),
    ("attributes longer than the entry", _cut(_ENTRY, _TYPE - 3, b"\x30"), "an element of 48 bytes has only"),
    ("attributes shorter", _cut(_ENTRY, _TYPE - 3, b"\x17"), "bytes too many in SearchResultEntry"),
    (
        "attribute type longer than its attribute",
        _cut(_ENTRY, _TYPE + 1, b"\x7f"),
        "an element of 127 bytes has only",
    ),
    ("attribute type of another tag", _cut(_ENTRY, _TYPE, b"\x0c"), "tag 0x0c where an attribute type"),
    ("value longer than its set", _cut(_ENTRY, _VALUE + 1, b"\x0e"), "an element of 14 bytes has only 13"),
    ("value shorter than its set", _cut(_ENTRY, _VALUE + 1, b"\x0c"), "tag 0x78 where a value (0x04)"),
    (
        "value with a length beyond the message",
        _cut(_ENTRY, _VALUE + 1, b"\x84\xff\xff\xff\xff"),
        "an element of 4294967295",
    ),
    ("value of another tag", _cut(_ENTRY, _VALUE, b"\x0c"), "tag 0x0c where a value"),
    ("no set", _cut(_ENTRY, _VALUE - 2, b"\x30"), "tag 0x30 where the values of an attribute (0x31)"),
    (
        "more after the set",
        entry_with(2, b"", ber.element(0x30, ber.octets(b"a"), b"\x31\x00", b"\x31\x00")),
        "2 bytes too many in an attribute",
    ),
    ("no attribute", entry_with(2, b"", b"\x31\x00"), "tag 0x31 where an attribute (0x30)"),
    (
        "more after the controls",
        message(2, b"\x64\x04\x04\x00\x30\x00", b"\xa0\x00\x04\x00"),
        "2 bytes too many in the message",
    ),
    ("no controls", message(2, b"\x64\x04\x04\x00\x30\x00", b"\xa1\x00"), "2 bytes too many in the message"),
    ("a control twice", bare(state(ADD, UUID), state(ADD, UUID)), "comes twice"),
    (
        "a control with more",
        bare(ber.element(0x30, ber.octets(b"1.2"), ber.octets(b""), b"\x05\x00")),
        "2 bytes too many in a control",
    ),
    (
        "a Sync State control without value",
        bare(control(SYNC_STATE, None)),
        "malformed Sync State control at byte 0: ends where its value should be",
    ),
    (
        "a Sync State control with more",
        bare(control(SYNC_STATE, sync_state(ADD, UUID) + b"\x00")),
        "1 bytes too many in its value",
    ),
    (
        "a Sync Done control that is none",
        message(2, busy(), ber.element(CONTROLS, control(controls.SYNC_DONE, b"\x04\x00"))),
        "malformed Sync Done control at byte 0: tag 0x04",
    ),
    ("a result without code", message(2, ber.element(Kind.SEARCH_DONE)), "ends where resultCode should be"),
    (
        "a result without text",
        message(2, ber.element(Kind.SEARCH_DONE, b"\x0a\x01\x00\x04\x00")),
        "ends where diagnosticMessage should be",
    ),
    (
        "a boolean of two bytes",
        sync_info(b"\xa1\x04\x01\x02\x00\x00"),
        "refreshDone has 2 bytes, a BOOLEAN has 1",
    ),
    ("unknown Sync Info", sync_info(b"\xa4\x00"), "a Sync Info message of unknown kind 0xa4"),
    (
        "Sync Info without value",
        message(2, ber.element(INTERMEDIATE, ber.octets(controls.SYNC_INFO, INTERMEDIATE_NAME))),
        "malformed Sync Info message at byte 0",
    ),
    ("Sync Info with more", sync_info(b"\xa1\x00\x00"), "1 bytes too many in syncInfoValue"),
    ("refreshDelete with more", sync_info(b"\xa1\x02\x30\x00"), "2 bytes too many in syncInfoValue"),
    ("syncIdSet without set", sync_info(b"\xa3\x00"), "ends where syncUUIDs should be"),
    ("syncIdSet of integers", sync_info(b"\xa3\x05\x31\x03\x02\x01\x00"), "tag 0x02 where syncUUID"),
    (
        "an intermediate response with more",
        message(2, ber.element(INTERMEDIATE, b"\x04\x00")),
        "2 bytes too many in IntermediateResponse",
    ),
    (
        "a reference that is none",
        message(2, ber.element(SEARCH_REFERENCE, b"\x30\x00")),
        "tag 0x30 where a URI",
    ),
]
