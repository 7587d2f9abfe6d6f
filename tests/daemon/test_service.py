"""The service as a process: its sockets, what a reload takes and refuses, what it publishes and leaves."""

import errno
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from colocroute.config.units import parse_address
from colocroute.daemon import build, runtime, service
from colocroute.model import Found, State
from colocroute.server.interfaces import WireProtocol
from colocroute.server.listeners import release
from colocroute.store import files
from tests.lab.daemon import Client, Daemon, daemon, free_port, kill, wait_for
from tests.lab.held import configured, holds
from tests.vectors import COMPANY_LDIF, HERE, RULES, USER_FILTER, company_entries
from tests.vectors.company import BASE

ANNA = Found("anna@external.test.tux")


def sections(**listen: Any) -> dict[str, dict[str, Any]]:
    return {
        "directory": {"uri": f"ldif:{COMPANY_LDIF}", "base": BASE},
        "schema": {"user_filter": USER_FILTER},
        "routing": {"domains": list(RULES.domains), "here": list(HERE)},
        "listen": listen,
    }


@contextmanager
def running() -> Iterator[Daemon]:
    with daemon(sections()) as started:
        started.wait_state("live")
        yield started


def reload(running: Daemon, wanted: dict[str, dict[str, Any]], until: str) -> None:
    """SIGHUP with a new configuration, until the log has said it once more."""
    said = running.log_text().count(until)
    running.write_config(wanted)
    kill(running.pid, signal.SIGHUP)
    wait_for(lambda: running.log_text().count(until) > said, until)


def accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True


def pids(running: Daemon) -> list[int]:
    """Those of its processes, as far as it has told of them; 0 for one that does not run."""
    told = runtime.read(running.store, runtime.SUPERVISOR_FILE).get("processes", [])
    return [process["pid"] for process in told]


def test_reloads() -> None:
    """One daemon for all: starting one takes its time."""
    with running() as one:
        first, tcp = one.socket.stat().st_ino, free_port()
        other, policy = one.directory / "other.sock", one.directory / "policy.sock"
        former = pids(one)
        more = sections(
            socketmap=[f"unix:{one.socket}", f"unix:{other}"],
            tcp_table={"virtual_alias": f"127.0.0.1:{tcp}"},
            policy=[f"unix:{policy}"],
        )
        with Client(one.socket) as held:
            assert held.ask("virtual_alias", "anna@test.tux") == ANNA
            reload(one, more, "the new configuration is in force")
            wait_for(lambda: accepts(other) and accepts(policy), "the new sockets")
            with Client(other) as client:
                assert client.ask("virtual_alias", "anna@test.tux") == ANNA
            with socket.create_connection(("127.0.0.1", tcp), 10) as table:
                table.sendall(b"get anna@test.tux\n")
                assert table.recv(1000) == b"200 anna@external.test.tux\n"
        assert one.socket.stat().st_ino == first, "a socket that stays is never closed"

        wait_for(lambda: all(pids(one)) and not set(pids(one)) & set(former), "the new processes")
        before = one.status()["processes"]
        elsewhere = {**more, "store": {"path": str(one.directory / "store2")}}
        reload(one, elsewhere, "store.path: cannot be changed by a reload")
        nowhere = sections(socketmap=[f"unix:{one.directory}/none/map.sock"])
        reload(one, nowhere, f"{one.directory}/none does not exist")
        server = {"uri": "ldapi:///", "base": BASE, "bind_dn": "cn=x", "bind_password_file": "/none"}
        reload(one, {**more, "directory": server}, "directory.bind_password_file: /none does not exist")
        one.write_config(more)
        assert one.status()["processes"] == before
        assert all(map(accepts, (one.socket, other, policy)))

        reload(one, sections(), "the new configuration is in force")
        wait_for(lambda: not other.exists() and not policy.exists(), "the end of the dropped sockets")
        assert one.socket.stat().st_ino == first
        assert one.ask("virtual_alias", "anna@test.tux") == ANNA

        assert one.stop() == 0
        assert not one.socket.exists()
        assert not (one.store / runtime.SUPERVISOR_FILE).exists()
        assert one.status()["workers"] == []


def answers(port: int) -> bool:
    """False if nobody listens there."""
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as table:
            table.sendall(b"get anna@test.tux\n")
            return table.recv(1000) == b"200 anna@external.test.tux\n"
    except ConnectionRefusedError:
        return False


def test_a_dropped_port_refuses_and_can_be_had_again() -> None:
    with running() as one:
        port = free_port()
        for _ in range(2):
            reload(one, sections(tcp_table={"virtual_alias": f"127.0.0.1:{port}"}), "is in force")
            assert answers(port)
            reload(one, sections(), "is in force")
            wait_for(lambda: not answers(port), "the end of the port")


@pytest.mark.parametrize("accepted", [True, False])
def test_a_child_forked_during_a_reload_keeps_nothing_of_the_other_set(
    tmp_path: Path, accepted: bool
) -> None:
    """The new ones if it is accepted; if not, one of the old that was started again meanwhile."""
    path, common = configured(tmp_path), tmp_path / "map.sock"
    config = build.load(path)
    parts = service._Service(path, config, [], runtime.acquire(build.store_path(config)))
    dropped_later = f'socketmap = ["unix:{common}", "unix:{tmp_path}/other.sock"]'
    path.write_text(path.read_text().replace(f'socketmap = ["unix:{common}"]', dropped_later))
    assert parts.reload() is not None
    old, new = parts._set, parts._next
    assert new is not None
    mine, others = (new, old) if accepted else (old, new)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            mine._close_other()
            still = [bound.socket.fileno() >= 0 for bound in (*old.bound, *new.bound)]
            ends = [crew.inboxes[0].fileno() >= 0 for crew in (mine.crew, others.crew)]
            status = int((still, ends) != ([True, True, accepted], [True, False]))
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    parts.reloaded(accepted)
    assert parts._set.other is None, "or every set would keep the one before"
    parts.stopped()
    parts._set.crew.close()


