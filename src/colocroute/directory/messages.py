"""LDAP messages as values, and the clear way from bytes to them (RFC 4511, 4).

Owns every message that a directory sends in answer to a search, and what it says in words.  This decoder is
the authority: `entries` is a shortcut to the same values.  Must not know streams, nor what follows from a
message.

Known limits: referrals and SASL credentials in results are skipped, as are components that a later version
of LDAP may append to a result.
"""

from enum import IntEnum

import msgspec

from colocroute.directory import ber, controls
from colocroute.directory.ber import Cursor
from colocroute.directory.controls import SyncDone, SyncInfo

NOTICE_OF_DISCONNECTION = b"1.3.6.1.4.1.1466.20036"  # RFC 4511, 4.4.1
UNSOLICITED = 0  # RFC 4511, 4.4: the message id of what was not asked for

SEARCH_ENTRY = 0x64
SEARCH_REFERENCE = 0x73
INTERMEDIATE = 0x79
CONTROLS = 0xA0
RESPONSE_NAME = 0x8A
INTERMEDIATE_NAME = 0x80
INTERMEDIATE_VALUE = 0x81

TEXT_LIMIT = 200  # characters of the directory's own words in an error, enough for every text of OpenLDAP

# RFC 4511, A.1 and RFC 4533, 2.6: those a search can end with, and what to do about them.
RESULT_CODES = {
    1: "operationsError",
    2: "protocolError",
    3: "timeLimitExceeded: the directory must set no time limit for our bind DN",
    4: "sizeLimitExceeded: the directory must set no size limit for our bind DN",
    8: "strongerAuthRequired",
    10: "referral: this server does not hold the base",
    11: "adminLimitExceeded: the directory must set no limits for our bind DN",
    12: "unavailableCriticalExtension: the server has no syncprov for this base",
    13: "confidentialityRequired",
    32: "noSuchObject: the base does not exist, or our bind DN may not see it",
    49: "invalidCredentials",
    50: "insufficientAccessRights",
    51: "busy",
    52: "unavailable",
    53: "unwillingToPerform",
    80: "other",
    4096: "e-syncRefreshRequired",
}


class Kind(IntEnum):
    """Which response a `Result` is: the tags of RFC 4511, 4.2 to 4.12."""

    BIND = 0x61
    SEARCH_DONE = 0x65
    MODIFY = 0x67
    ADD = 0x69
    DELETE = 0x6B
    MODIFY_DN = 0x6D
    COMPARE = 0x6F
    EXTENDED = 0x78


KINDS = frozenset(Kind)


class RawEntry(msgspec.Struct, frozen=True, gc=False):
    """An entry as it came.

    The keys of `attributes` are in lower case and without options: the values of `mail;lang-de` are values
    of `mail`.  `sync_state`, `uuid` and `cookie` are those of the Sync State control, None without one.
    """

    message_id: int
    dn: bytes
    attributes: dict[bytes, list[bytes]]
    sync_state: int | None = None
    uuid: bytes | None = None
    cookie: bytes | None = None


class Result(msgspec.Struct, frozen=True):
    """The end of an operation; `oid` is the name of an extended response, `controls` lack Sync Done."""

    message_id: int
    kind: Kind
    code: int
    matched: str = ""
    text: str = ""
    oid: bytes = b""
    controls: dict[bytes, bytes | None] = {}
    sync_done: SyncDone | None = None


class Intermediate(msgspec.Struct, frozen=True):
    """An intermediate response; `value` is read for Sync Info messages, None if there was none."""

    message_id: int
    oid: bytes
    value: SyncInfo | bytes | None


class SearchReference(msgspec.Struct, frozen=True):
    """A part of the content that another server holds."""

    message_id: int
    uris: tuple[bytes, ...]


Message = RawEntry | Result | Intermediate | SearchReference


def decode(body: bytes) -> Message:
    """The message whose content (of the outer SEQUENCE) this is.  Raises `DirectoryError`."""
    cursor = Cursor(body, "LDAP message")
    message_id = cursor.integer("messageID")
    if message_id < 0:
        raise cursor.error(f"messageID {message_id} is negative")
    tag, operation = cursor.take()
    extra = read_controls(cursor)
    if tag == SEARCH_ENTRY:
        return _entry(message_id, operation, extra)
    if tag == INTERMEDIATE:
        return _intermediate(message_id, operation)
    if tag == SEARCH_REFERENCE:
        return SearchReference(message_id, _uris(operation))
    if tag in KINDS:
        return _result(message_id, Kind(tag), operation, extra)
    raise cursor.error(f"operation 0x{tag:02x} is not one that a server sends")


