"""The way into this package: a session with the directory that the settings name, or one search in it.

Owns the choice among several addresses and between syncrepl and poll.  Must not know the store.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from colocroute.directory import filter as filters
from colocroute.directory import uri as uris
from colocroute.directory.connect import connect
from colocroute.directory.events import Session
from colocroute.directory.identity import ENTRY_UUID, identity
from colocroute.directory.ldif_session import LdifSession, search_file
from colocroute.directory.link import Link, Search
from colocroute.directory.match import compile_filter
from colocroute.directory.messages import describe
from colocroute.directory.schema import Mapper
from colocroute.directory.session import PollSession, SyncreplSession
from colocroute.directory.settings import DirectorySettings
from colocroute.directory.survey import SUCCESS, survey
from colocroute.directory.uri import Uri
from colocroute.errors import DirectoryError
from colocroute.model import Entry

T = TypeVar("T")


def open_session(settings: DirectorySettings, cookie: bytes, *, heartbeat: float) -> Session:
    """A session with the first directory that can be had; `heartbeat` is the interval in seconds.

    `cookie` is where the last one ended, empty for everything.  Raises `DirectoryError` with the reason of
    each address.
    """
    mapper = _mapper(settings)
    return _first(settings, lambda uri: _open(uri, settings, mapper, cookie, heartbeat))


def search_records(settings: DirectorySettings, filter_text: str) -> list[Entry]:
    """The entries that have a part in routing and match the filter, asked for now.  Raises `DirectoryError`.

    Values in the filter must have gone through `filter.escape`.
    """
    mapper = _mapper(settings)
    return _first(settings, lambda uri: _search(uri, settings, mapper, filter_text))


def _first(settings: DirectorySettings, attempt: Callable[[Uri], T]) -> T:
    """What the first address gives that gives anything."""
    failures: list[DirectoryError] = []
    for text in settings.uris:
        try:
            return attempt(uris.parse(text))
        except ValueError as error:
            failures.append(DirectoryError(f"directory.uri: {error}"))
        except DirectoryError as error:
            failures.append(type(error)(str(error) if text in str(error) else f"{text}: {error}"))
    if len(failures) == 1:
        raise failures[0]
    raise DirectoryError("; ".join(map(str, failures)) or "directory.uri: no address")


def _open(uri: Uri, settings: DirectorySettings, mapper: Mapper, cookie: bytes, heartbeat: float) -> Session:
    if uri.scheme == "ldif":
        return LdifSession(Path(uri.path), settings.base, mapper)
    warnings: list[str] = []
    link = connect(uri, settings, warnings)
    try:
        found = survey(link, settings)
        session: Session
        if found.sync:
            usable = cookie if found.resumable else b""
            session = SyncreplSession(uri.text, link, found, settings, mapper, heartbeat, usable)
        else:
            session = PollSession(uri.text, link, found, settings, mapper, heartbeat)
        session.warnings[:0] = warnings
        return session
    except BaseException:
        link.close()
        raise


def _search(uri: Uri, settings: DirectorySettings, mapper: Mapper, filter_text: str) -> list[Entry]:
    try:
        wanted = filters.parse(filter_text)
    except filters.FilterError as error:
        raise DirectoryError(str(error)) from error
    if uri.scheme == "ldif":
        return search_file(Path(uri.path), settings.base, mapper, compile_filter(wanted))
    link = connect(uri, settings, [])
    try:
        return _ask(link, settings, mapper, filters.render(wanted))
    finally:
        link.close()


def _ask(link: Link, settings: DirectorySettings, mapper: Mapper, wanted: str) -> list[Entry]:
    schema = settings.schema
    chosen = f"(&{schema.search_filter()}{wanted})"
    attributes = (*schema.attributes(), ENTRY_UUID)
    entries, result = link.ask(Search(base=settings.base, filter=chosen, attributes=attributes))
    if result.code != SUCCESS:
        raise DirectoryError(describe(result.code, result.text))
    try:
        return [mapper(identity(entry.dn, entry.attributes), entry.dn, entry.attributes) for entry in entries]
    except ValueError as error:
        raise DirectoryError(str(error)) from error


def _mapper(settings: DirectorySettings) -> Mapper:
    """The mapping; settings that cannot be used are the directory's failure by now."""
    mistakes = settings.mistakes()
    if mistakes:
        raise DirectoryError("; ".join(mistakes))
    return settings.schema.mapper()
