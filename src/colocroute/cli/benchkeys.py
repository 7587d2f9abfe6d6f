"""Keys for `colocroute bench`: out of the mirror, or out of a file.

Owns which keys of a record a map is asked for.
"""

import random
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from colocroute.config import Config
from colocroute.errors import TemporaryError, UsageError
from colocroute.model import Keys

SEED = 1


def _addresses(keys: Keys) -> Iterable[str]:
    return keys.addresses


KEYS_OF_MAP: dict[str, Callable[[Keys], Iterable[str]]] = {
    "transport": lambda keys: keys.routes,
    "virtual_mailbox": lambda keys: keys.routes,
    "local_recipient": lambda keys: keys.routes,
    "relay_recipient": lambda keys: keys.routes,
    "generic": lambda keys: keys.routes,
    "recipient": lambda keys: (*keys.addresses, *keys.routes),
    "virtual_alias_domains": lambda keys: [key.rpartition("@")[2] for key in keys.addresses],
    "virtual_mailbox_domains": lambda keys: keys.route_domains,
    "mydestination": lambda keys: keys.route_domains,
    "relay_domains": lambda keys: keys.route_domains,
}
"""For all other maps: the addresses."""

CATCH_ALL = "@"
"""What the key of a catch-all begins with; such a key itself is asked for by nobody."""


def from_mirror(config: Config, map_name: str, limit: int) -> list[bytes]:
    """At most `limit` keys of the map, of entries drawn at random.  Raises `TemporaryError` if it has none."""
    from colocroute.daemon import build
    from colocroute.routing.records import keys

    keys_of = KEYS_OF_MAP.get(map_name, _addresses)
    found: dict[str, None] = {}
    mirror = build.open_mirror(config, writable=False)
    try:
        with mirror.snapshot() as snapshot:
            for entry_id in _drawn(snapshot.ids(), limit):
                record = snapshot.record(entry_id)
                if record is not None:
                    found.update((key, None) for key in keys_of(keys(record)) if key[:1] != CATCH_ALL)
                if len(found) >= limit:
                    break
    finally:
        mirror.close()
    if not found:
        raise TemporaryError(f"{build.store_path(config)}: the mirror has no keys for the map {map_name!r}")
    return [key.encode() for key in list(found)[:limit]]


def _drawn(ids: Iterator[bytes], number: int) -> list[bytes]:
    """So many of them, each with the same chance (reservoir sampling)."""
    rand = random.Random(SEED)
    drawn: list[bytes] = []
    for seen, entry_id in enumerate(ids):
        if seen < number:
            drawn.append(entry_id)
        elif (place := int(rand.random() * (seen + 1))) < number:
            drawn[place] = entry_id
    rand.shuffle(drawn)
    return drawn


def from_file(name: str) -> list[bytes]:
    """The lines of a file, or of standard input if the name is `-`.

    Raises `UsageError` if there are none, or if they cannot be read.
    """
    if name == "-" and sys.stdin is None:
        raise UsageError("standard input is closed; there are no keys to read")
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror or error}") from error
    found = [line for line in (line.rstrip(b"\r") for line in data.split(b"\n")) if line]
    if not found:
        raise UsageError(f"{name}: there are no keys in it")
    return found