def test_an_end_during_a_reload_leaves_no_socket_behind(tmp_path: Path) -> None:
    path, common, other = configured(tmp_path), tmp_path / "map.sock", tmp_path / "other.sock"
    config = build.load(path)
    parts = service._Service(path, config, [], runtime.acquire(build.store_path(config)))
    both = f'socketmap = ["unix:{common}", "unix:{other}"]'
    path.write_text(path.read_text().replace(f'socketmap = ["unix:{common}"]', both))
    assert parts.reload() is not None
    assert common.exists() and other.exists()
    parts.stopped()
    assert not common.exists() and not other.exists()


def test_it_tells_of_its_processes() -> None:
    with running() as one:
        wait_for(lambda: bool(pids(one)) and all(pids(one)), "the processes")
        published = runtime.read(one.store, runtime.SUPERVISOR_FILE)
        assert published["pid"] == one.pid
        assert [process["name"] for process in published["processes"]] == ["worker-1", "replicator"]
        (worker,) = published["workers"]
        kill(worker["pid"], signal.SIGKILL)

        def replaced() -> bool:
            (now,) = runtime.read(one.store, runtime.SUPERVISOR_FILE)["workers"] or [worker]
            return bool(now["pid"] != worker["pid"] and now["restarts"] == 1)

        wait_for(replaced, "the next worker")


def test_a_new_service_has_not_heard_of_the_directory(tmp_path: Path) -> None:
    path = configured(tmp_path)
    holds(path, company_entries())
    config = build.load(path)
    service._forget_contact(config)
    with build.open_mirror(config, writable=False) as mirror:
        assert mirror.pulse.state(1.0, 3600) is State.STALE


def test_a_mirror_that_cannot_be_written_is_no_reason_not_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = configured(tmp_path)
    holds(path, company_entries())
    monkeypatch.setattr(files, "WRITER_WAIT", 0.0)
    lock = files.lock_writer(tmp_path / "store")
    try:
        service._forget_contact(build.load(path))
    finally:
        files.unlock_writer(lock)
    assert "another process has this mirror open for writing; the mirror as it is goes on" in caplog.text


def test_each_listener_has_its_protocol(tmp_path: Path) -> None:
    path = configured(tmp_path)
    listen = f"""
socketmap = ["unix:{tmp_path}/a", "inet:[::1]:2525"]
tcp_table = {{ virtual_alias = "127.0.0.1:2526", transport = "127.0.0.1:2527" }}
policy = ["unix:{tmp_path}/p"]
"""
    path.write_text(path.read_text().replace(f'socketmap = ["unix:{tmp_path}/map.sock"]', listen))
    assert service._wanted(build.load(path)) == [
        (parse_address(f"unix:{tmp_path}/a"), WireProtocol.SOCKETMAP, ""),
        (parse_address("inet:[::1]:2525"), WireProtocol.SOCKETMAP, ""),
        (parse_address("inet:127.0.0.1:2526"), WireProtocol.TCP_TABLE, "virtual_alias"),
        (parse_address("inet:127.0.0.1:2527"), WireProtocol.TCP_TABLE, "transport"),
        (parse_address(f"unix:{tmp_path}/p"), WireProtocol.POLICY, ""),
    ]


def test_auto_is_a_worker_for_each_processor_that_they_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = configured(tmp_path)
    path.write_text(path.read_text() + '[server]\nworkers = "auto"\n')
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {3, 5, 8})
    parts = service._Set(build.load(path), [])
    try:
        assert [child.name for child in parts.children] == ["worker-1", "worker-2", "worker-3", "replicator"]
        assert parts.crew.size == 3
    finally:
        parts.crew.close()
        for bound in parts.bound:
            release(bound)


def test_a_reload_that_finds_no_descriptors_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = configured(tmp_path)
    path.write_text(path.read_text() + "[server]\nworkers = 2\n")
    config = build.load(path)
    one = service._Service(path, config, [], runtime.acquire(tmp_path / "store"))
    path.write_text(path.read_text().replace('map.sock"', f'map.sock", "unix:{tmp_path}/other.sock"'))
    pairs, real = [socket.socketpair()], socket.socketpair

    def few() -> tuple[socket.socket, socket.socket]:
        if not pairs:
            raise OSError(errno.EMFILE, "Too many open files")
        return pairs.pop()

    (inside, outside) = pairs[0]
    with monkeypatch.context() as patch:
        patch.setattr(socket, "socketpair", few)
        assert one.reload() is None
    assert caplog.messages == [
        "reload: server.workers: no sockets between them: Too many open files",
        "reload: the old configuration stays in force",
    ]
    assert inside.fileno() == outside.fileno() == -1
    assert not (tmp_path / "other.sock").exists()
    assert accepts(tmp_path / "map.sock")
    assert socket.socketpair is real
    assert one.reload() is not None
    one.reloaded(False)
    assert not (tmp_path / "other.sock").exists()
    one.stopped()
    assert not (tmp_path / "map.sock").exists()
