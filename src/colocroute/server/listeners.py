"""Listening sockets: opened, taken over, given up.

Owns what an address of the configuration means to the kernel.  Rules: what somebody listens on is theirs,
what is no socket is never removed, a socket file that is not ours any more is left alone; nobody but the
owner can reach a socket before its mode and group are right.  Must not know protocols.

To be used before there are threads: the umask is changed for a moment.  Known limit: two daemons that start
at the same moment with the same socket path (and different stores) may take it from each other.
"""

import contextlib
import errno
import grp
import ipaddress
import os
import socket
import stat
from collections.abc import Sequence
from pathlib import Path

import msgspec

from colocroute.config.units import MAX_UNIX_PATH, Address, InetAddress, UnixAddress
from colocroute.errors import ColocrouteError, ConfigError

# Connections that wait to be accepted; a busy Postfix holds 200 to 300.  The kernel caps it at
# net.core.somaxconn.
BACKLOG = 1024

Place = Path | tuple[str, int]
"""What an address comes down to: a file in a directory without symbolic links, or IP address and port."""


class Access(msgspec.Struct, frozen=True):
    """Who may connect: mode and group (name or number, empty: as is) of socket files; other machines."""

    mode: int = 0o660
    group: str = ""
    allow_remote: bool = False


class Bound(msgspec.Struct, frozen=True):
    """A listening, non-blocking socket; `file` tells its socket file from a later one of the same name.

    `file` is None if there is no file, or if it is not ours to remove.
    """

    address: Address
    socket: socket.socket
    file: tuple[int, int, int] | None = None


def open_all(wanted: Sequence[Address], access: Access, have: Sequence[Bound] = ()) -> list[Bound]:
    """One socket for each address, in order: from `have` where it fits (its mode is set anew), else opened.

    Raises `ConfigError` or `ColocrouteError`, and then has opened nothing.  What is not used of `have` is the
    caller's to `release`.
    """
    opened: list[Bound] = []
    result: list[Bound] = []
    try:
        for address in wanted:
            places = _places(address, access)
            bound = next((one for one in have if place_of(one.socket) in places and _is_reachable(one)), None)
            if bound is None:
                bound = _open(address, places[0], access)
                opened.append(bound)
            elif bound.file is not None:
                _give_access(bound.address, access)
            result.append(bound)
    except BaseException:
        for bound in opened:
            release(bound)
        raise
    return result


def release(bound: Bound) -> None:
    """Stops listening, and removes the socket file if it is still ours."""
    if bound.file is not None and _is_reachable(bound):
        with contextlib.suppress(OSError):
            # Before the socket is closed: until then nobody else can take the name over.
            _path(bound.address).unlink()
    bound.socket.close()


def connect(address: Address, seconds: float) -> socket.socket:
    """A connection to somebody who listens there; waits at most `seconds` then and for each read and write.

    Raises `OSError`.
    """
    if isinstance(address, InetAddress):
        return socket.create_connection((address.host, address.port), seconds)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect(address.path)
    except BaseException:
        connection.close()
        raise
    return connection


def place_of(listening: socket.socket) -> Place | None:
    """Where a socket is bound; None if it has no name that an address could give."""
    name = listening.getsockname()
    if listening.family == socket.AF_UNIX:
        return _real(name) if isinstance(name, str) and name else None
    if listening.family in (socket.AF_INET, socket.AF_INET6):
        return str(name[0]), int(name[1])
    return None


def _places(address: Address, access: Access) -> list[Place]:
    """The places an address may mean, the one to open first; raises `ConfigError` for a forbidden one."""
    if isinstance(address, UnixAddress):
        if len(os.fsencode(address.path)) > MAX_UNIX_PATH:
            raise ConfigError([f"{address}: longer than the {MAX_UNIX_PATH} bytes a socket path may have"])
        return [_real(address.path)]
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConfigError([f"{address}: {error.strerror}"]) from None
    places = [(str(place[0]), int(place[1])) for *_, place in found]
    for host, _ in places:
        if not access.allow_remote and not ipaddress.ip_address(host.partition("%")[0]).is_loopback:
            raise ConfigError([f"{address}: {host} is not on the loopback, and listen.allow_remote is false"])
    return [*places]


def _real(path: str) -> Path:
    return Path(os.path.realpath(Path(path).parent), Path(path).name)


def _open(address: Address, place: Place, access: Access) -> Bound:
    try:
        if isinstance(place, Path):
            return _open_unix(address, access)
        family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
        listening = socket.create_server(place, family=family, backlog=BACKLOG)
    except OSError as error:
        raise ColocrouteError(f"{address}: {_reason(error)}") from None
    listening.setblocking(False)
    return Bound(address, listening)


def _open_unix(address: Address, access: Access) -> Bound:
    path = _path(address)
    if not path.parent.is_dir():
        raise ConfigError([f"{address}: the directory {path.parent} does not exist"])
    _remove_stale(address, path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        mask = os.umask(0o177)
        try:
            listening.bind(str(path))
        finally:
            os.umask(mask)
        file = _identity(path)
        try:
            _give_access(address, access)
            listening.listen(BACKLOG)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    except BaseException:
        listening.close()
        raise
    listening.setblocking(False)
    return Bound(address, listening, file)


def _remove_stale(address: Address, path: Path) -> None:
    """Removes a socket file that nobody listens on; raises `ColocrouteError` for anything else there."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ColocrouteError(f"{address}: there is a file that is not a socket, it is not removed")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        result = probe.connect_ex(str(path))
    if result == errno.ECONNREFUSED:
        path.unlink(missing_ok=True)
    elif result in (errno.EACCES, errno.EPERM):
        raise ColocrouteError(f"{address}: the socket there cannot be tried: {os.strerror(result)}")
    elif result != errno.ENOENT:
        # Connected, or EAGAIN (its backlog is full), or EPROTOTYPE (not a stream).
        raise ColocrouteError(f"{address}: in use by another process")


def _give_access(address: Address, access: Access) -> None:
    """Sets the group of a socket file, then its mode."""
    path = _path(address)
    try:
        if access.group:
            os.chown(path, -1, _group(access.group))
        path.chmod(access.mode)
    except OSError as error:
        who = f" to group {access.group}" if access.group else ""
        raise ConfigError([f"{address}: cannot be given{who}: {error.strerror}"]) from None


def _group(name: str) -> int:
    if name.isdecimal():
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise ConfigError([f'listen.socket_group: there is no group "{name}" on this machine']) from None


def _is_reachable(bound: Bound) -> bool:
    """Whether the socket file is still the one that was made with the socket."""
    if bound.file is None:
        return True
    try:
        return _identity(_path(bound.address)) == bound.file
    except OSError:
        return False


def _path(address: Address) -> Path:
    assert isinstance(address, UnixAddress)
    return Path(address.path)


def _identity(path: Path) -> tuple[int, int, int]:
    """Inode numbers are used again; together with the time the file was made they are not."""
    status = path.lstat()
    return status.st_dev, status.st_ino, status.st_mtime_ns


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "in use by another process"
    if error.errno == errno.EADDRNOTAVAIL:
        return "not an address of this machine"
    return error.strerror or str(error)
