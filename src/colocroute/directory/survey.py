"""What must be known of a directory before it is followed.

Owns the questions asked on a fresh connection: does it have our base, can it replicate to us, and will it
tell us all changes.  Must not know what follows from the answers.
"""

import ldap3
import msgspec

from colocroute.directory import controls
from colocroute.directory.dn import is_below, split
from colocroute.directory.link import Link, Search
from colocroute.directory.messages import RawEntry, describe
from colocroute.directory.settings import DirectorySettings
from colocroute.errors import DirectoryError, SyncUnsupportedError

SUCCESS = 0
SIZE_LIMIT_EXCEEDED = 4  # RFC 4511, A.1
UNAVAILABLE_CRITICAL_EXTENSION = 12
CONTEXT_CSN = b"contextcsn"
ENTRYCSN_UNREADABLE = (
    "entryCSN cannot be searched with our bind DN: the directory would silently keep changes from us "
    "after an interruption, so every connection begins with a full refresh; grant search on entryCSN"
)


class Survey(msgspec.Struct, frozen=True):
    """`suffix` is the entry with the position, `position` its contextCSN values.

    `sync` says that the directory can be followed, `resumable` that it tells all changes since a cookie.
    """

    suffix: str
    position: str
    sync: bool
    resumable: bool
    warnings: tuple[str, ...]


def survey(link: Link, settings: DirectorySettings) -> Survey:
    """Asks.  Raises `DirectoryError` if the base is not there, `SyncUnsupportedError` if it must be followed
    and cannot be.
    """
    root = link.ask(Search(base="", scope=ldap3.BASE, attributes=("supportedControl", "namingContexts")))[0]
    supported = [oid for entry in root for oid in entry.attributes.get(b"supportedcontrol", ())]
    contexts = [name for entry in root for name in entry.attributes.get(b"namingcontexts", ())]
    suffix = _suffix(settings.base, [name.decode("utf-8", "replace") for name in contexts])
    warnings: list[str] = []
    position = read_position(link, settings.base, suffix)
    sync = (
        settings.mode != "poll"
        and controls.SYNC_REQUEST.encode() in supported
        and _has_syncprov(link, settings)
    )
    if settings.mode == "syncrepl" and not sync:
        raise SyncUnsupportedError("the server has no syncprov for this base, and directory.mode is syncrepl")
    if not position and sync:
        warnings.append(f"contextCSN of {suffix} cannot be read: the lag behind the directory is not known")
    resumable = sync and _tells_changes(link, settings)
    if sync and not resumable:
        warnings.append(ENTRYCSN_UNREADABLE)
    return Survey(suffix, position, sync, resumable, tuple(warnings))


def read_position(link: Link, base: str, suffix: str) -> str:
    """The contextCSN values.  Raises `DirectoryError` if the base is not there."""
    entries = _require(link, Search(base=base, scope=ldap3.BASE, attributes=("contextCSN",)), base)
    if suffix != base:
        entries = link.ask(Search(base=suffix, scope=ldap3.BASE, attributes=("contextCSN",)))[0]
    return position_of(entries)


def position_of(entries: list[RawEntry]) -> str:
    """The contextCSN values that the entries have, for display."""
    values = [
        value.decode("utf-8", "replace")
        for entry in entries
        for value in entry.attributes.get(CONTEXT_CSN, ())
    ]
    return ";".join(sorted(values))


def _require(link: Link, search: Search, base: str) -> list[RawEntry]:
    entries, result = link.ask(search)
    if result.code != SUCCESS:
        raise DirectoryError(f"base {base!r}: {describe(result.code, result.text)}")
    return entries


def _suffix(base: str, contexts: list[str]) -> str:
    """The longest naming context that holds the base: there stands contextCSN (slapo-syncprov(5))."""
    rdns = split(base)
    longest = base
    most = 0
    for context in contexts:
        try:
            suffix = split(context)
        except ValueError:
            continue  # not a name, so none of ours
        if suffix == rdns:
            return base
        if len(suffix) > most and is_below(rdns, suffix):
            longest, most = context, len(suffix)
    return longest


def _has_syncprov(link: Link, settings: DirectorySettings) -> bool:
    """Whether the base is served with syncprov: supportedControl speaks only for the server as a whole."""
    control = (controls.SYNC_REQUEST, controls.sync_request(controls.REFRESH_ONLY))
    search = Search(base=settings.base, scope=ldap3.BASE, control=control)
    return link.ask(search)[1].code != UNAVAILABLE_CRITICAL_EXTENSION


def _tells_changes(link: Link, settings: DirectorySettings) -> bool:
    """Whether entryCSN may be searched: syncprov finds the changes since a cookie by it."""
    chosen = settings.schema.search_filter()
    return _finds(link, settings, f"(&(entryCSN=*){chosen})") or not _finds(link, settings, chosen)


def _finds(link: Link, settings: DirectorySettings, filter_text: str) -> bool:
    entries, result = link.ask(Search(base=settings.base, filter=filter_text, size_limit=1))
    if result.code not in {SUCCESS, SIZE_LIMIT_EXCEEDED}:
        raise DirectoryError(f"search: {describe(result.code, result.text)}")
    return bool(entries)
