"""The way into this package: a session with the directory that the settings name.

Owns the choice among several addresses and between syncrepl and poll.  Rule: nobody is asked for what changed
since a position that he has not reached.  He would tell, and some providers do so without a word, what we have
newer; and what is newer still would later be taken for known.  Must not know the store.
"""

from pathlib import Path

from colocroute.directory import uri as uris
from colocroute.directory.connect import connect
from colocroute.directory.cookie import is_behind
from colocroute.directory.events import Session
from colocroute.directory.ldif_session import LdifSession
from colocroute.directory.schema import Mapper
from colocroute.directory.session import PollSession, SyncreplSession
from colocroute.directory.settings import DirectorySettings
from colocroute.directory.survey import survey
from colocroute.directory.uri import Uri
from colocroute.errors import DirectoryBehindError, DirectoryError


def open_session(
    settings: DirectorySettings, cookie: bytes, *, heartbeat: float, reached: bytes = b""
) -> Session:
    """A session with the first directory that can be had; `heartbeat` is the interval in seconds.

    `cookie` is where the last one ended, empty for everything; then `reached` is the position below which
    everything is not wanted either.  Raises `DirectoryError` with the reason of each address; it is
    `DirectoryBehindError` if one of them is only behind.
    """
    mapper = _mapper(settings)
    failures: list[DirectoryError] = []
    for text in settings.uris:
        try:
            return _open(uris.parse(text), settings, mapper, cookie, cookie or reached, heartbeat)
        except ValueError as error:
            failures.append(DirectoryError(f"directory.uri: {error}"))
        except DirectoryError as error:
            named = text.removeprefix("ldif:") in str(error)
            failures.append(type(error)(str(error) if named else f"{text}: {error}"))
    if len(failures) == 1:
        raise failures[0]
    some_behind = any(isinstance(failure, DirectoryBehindError) for failure in failures)
    kind = DirectoryBehindError if some_behind else DirectoryError
    raise kind("; ".join(map(str, failures)) or "directory.uri: no address")


def _open(
    uri: Uri, settings: DirectorySettings, mapper: Mapper, cookie: bytes, reached: bytes, heartbeat: float
) -> Session:
    if uri.scheme == "ldif":
        return LdifSession(Path(uri.path), settings.base, mapper)
    warnings: list[str] = []
    link = connect(uri, settings, warnings)
    try:
        found = survey(link, settings)
        if is_behind(found.position, reached):
            raise DirectoryBehindError(f"it is behind what the mirror has, at {found.position}")
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


def _mapper(settings: DirectorySettings) -> Mapper:
    """The mapping; settings that cannot be used are the directory's failure by now."""
    mistakes = settings.mistakes()
    if mistakes:
        raise DirectoryError("; ".join(mistakes))
    return settings.schema.mapper()