def attribute_name(written: bytes) -> bytes:
    """The attribute type of an attribute description, folded: without its options (RFC 4512, 2.5)."""
    return written.partition(b";")[0].lower()


def describe(code: int, text: str) -> str:
    """An LDAP result for an error message: what it means, and the server's own words if there are any."""
    meaning = f"LDAP result {code} ({RESULT_CODES[code]})" if code in RESULT_CODES else f"LDAP result {code}"
    return f"{meaning}: {printable(text)}" if text else meaning


def printable(text: str) -> str:
    """The text on one line without control characters, cut where it is longer than anyone would read."""
    clean = "".join(character if character.isprintable() else "?" for character in text)
    return clean if len(clean) <= TEXT_LIMIT else clean[:TEXT_LIMIT] + "..."


def read_controls(cursor: Cursor) -> dict[bytes, bytes | None]:
    """The controls that end a message, by OID (RFC 4511, 4.1.11).  Raises `DirectoryError`."""
    found: dict[bytes, bytes | None] = {}
    if cursor.next_is(CONTROLS):
        sequence = cursor.enter(CONTROLS, "controls")
        while not sequence.at_end():
            control = sequence.enter(ber.SEQUENCE, "a control")
            oid = control.octets("controlType")
            if oid in found:
                raise control.error(f"control {printable(_text(oid))} comes twice")
            if control.next_is(ber.BOOLEAN):
                control.boolean("criticality")
            found[oid] = control.octets("controlValue") if control.next_is(ber.OCTET_STRING) else None
            control.finish("a control")
    cursor.finish("the message")
    return found


def raw_entry(
    message_id: int, dn: bytes, attributes: dict[bytes, list[bytes]], extra: dict[bytes, bytes | None]
) -> RawEntry:
    """An entry with what its controls say.  Raises `DirectoryError`."""
    if controls.SYNC_STATE not in extra:
        return RawEntry(message_id, dn, attributes)
    state = controls.sync_state(extra[controls.SYNC_STATE] or b"")
    return RawEntry(message_id, dn, attributes, state.state, state.uuid, state.cookie)


def _entry(message_id: int, operation: Cursor, extra: dict[bytes, bytes | None]) -> RawEntry:
    dn = operation.octets("objectName")
    attributes: dict[bytes, list[bytes]] = {}
    sequence = operation.enter(ber.SEQUENCE, "attributes")
    operation.finish("SearchResultEntry")
    while not sequence.at_end():
        attribute = sequence.enter(ber.SEQUENCE, "an attribute")
        values = attributes.setdefault(attribute_name(attribute.octets("an attribute type")), [])
        content = attribute.enter(ber.SET, "the values of an attribute")
        attribute.finish("an attribute")
        while not content.at_end():
            values.append(content.octets("a value"))
    return raw_entry(message_id, dn, attributes, extra)


def _result(message_id: int, kind: Kind, operation: Cursor, extra: dict[bytes, bytes | None]) -> Result:
    code = operation.integer("resultCode", ber.ENUMERATED)
    matched = _text(operation.octets("matchedDN"))
    text = _text(operation.octets("diagnosticMessage"))
    oid = b""
    while not operation.at_end():
        tag, content = operation.take()
        if kind is Kind.EXTENDED and tag == RESPONSE_NAME:
            oid = content.rest()
    done: SyncDone | None = None
    if controls.SYNC_DONE in extra:
        done = controls.sync_done(extra.pop(controls.SYNC_DONE) or b"")
    return Result(message_id, kind, code, matched, text, oid, extra, done)


def _intermediate(message_id: int, operation: Cursor) -> Intermediate:
    oid = operation.octets("responseName", INTERMEDIATE_NAME) if operation.next_is(INTERMEDIATE_NAME) else b""
    value = None
    if operation.next_is(INTERMEDIATE_VALUE):
        value = operation.octets("responseValue", INTERMEDIATE_VALUE)
    operation.finish("IntermediateResponse")
    if oid == controls.SYNC_INFO:
        return Intermediate(message_id, oid, controls.sync_info(value or b""))
    return Intermediate(message_id, oid, value)


def _uris(operation: Cursor) -> tuple[bytes, ...]:
    found = []
    while not operation.at_end():
        found.append(operation.octets("a URI"))
    return tuple(found)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
