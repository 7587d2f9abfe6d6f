"""SearchResultEntry in the fewest steps: the path that a refresh of a large directory takes.

Owns the shortcut from bytes to `RawEntry`.  Rule: it takes only what it fully recognises, the forms that
directories write, and gives None for everything else, malformed or unusual; `messages.decode` then decides.
So a shortcut that says something else than `messages.decode` is the only bug there can be.  Must not know
streams.
"""

from colocroute.directory import messages
from colocroute.directory.ber import Cursor
from colocroute.directory.controls import SYNC_STATE
from colocroute.directory.messages import RawEntry

# Controls that hold one Sync State without cookie, up to the state; then come the state and the UUID.
SYNC_STATE_HEAD = b"\xa0\x35\x30\x33\x04\x18" + SYNC_STATE + b"\x04\x17\x30\x15\x0a\x01"
UUID_HEAD = b"\x04\x10"
STATE_AT = len(SYNC_STATE_HEAD)
UUID_AT = STATE_AT + 1 + len(UUID_HEAD)
SYNC_STATE_LENGTH = UUID_AT + 16

NAMES_LIMIT = 1000  # attribute descriptions remembered; a search that asks for attributes brings a few

Names = dict[bytes, bytes]


def quick_entry(body: bytes, names: Names) -> RawEntry | None:
    """The entry whose message's content this is, or None.  `names` remembers folded attribute types.

    Raises `DirectoryError` where the controls are malformed.
    """
    try:
        return _entry(body, names)
    except IndexError:  # cut short, or a form that is not known here
        return None


def _entry(body: bytes, names: Names) -> RawEntry | None:
    if body[0] != 0x02 or body[1] > 4:
        return None
    at = 2 + body[1]
    message_id = int.from_bytes(body[2:at], "big", signed=True)
    if message_id < 0 or at == 2 or body[at] != 0x64:
        return None
    stop = body[at + 1]
    at += 2
    if stop > 0x7F:
        stop, at = _long_length(body, stop, at)
    stop += at
    if body[at] != 0x04:
        return None
    end = body[at + 1]
    at += 2
    if end > 0x7F:
        end, at = _long_length(body, end, at)
    end += at
    dn = body[at:end]
    if body[end] != 0x30:
        return None
    at = end + 2
    end = body[end + 1]
    if end > 0x7F:
        end, at = _long_length(body, end, at)
    if at + end != stop or stop > len(body):
        return None
    attributes = _attributes(body, at, stop, names)
    return _with_state(body, stop, message_id, dn, attributes)


def _with_state(
    body: bytes, stop: int, message_id: int, dn: bytes, attributes: dict[bytes, list[bytes]]
) -> RawEntry:
    """The entry with what the controls at `stop` say."""
    if len(body) - stop == SYNC_STATE_LENGTH and body.startswith(SYNC_STATE_HEAD, stop):
        state = body[stop + STATE_AT]
        if state < 0x80 and body.startswith(UUID_HEAD, stop + STATE_AT + 1):
            return RawEntry(message_id, dn, attributes, state, body[stop + UUID_AT :])
    extra = messages.read_controls(Cursor(body, "LDAP message", stop))
    return messages.raw_entry(message_id, dn, attributes, extra)


def _attributes(body: bytes, at: int, stop: int, names: Names) -> dict[bytes, list[bytes]]:
    """The PartialAttributes from `at` to `stop`; `IndexError` for what is not known here."""
    found: dict[bytes, list[bytes]] = {}
    while at < stop:
        if body[at] != 0x30:
            raise IndexError
        end = body[at + 1]
        at += 2
        if end > 0x7F:
            end, at = _long_length(body, end, at)
        end += at
        size = body[at + 1]
        if body[at] != 0x04 or size > 0x7F:
            raise IndexError
        at += 2
        written = body[at : (at := at + size)]
        if body[at] != 0x31:
            raise IndexError
        size = body[at + 1]
        at += 2
        if size > 0x7F:
            size, at = _long_length(body, size, at)
        if at + size != end:
            raise IndexError
        if size < 0x80 and body[at + 1] == size - 2 and body[at] == 0x04:
            values = [body[at + 2 : end]]
        else:
            values = _values(body, at, end)
        at = end
        name = names.get(written) or _remember(written, names)
        found[name] = found[name] + values if name in found else values
    if at != stop:
        raise IndexError
    return found


def _long_length(body: bytes, first: int, at: int) -> tuple[int, int]:
    """The length whose first byte is `first` and that goes on at `at`, and where the content begins."""
    count = first & 0x7F
    if not 1 <= count <= 4 or at + count > len(body):
        raise IndexError
    return int.from_bytes(body[at : at + count], "big"), at + count


def _remember(written: bytes, names: Names) -> bytes:
    name = messages.attribute_name(written)
    if len(names) < NAMES_LIMIT:
        names[written] = name
    return name


def _values(body: bytes, at: int, end: int) -> list[bytes]:
    found = []
    while at < end:
        if body[at] != 0x04:
            raise IndexError
        size = body[at + 1]
        at += 2
        if size > 0x7F:
            size, at = _long_length(body, size, at)
        found.append(body[at : (at := at + size)])
    if at != end:
        raise IndexError
    return found
