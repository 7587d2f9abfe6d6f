"""Ways to have one map asked: from the mirror on disk, through the daemon's socket, or in the directory itself.

Owns what stands behind `lookup --via`.  Each opener is a context manager that yields `(map, key) -> Answer`.
"""

import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from colocroute.config import Config
from colocroute.config.units import Address, parse_address
from colocroute.daemon import build
from colocroute.daemon.resolver import Resolver
from colocroute.errors import TemporaryError
from colocroute.model import NOT_FOUND, Answer
from colocroute.routing import maps
from colocroute.routing.address import KEY_LIMIT, decode_key
from colocroute.server.listeners import connect
from colocroute.wire import socketmap

log = logging.getLogger(__name__)

Ask = Callable[[str, bytes], Answer]

DAEMON_SECONDS = 10.0  # longest wait for one answer of the daemon, which gives it in microseconds

NOBODY_LISTENS = (FileNotFoundError, ConnectionRefusedError)


def map_names() -> Sequence[str]:
    """The names of all maps."""
    return tuple(maps.MAPS)


def opener(via: str) -> Callable[[Config], AbstractContextManager[Ask]]:
    """The way to ask that is called `via`: mirror, daemon or directory."""
    return {"mirror": _mirror, "daemon": _daemon, "directory": _directory}[via]


@contextmanager
def resolver(config: Config) -> Iterator[Resolver]:
    """A resolver over the mirror on disk, whether the daemon runs or not."""
    mirror = build.open_mirror(config, writable=False)
    try:
        if mirror.is_others:
            log.warning("%s", build.OTHERS_MIRROR)
        yield build.resolver(config, mirror)
    finally:
        mirror.close()


@contextmanager
def _mirror(config: Config) -> Iterator[Ask]:
    with resolver(config) as answering:
        yield lambda name, key: answering.answer(name.encode(), key)


@contextmanager
def _daemon(config: Config) -> Iterator[Ask]:
    if not config.listen.socketmap:
        raise TemporaryError("listen.socketmap: the daemon has no socketmap listener to ask")
    address = parse_address(config.listen.socketmap[0])
    with _connect(address) as connection:

        def ask(name: str, key: bytes) -> Answer:
            if len(key) > KEY_LIMIT:
                return NOT_FOUND  # as the daemon says, up to the longest request; Postfix does not ask
            decoder = socketmap.ReplyDecoder()
            try:
                connection.sendall(socketmap.encode_request(name.encode(), key))
                while (answer := decoder.next()) is None:
                    data = connection.recv(65536)
                    if not data:
                        raise TemporaryError(f"{address}: the daemon closed the connection")
                    decoder.feed(data)
            except OSError as error:
                raise TemporaryError(f"{address}: {error.strerror or error}") from error
            return answer

        yield ask


def _connect(address: Address) -> socket.socket:
    try:
        return connect(address, DAEMON_SECONDS)
    except OSError as error:
        question = "; is the daemon running?" if isinstance(error, NOBODY_LISTENS) else ""
        raise TemporaryError(f"{address}: {error.strerror or error}{question}") from error


@contextmanager
def _directory(config: Config) -> Iterator[Ask]:
    from colocroute.daemon.live import live_view

    view = live_view(config)

    def ask(name: str, key: bytes) -> Answer:
        text = decode_key(key)
        return NOT_FOUND if text is None else maps.answer(view, name, text)

    yield ask
