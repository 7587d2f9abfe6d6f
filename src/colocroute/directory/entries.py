"""SearchResultEntry in the fewest steps: the path that a refresh of a large directory takes.

Owns the shortcut from bytes to `RawEntry`.  Rule: it takes only what it fully recognises, the forms that
directories write, and gives None for everything else, malformed or unusual; `messages.decode` then decides.
So a shortcut that says something else than `messages.decode` is the only bug there can be.  Must not know
streams.

Most of an entry is what was in entries before it: the bytes in front of a value are the same whenever an
attribute of this name has a value of this length.  They are checked once and from then on looked up (`Head`).
"""

import msgspec

from colocroute.directory import messages
from colocroute.directory.ber import Cursor
from colocroute.directory.controls import SYNC_STATE
from colocroute.directory.identity import UUID_BYTES
from colocroute.directory.messages import RawEntry

# Controls that hold one Sync State without cookie, up to the UUID: the head of the controls, the state (one
# byte, not negative), the head of the UUID.
SYNC_STATES = {
    b"\xa0\x35\x30\x33\x04\x18" + SYNC_STATE + b"\x04\x17\x30\x15\x0a\x01%c\x04\x10" % state: state
    for state in range(0x80)
}

# Of either kind.  A search for ten attributes brings some hundreds; its openings begin with its message id, so
# that those of earlier searches are of no use any more.
HEADS_LIMIT = 5000
OPENING_BYTES = 11  # reach to the DN if lengths are of one byte, two, or as Active Directory writes them


class Form(msgspec.Struct, frozen=True, gc=False):
    """How lengths are written in attributes, those of constructed elements at least.

    It says where the length of the type is, and how many bytes besides the type come before the first value.
    """

    type_length_at: int
    head_bytes: int


ONE_BYTE = Form(3, 8)
FOUR_BYTES = Form(7, 16)  # as Active Directory writes them


class Opening(msgspec.Struct, frozen=True, gc=False):
    """What the first `OPENING_BYTES` of a message say, where they reach beyond the length of the DN.

    The attributes go from `at` to `stop`, probably in this form; the bytes between the DN and them are `head`.
    """

    message_id: int
    dn_at: int
    dn_end: int
    head: bytes
    at: int
    stop: int
    form: Form


class Head(msgspec.Struct, frozen=True, gc=False):
    """What the first bytes of an attribute say, from its tag to the length of its first value.

    `size` is what follows in the attribute.  If that is more than the first value, `rest` is what followed when
    the head was first seen, and `values` are the values then: an objectClass is the same for many entries.
    """

    name: bytes
    size: int
    rest: bytes | None = None
    values: list[bytes] = []


class Memory:
    """What is remembered from one entry to the next, by the bytes that said it."""

    __slots__ = ("heads", "openings")

    def __init__(self) -> None:
        self.openings: dict[bytes, Opening] = {}
        self.heads: dict[bytes, Head] = {}


def quick_entry(body: bytes, memory: Memory) -> RawEntry | None:
    """The entry whose message's content this is, or None.

    Entries may share lists of values.  Raises `DirectoryError` where the controls are malformed.
    """
    try:
        opening = memory.openings.get(body[:OPENING_BYTES]) or _opening(body, memory.openings)
        end, stop = opening.dn_end, opening.stop
        if not body.startswith(opening.head, end):
            return None
        attributes = _attributes(body, opening.at, stop, opening.form, memory.heads)
    except IndexError:  # cut short, or a form that is not known here
        return None
    dn = body[opening.dn_at : end]
    state = SYNC_STATES.get(body[stop:-UUID_BYTES])
    if state is not None:
        return RawEntry(opening.message_id, dn, attributes, state, body[-UUID_BYTES:])
    if stop > len(body):
        return None
    extra = messages.read_controls(Cursor(body, "LDAP message", stop))
    return messages.raw_entry(opening.message_id, dn, attributes, extra)


def _opening(body: bytes, openings: dict[bytes, Opening]) -> Opening:
    """All up to the attributes; remembered if it fits.  `IndexError` for what is not known here."""
    at = 2 + body[1]
    message_id = int.from_bytes(body[2:at], "big", signed=True)
    if body[0] != 0x02 or not 2 < at <= 6 or message_id < 0 or body[at] != 0x64:
        raise IndexError
    stop, at = _length(body, at + 1)
    stop += at
    if body[at] != 0x04:
        raise IndexError
    end, dn_at = _length(body, at + 1)
    end += dn_at
    if body[end] != 0x30:
        raise IndexError
    size, at = _length(body, end + 1)
    if at + size != stop:
        raise IndexError
    form = FOUR_BYTES if body[end + 1] == 0x84 else ONE_BYTE
    opening = Opening(message_id, dn_at, end, body[end:at], at, stop, form)
    if dn_at <= OPENING_BYTES:
        if len(openings) >= HEADS_LIMIT:
            openings.clear()
        openings[body[:OPENING_BYTES]] = opening
    return opening


def _attributes(
    body: bytes, at: int, stop: int, form: Form, heads: dict[bytes, Head]
) -> dict[bytes, list[bytes]]:
    """The PartialAttributes from `at` to `stop`; `IndexError` for what is not known here."""
    found: dict[bytes, list[bytes]] = {}
    type_length_at, head_bytes = form.type_length_at, form.head_bytes
    while at < stop:
        first = at + head_bytes + body[at + type_length_at]
        head = heads.get(body[at:first])
        if head is None:
            name, values, at = _attribute(body, at, form, heads)
        else:
            name = head.name
            rest = body[first : (at := first + head.size)]
            if head.rest is None:
                values = [rest]
            elif rest == head.rest:
                values = head.values
            else:
                values = _values(body, first - 2, at)
        found[name] = found[name] + values if name in found else values
    if at != stop:
        raise IndexError
    return found


def _attribute(body: bytes, at: int, form: Form, heads: dict[bytes, Head]) -> tuple[bytes, list[bytes], int]:
    """Name and values of the PartialAttribute at `at`, and where it ends; its head is remembered."""
    begin = at
    if body[at] != 0x30:
        raise IndexError
    size, at = _length(body, at + 1)
    end = at + size
    size, type_at = _length(body, at + 1)
    if body[at] != 0x04:
        raise IndexError
    at = type_at + size
    name = messages.attribute_name(body[type_at:at])
    if body[at] != 0x31:
        raise IndexError
    size, at = _length(body, at + 1)
    if at + size != end:
        raise IndexError
    values = _values(body, at, end)
    first = at + 2
    if (
        values
        and body[at + 1] < 0x80
        and first == begin + form.head_bytes + body[begin + form.type_length_at]
        and len(heads) < HEADS_LIMIT
    ):
        several = (body[first:end], values) if len(values) > 1 else ()
        heads[body[begin:first]] = Head(name, end - first, *several)
    return name, values, end


def _length(body: bytes, at: int) -> tuple[int, int]:
    """The length at `at`, and where the content begins."""
    size = body[at]
    at += 1
    if size < 0x80:
        return size, at
    content = at + (size & 0x7F)
    if not at < content <= at + 4 or content > len(body):
        raise IndexError
    return int.from_bytes(body[at:content], "big"), content


def _values(body: bytes, at: int, end: int) -> list[bytes]:
    found = []
    while at < end:
        if body[at] != 0x04:
            raise IndexError
        size = body[at + 1]
        at += 2
        if size > 0x7F:
            size, at = _length(body, at - 1)
        found.append(body[at : (at := at + size)])
    if at != end:
        raise IndexError
    return found
