"""The three ways of asking a map; `lookup --via` holds them against each other."""

import errno
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from colocroute.config import Config
from colocroute.daemon import asking, build
from colocroute.errors import ColocrouteError, TemporaryError
from colocroute.model import NOT_FOUND, Found, TempFail
from colocroute.routing import maps
from colocroute.routing.address import KEY_LIMIT
from tests.lab import recorder
from tests.lab.held import configured, holds
from tests.lab.postfix import directory
from tests.vectors import HERE, VECTORS, Kind, company_entries


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    path = configured(tmp_path_factory.mktemp("asking"), here=list(HERE))
    holds(path, company_entries())
    return build.load(path)


@pytest.fixture
def peer() -> Iterator[recorder.Recorder]:
    """Somebody who answers in the daemon's place."""
    with directory() as place, recorder.socketmap(place) as tables:
        yield tables


def asks(tables: recorder.Recorder, tmp_path: Path) -> Config:
    """A configuration whose daemon is `tables`."""
    path = configured(tmp_path)
    own, address = f"unix:{tmp_path}/map.sock", tables.table.removeprefix("socketmap:")
    path.write_text(path.read_text().replace(own, address))
    return build.load(path)


@pytest.mark.parametrize("via", ["mirror", "directory"])
def test_the_vectors_hold(config: Config, via: str) -> None:
    known = {vector for vector in VECTORS if vector.map_name in maps.MAPS}
    with asking.opener(via)(config) as ask:
        for vector in known:
            answer = ask(vector.map_name, vector.key)
            if vector.kind is Kind.FOUND:
                assert answer == Found(vector.value), vector
            elif vector.kind is Kind.NOT_FOUND:
                assert answer == NOT_FOUND, vector
            else:
                assert isinstance(answer, TempFail), vector


def test_the_daemon_is_asked_as_postfix_asks(peer: recorder.Recorder, tmp_path: Path) -> None:
    peer.answers = {("m", "a b"): b"OK c", ("m", "later"): b"TEMP not now"}
    with asking.opener("daemon")(asks(peer, tmp_path)) as ask:
        assert ask("m", b"a b") == Found("c")
        assert ask("m", b"later") == TempFail("not now")
        assert ask("m", b"\xff") == NOT_FOUND
    assert [request.key for request in peer.requests] == [b"a b", b"later", b"\xff"]
    assert peer.connections == 1


@pytest.mark.parametrize("length", [KEY_LIMIT + 1, 200_000])
def test_a_key_that_is_too_long_is_nobodys_whoever_is_asked(
    peer: recorder.Recorder, tmp_path: Path, config: Config, length: int
) -> None:
    key = b"x" * (length - len(b"@test.tux")) + b"@test.tux"
    with asking.opener("daemon")(asks(peer, tmp_path)) as ask:
        assert ask("m", key) == NOT_FOUND
        peer.script = lambda _request: b"OK asked"
        assert ask("m", key[-KEY_LIMIT:]) == Found("asked")
    assert [len(request.key) for request in peer.requests] == [KEY_LIMIT]
    for via in ("mirror", "directory"):
        with asking.opener(via)(config) as ask:
            assert ask("virtual_alias", key) == NOT_FOUND


@pytest.mark.parametrize("reply", [recorder.CLOSE, b"WHAT is this"])
def test_a_daemon_that_breaks_off_is_a_failure_for_now(
    peer: recorder.Recorder, tmp_path: Path, reply: bytes
) -> None:
    peer.script = lambda _request: reply
    with asking.opener("daemon")(asks(peer, tmp_path)) as ask:
        try:
            answer = ask("m", b"x")
        except ColocrouteError as error:
            assert "closed the connection" in str(error)
        else:
            assert isinstance(answer, TempFail)


def test_a_daemon_that_says_nothing_is_a_failure_for_now(
    peer: recorder.Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "DAEMON_SECONDS", 0.2)
    config = asks(peer, tmp_path)
    done = threading.Event()
    peer.script = lambda _request: b"TEMP" if done.wait(20) else b""
    with asking.opener("daemon")(config) as ask, pytest.raises(TemporaryError, match=r"unix:.*: timed out"):
        ask("m", b"x")
    done.set()


def test_nobody_there_is_told_with_the_address(tmp_path: Path) -> None:
    path = configured(tmp_path)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # nobody else gets the port
        port = deaf.getsockname()[1]
        path.write_text(path.read_text().replace(f"unix:{tmp_path}/map.sock", f"inet:127.0.0.1:{port}"))
        with (
            pytest.raises(
                TemporaryError, match=rf"^inet:127.0.0.1:{port}: Connection refused; is the daemon"
            ),
            asking.opener("daemon")(build.load(path)),
        ):
            pass
    nothing = f'socketmap = []\npolicy = ["unix:{tmp_path}/policy.sock"]'
    path.write_text(path.read_text().replace(f'socketmap = ["inet:127.0.0.1:{port}"]', nothing))
    with (
        pytest.raises(TemporaryError, match=r"listen.socketmap: the daemon has no socketmap listener"),
        asking.opener("daemon")(build.load(path)),
    ):
        pass


@pytest.mark.parametrize(
    ("number", "asks_back"),
    [(errno.ENOENT, True), (errno.ECONNREFUSED, True), (errno.EACCES, False), (errno.ETIMEDOUT, False)],
)
def test_whether_the_daemon_runs_is_asked_only_if_nobody_listens(
    config: Config, monkeypatch: pytest.MonkeyPatch, number: int, asks_back: bool
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(asking, "connect", fail)
    with (
        pytest.raises(TemporaryError, match=os.strerror(number)) as failed,
        asking.opener("daemon")(config),
    ):
        pass
    assert ("is the daemon running?" in str(failed.value)) is asks_back


def test_the_names_are_those_of_the_maps() -> None:
    assert set(asking.map_names()) == set(maps.MAPS)
