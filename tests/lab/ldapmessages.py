"""What a directory sends, written by hand: LDAP messages from their values to bytes.

Owns three styles of lengths: in the fewest bytes, as OpenLDAP writes them, in four for all that is
constructed, as Active Directory does, and in four for everything.
"""

from collections.abc import Callable

from colocroute.directory import ber, controls
from colocroute.directory.controls import (
    NewCookie,
    RefreshDelete,
    RefreshPresent,
    SyncDone,
    SyncIdSet,
    SyncInfo,
)
from colocroute.directory.messages import (
    CONTROLS,
    INTERMEDIATE,
    INTERMEDIATE_NAME,
    INTERMEDIATE_VALUE,
    RESPONSE_NAME,
    SEARCH_ENTRY,
    SEARCH_REFERENCE,
    Intermediate,
    Message,
    RawEntry,
    Result,
)

CONSTRUCTED = 0x20  # X.690, 8.1.2.5

Element = Callable[..., bytes]


def wide(tag: int, *content: bytes) -> bytes:
    """An element whose length has four bytes, however small it is."""
    body = b"".join(content)
    return bytes((tag, 0x84)) + len(body).to_bytes(4, "big") + body


def windows(tag: int, *content: bytes) -> bytes:
    """An element as Active Directory writes it."""
    return (wide if tag & CONSTRUCTED else ber.element)(tag, *content)


def message(message_id: int, operation: bytes, extra: bytes = b"", element: Element = ber.element) -> bytes:
    """The outer SEQUENCE."""
    return element(ber.SEQUENCE, _integer(element, message_id), operation, extra)


def encode(value: Message, element: Element = ber.element) -> bytes:
    """The bytes of a message."""
    if isinstance(value, RawEntry):
        return message(value.message_id, _entry(element, value), _state(element, value), element)
    if isinstance(value, Result):
        return message(value.message_id, _result(element, value), _result_controls(element, value), element)
    if isinstance(value, Intermediate):
        return message(value.message_id, _intermediate(element, value), b"", element)
    uris = [element(ber.OCTET_STRING, uri) for uri in value.uris]
    return message(value.message_id, element(SEARCH_REFERENCE, *uris), b"", element)


def control(
    oid: bytes, value: bytes | None, element: Element = ber.element, critical: bool | None = None
) -> bytes:
    """One control of a message."""
    return element(
        ber.SEQUENCE,
        element(ber.OCTET_STRING, oid),
        b"" if critical is None else element(ber.BOOLEAN, b"\xff" if critical else b"\x00"),
        b"" if value is None else element(ber.OCTET_STRING, value),
    )


def attribute(name: bytes, *values: bytes, element: Element = ber.element) -> bytes:
    """A PartialAttribute."""
    content = [element(ber.OCTET_STRING, value) for value in values]
    return element(ber.SEQUENCE, element(ber.OCTET_STRING, name), element(ber.SET, *content))


def entry_with(message_id: int, dn: bytes, attributes: bytes, extra: bytes = b"") -> bytes:
    """A SearchResultEntry whose attributes and controls are given as bytes."""
    operation = ber.element(SEARCH_ENTRY, ber.octets(dn), ber.element(ber.SEQUENCE, attributes))
    return message(message_id, operation, extra)


def sync_state(state: int, uuid: bytes, cookie: bytes | None = None, element: Element = ber.element) -> bytes:
    """The value of a Sync State control."""
    return element(
        ber.SEQUENCE,
        _integer(element, state, ber.ENUMERATED),
        element(ber.OCTET_STRING, uuid),
        _cookie(element, cookie),
    )


def sync_done(value: SyncDone, element: Element = ber.element) -> bytes:
    """The value of a Sync Done control."""
    flag = element(ber.BOOLEAN, b"\xff") if value.refresh_deletes else b""
    return element(ber.SEQUENCE, _cookie(element, value.cookie), flag)


def sync_info(value: SyncInfo, element: Element = ber.element) -> bytes:
    """The value of a Sync Info message."""
    if isinstance(value, NewCookie):
        return element(controls.NEW_COOKIE_TAG, value.cookie)
    cookie = _cookie(element, value.cookie)
    if isinstance(value, SyncIdSet):
        flag = element(ber.BOOLEAN, b"\xff") if value.refresh_deletes else b""
        uuids = element(ber.SET, *[element(ber.OCTET_STRING, uuid) for uuid in value.uuids])
        return element(controls.SYNC_ID_SET_TAG, cookie, flag, uuids)
    deletes = isinstance(value, RefreshDelete)
    flag = b"" if value.done else element(ber.BOOLEAN, b"\x00")
    return element(controls.REFRESH_DELETE_TAG if deletes else controls.REFRESH_PRESENT_TAG, cookie, flag)


def info(message_id: int, value: NewCookie | RefreshDelete | RefreshPresent | SyncIdSet) -> Intermediate:
    """A Sync Info message."""
    return Intermediate(message_id, controls.SYNC_INFO, value)


def _entry(element: Element, value: RawEntry) -> bytes:
    attributes = [attribute(name, *values, element=element) for name, values in value.attributes.items()]
    return element(SEARCH_ENTRY, element(ber.OCTET_STRING, value.dn), element(ber.SEQUENCE, *attributes))


def _state(element: Element, value: RawEntry) -> bytes:
    if value.sync_state is None or value.uuid is None:
        return b""
    state = sync_state(value.sync_state, value.uuid, value.cookie, element)
    return element(CONTROLS, control(controls.SYNC_STATE, state, element))


def _result(element: Element, value: Result) -> bytes:
    return element(
        value.kind,
        _integer(element, value.code, ber.ENUMERATED),
        element(ber.OCTET_STRING, value.matched.encode()),
        element(ber.OCTET_STRING, value.text.encode()),
        element(RESPONSE_NAME, value.oid) if value.oid else b"",
    )


def _result_controls(element: Element, value: Result) -> bytes:
    parts = [control(oid, content, element) for oid, content in value.controls.items()]
    if value.sync_done is not None:
        parts.append(control(controls.SYNC_DONE, sync_done(value.sync_done, element), element))
    return element(CONTROLS, *parts) if parts else b""


def _intermediate(element: Element, value: Intermediate) -> bytes:
    content = value.value
    if content is not None and not isinstance(content, bytes):
        content = sync_info(content, element)
    return element(
        INTERMEDIATE,
        element(INTERMEDIATE_NAME, value.oid) if value.oid else b"",
        b"" if content is None else element(INTERMEDIATE_VALUE, content),
    )


def _cookie(element: Element, cookie: bytes | None) -> bytes:
    return b"" if cookie is None else element(ber.OCTET_STRING, cookie)


def _integer(element: Element, value: int, tag: int = ber.INTEGER) -> bytes:
    return element(tag, ber.integer(value)[2:])
