"""Listening sockets: who may connect, what is taken over, what is never touched."""

import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from colocroute.config.units import InetAddress, UnixAddress
from colocroute.errors import ColocrouteError, ConfigError
from colocroute.server.listeners import Access, Bound, connect, open_all, place_of, release

ACCESS = Access()
REMOTE = Access(allow_remote=True)


@pytest.fixture
def directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="cr", dir="/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def address(directory: Path) -> UnixAddress:
    return UnixAddress(f"{directory}/map.sock")


def open_one(address: UnixAddress | InetAddress, access: Access = ACCESS) -> Bound:
    return open_all([address], access)[0]


def mode_of(address: UnixAddress) -> int:
    return stat.S_IMODE(Path(address.path).stat().st_mode)


def answers(address: UnixAddress | InetAddress, bound: Bound) -> bool:
    """Whether a client of the address ends at the socket."""
    with connect(address, 10):
        bound.socket.setblocking(True)
        bound.socket.settimeout(10)
        bound.socket.accept()[0].close()
    return True


def test_a_unix_socket_is_opened_and_removed(address: UnixAddress) -> None:
    bound = open_one(address)
    assert not bound.socket.getblocking()
    assert not bound.socket.get_inheritable()
    assert answers(address, bound)
    release(bound)
    assert not Path(address.path).exists()
    assert bound.socket.fileno() == -1


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
@pytest.mark.parametrize("umask", [0, 0o022, 0o777])
def test_the_mode_is_that_of_the_configuration(address: UnixAddress, mode: int, umask: int) -> None:
    before = os.umask(umask)
    try:
        bound = open_one(address, Access(mode=mode))
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert mode_of(address) == mode
    release(bound)


def test_no_moment_with_a_wider_mode(address: UnixAddress, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    chown = os.chown

    def looking_chown(path: Path, uid: int, gid: int) -> None:
        seen.append(mode_of(address))
        chown(path, uid, gid)

    monkeypatch.setattr(os, "chown", looking_chown)
    release(open_one(address, Access(mode=0o666, group=str(os.getgid()))))
    assert seen == [0o600]


@pytest.mark.parametrize("group", ["daemon", "1"])
def test_the_group_by_name_or_number(address: UnixAddress, group: str) -> None:
    bound = open_one(address, Access(group=group))
    assert Path(address.path).stat().st_gid == 1
    assert mode_of(address) == 0o660
    release(bound)


def test_an_unknown_group_is_an_error_and_leaves_nothing(address: UnixAddress) -> None:
    with pytest.raises(ConfigError, match='no group "nosuch" on this machine'):
        open_one(address, Access(group="nosuch"))
    assert not Path(address.path).exists()


def test_a_stale_socket_is_taken_over(address: UnixAddress) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(address.path)
        dead.listen()
    assert Path(address.path).is_socket()
    bound = open_one(address)
    assert answers(address, bound)
    release(bound)


def test_a_live_socket_is_refused(address: UnixAddress) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(address.path)
        other.listen(0)
        for _ in range(4):  # the second probe finds a full backlog
            with pytest.raises(ColocrouteError, match=r"^unix:/.*/map\.sock: in use by another process$"):
                open_one(address)
        assert Path(address.path).is_socket()


def test_a_socket_of_another_type_is_refused(address: UnixAddress) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(address.path)
        with pytest.raises(ColocrouteError, match="in use by another process"):
            open_one(address)


@pytest.mark.parametrize("kind", ["file", "directory", "symlink"])
def test_what_is_no_socket_is_never_removed(address: UnixAddress, kind: str) -> None:
    path = Path(address.path)
    if kind == "file":
        path.write_text("precious")
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to("/nonexistent")
    with pytest.raises(ColocrouteError, match="a file that is not a socket, it is not removed"):
        open_one(address)
    assert path.is_symlink() or path.exists()


def test_a_missing_directory_is_a_clear_error(directory: Path) -> None:
    with pytest.raises(ConfigError, match=f"unix:{directory}/no/x: the directory {directory}/no does not"):
        open_one(UnixAddress(f"{directory}/no/x"))


def test_a_path_that_is_too_long(directory: Path) -> None:
    room = 107 - len(f"{directory}/")
    release(open_one(UnixAddress(f"{directory}/" + "x" * room)))
    with pytest.raises(ConfigError, match="longer than the 107 bytes a socket path may have"):
        open_one(UnixAddress(f"{directory}/" + "x" * (room + 1)))


def test_somebody_elses_socket_is_left_alone_at_the_end(address: UnixAddress) -> None:
    bound = open_one(address)
    Path(address.path).unlink()
    other = open_one(address)
    release(bound)
    assert answers(address, other)
    release(other)


def test_a_socket_file_that_is_gone_is_no_error_at_the_end(address: UnixAddress) -> None:
    bound = open_one(address)
    Path(address.path).unlink()
    release(bound)


def test_what_is_there_already_is_used(address: UnixAddress) -> None:
    have = [open_one(address), open_one(InetAddress("127.0.0.1", 0))]
    port = int(have[1].socket.getsockname()[1])
    again = open_all([InetAddress("localhost", port), address], Access(mode=0o600), have)
    assert [bound.socket for bound in again] == [have[1].socket, have[0].socket]
    assert mode_of(address) == 0o600
    for bound in have:
        release(bound)


def test_the_same_file_by_another_path(directory: Path, address: UnixAddress) -> None:
    bound = open_one(address)
    link = directory / "link"
    link.symlink_to(directory)
    assert open_all([UnixAddress(f"{link}/map.sock")], ACCESS, [bound]) == [bound]
    release(bound)


def test_a_socket_whose_file_was_removed_is_opened_anew(address: UnixAddress) -> None:
    lost = open_one(address)
    Path(address.path).unlink()
    (found,) = open_all([address], ACCESS, [lost])
    assert answers(address, found)
    release(lost)
    assert answers(address, found)
    release(found)


def test_all_or_nothing(directory: Path, address: UnixAddress) -> None:
    bad = UnixAddress(f"{directory}/no/x")
    kept = open_one(InetAddress("127.0.0.1", 0))
    port = int(kept.socket.getsockname()[1])
    with pytest.raises(ConfigError):
        open_all([address, InetAddress("127.0.0.1", port), bad], ACCESS, [kept])
    assert not Path(address.path).exists()
    assert answers(InetAddress("127.0.0.1", port), kept)
    release(kept)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_an_inet_socket(host: str) -> None:
    bound = open_one(InetAddress(host, 0))
    place = place_of(bound.socket)
    assert isinstance(place, tuple)
    assert not bound.socket.getblocking()
    address = InetAddress(host, place[1])
    assert answers(address, bound)
    with pytest.raises(ColocrouteError, match=r"^inet:.*: in use by another process$"):
        open_one(address)
    release(bound)
    release(open_one(address))  # SO_REUSEADDR: at once, though connections of before are in TIME_WAIT


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1"])
def test_not_the_loopback_is_refused(host: str) -> None:
    with pytest.raises(ConfigError, match=r"is not on the loopback, and listen\.allow_remote is false"):
        open_one(InetAddress(host, 2525))


def test_not_the_loopback_on_purpose() -> None:
    release(open_one(InetAddress("0.0.0.0", 0), REMOTE))
    with pytest.raises(ColocrouteError, match=r"inet:192\.0\.2\.1:2525: not an address of this machine"):
        open_one(InetAddress("192.0.2.1", 2525), REMOTE)


def test_an_unknown_host() -> None:
    with pytest.raises(ConfigError, match=r"^inet:nosuch\.invalid:2525: "):
        open_one(InetAddress("nosuch.invalid", 2525))


def test_connect_says_that_nobody_is_there(address: UnixAddress) -> None:
    with pytest.raises(FileNotFoundError):
        connect(address, 10)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(address.path)
        with pytest.raises(ConnectionRefusedError):
            connect(address, 10)
