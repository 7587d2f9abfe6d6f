"""Our own processes killed, stopped, reloaded and starved: what mail sees meanwhile."""

import signal
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from colocroute.model import Found, NotFound, TempFail
from tests.lab.company import Person, company_ldif
from tests.lab.daemon import Client, Daemon, daemon, descendants, is_alive, kill, wait_for
from tests.lab.slapd import Slapd
from tests.lab.watcher import Watcher, wait_equal

PEOPLE = 60
KNOWN = {Person(number).mail: [Person(number).route] for number in range(0, PEOPLE, 3)}
LDIF = company_ldif(PEOPLE)


def sections(uri: str, **server: Any) -> dict[str, dict[str, Any]]:
    return {
        "directory": {"uri": uri, "base": "dc=test,dc=tux"},
        "routing": {"domains": ["test.tux"], "here": [], "stale_after": "2s"},
        "server": {"workers": 2, **server},
    }


@pytest.fixture(scope="module")
def slapd() -> Iterator[Slapd]:
    with Slapd(LDIF) as server:
        yield server


@pytest.fixture
def service(slapd: Slapd) -> Iterator[Daemon]:
    with daemon(sections(slapd.ldapi)) as running:
        running.wait_state("live")
        yield running


def process(service: Daemon, name: str) -> int:
    """The pid of a process by its name in `status`."""
    return int(next(one["pid"] for one in service.status()["processes"] if one["name"] == name))


def is_another(service: Daemon, name: str, old: int) -> bool:
    """Whether the process of that name runs, and is not this one."""
    return process(service, name) not in (0, old)


@pytest.mark.parametrize("name", ["worker-1", "worker-2", "replicator"])
def test_a_killed_process_is_replaced_and_nobody_is_refused(service: Daemon, name: str) -> None:
    with Watcher(service.socket, KNOWN) as watcher:
        for _ in range(3):
            old = process(service, name)
            kill(old, signal.SIGKILL)
            wait_for(partial(is_another, service, name, old), "a new one")
        service.wait_state("live")
    watcher.check()
    wait_equal(service)


def test_the_replicator_killed_in_the_middle_of_changes(service: Daemon, slapd: Slapd) -> None:
    moved = Person(1)
    routes = [f"{moved.uid}-{turn}@paris.test.tux" for turn in range(8)]
    with Watcher(service.socket, KNOWN) as watcher:
        for route in routes:
            slapd.modify(moved.dn, colocRouteAddress=[route])
            kill(process(service, "replicator"), signal.SIGKILL)
        wait_for(lambda: service.ask("virtual_alias", moved.mail) == Found(routes[-1]), "the last move", 60)
        wait_equal(service)
    watcher.check()
    slapd.modify(moved.dn, colocRouteAddress=[moved.route])


def test_a_stopped_replicator_goes_stale_and_denies_nothing(service: Daemon) -> None:
    pid = process(service, "replicator")
    kill(pid, signal.SIGSTOP)
    try:
        service.wait_state("stale")
        with Client(service.socket) as client:
            assert client.ask("virtual_alias", Person(3).mail) == Found(Person(3).route)
            assert isinstance(client.ask("virtual_alias", "nobody@test.tux"), TempFail)
            assert client.ask("virtual_alias", "nobody@example.com") == NotFound()
    finally:
        kill(pid, signal.SIGCONT)
    service.wait_state("live")


def test_a_state_is_seen_on_an_open_connection_within_a_second(service: Daemon) -> None:
    """One of some times at least: the machine may stand still meanwhile."""
    with Client(service.socket) as client:
        limit = 2 + 1  # stale_after, and the second
        assert any(_seconds_to_stale(service, client) < limit for _ in range(5))


def _seconds_to_stale(service: Daemon, client: Client) -> float:
    """How long a client is told of absence after the replicator has stopped."""
    wait_for(lambda: client.ask("virtual_alias", "nobody@test.tux") == NotFound(), "the absence")
    pid = process(service, "replicator")
    kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        wait_for(lambda: isinstance(client.ask("virtual_alias", "nobody@test.tux"), TempFail), "TEMP")
        return time.monotonic() - started
    finally:
        kill(pid, signal.SIGCONT)


def test_sigterm_ends_all_within_five_seconds(service: Daemon) -> None:
    children = descendants(service.pid)
    assert len(children) == 3
    with Client(service.socket) as client:
        client.ask("virtual_alias", Person(1).mail)
        started = time.monotonic()
        assert service.stop() == 0
        assert time.monotonic() - started < 5
    assert not any(map(is_alive, children))
    assert not service.socket.exists()


def test_a_supervisor_killed_takes_the_others_with_it_and_a_new_start_works(service: Daemon) -> None:
    children = descendants(service.pid)
    kill(service.pid, signal.SIGKILL)
    wait_for(lambda: not any(map(is_alive, children)), "the end of the children")
    assert service.process is not None
    service.process.wait()
    service.start()
    assert service.settled("virtual_alias", Person(3).mail) == Found(Person(3).route)


def test_a_second_daemon_on_the_same_store_is_refused(service: Daemon) -> None:
    second = service.run("serve")
    assert second.returncode == 75
    assert b"another colocroute daemon" in second.stderr
    assert service.ask("virtual_alias", Person(3).mail) == Found(Person(3).route)


def test_reload_takes_a_new_configuration_and_leaves_nobody_without_an_answer(
    service: Daemon, slapd: Slapd
) -> None:
    changed = sections(slapd.ldapi)
    changed["routing"]["propagate_extension"] = False
    with Watcher(service.socket, KNOWN) as watcher:
        service.write_config(changed)
        kill(service.pid, signal.SIGHUP)
        key = Person(3).mail.replace("@", "+x@")
        wait_for(lambda: service.ask("virtual_alias", key) == Found(Person(3).route), "the new rule")
        service.wait_state("live")
    watcher.check()


def test_a_stopped_worker_is_passed_nothing_more(service: Daemon) -> None:
    stopped = process(service, "worker-2")
    kill(stopped, signal.SIGSTOP)
    try:
        before = [Client(service.socket) for _ in range(4)]
        time.sleep(1.5)  # the limit is a second, and the other worker accepts at once
        after = [Client(service.socket) for _ in range(20)]
        for client in after:
            assert client.ask("virtual_alias", Person(3).mail) == Found(Person(3).route)
    finally:
        kill(stopped, signal.SIGCONT)
    for client in before:
        assert client.ask("virtual_alias", Person(3).mail) == Found(Person(3).route)
    for client in before + after:
        client.close()


def test_a_reload_lets_go_of_the_clients_of_a_worker_that_is_stuck(service: Daemon) -> None:
    """Those that had been passed to it and that it has not taken: they ask somebody else."""
    stuck = process(service, "worker-2")
    kill(stuck, signal.SIGSTOP)
    clients = [Client(service.socket) for _ in range(8)]
    kill(service.pid, signal.SIGHUP)
    wait_for(lambda: not is_alive(stuck), "the end of the stuck one")
    for client in clients:
        with client:
            wait_for(partial(_is_closed, client), "the end of the connection")
    assert service.ask("virtual_alias", Person(3).mail) == Found(Person(3).route)


def _is_closed(client: Client) -> bool:
    client.socket.setblocking(False)
    try:
        return client.socket.recv(1) == b""
    except BlockingIOError:
        return False


def test_a_bad_configuration_leaves_the_old_in_force_and_says_so(service: Daemon) -> None:
    before = service.status()["processes"]
    service.config.write_text("[directory]\nuri = 3\nnonsense = true\n")
    kill(service.pid, signal.SIGHUP)
    wait_for(lambda: "old configuration stays in force" in service.log_text(), "the refusal")
    assert "directory.nonsense: unknown key" in service.log_text()
    assert service.ask("virtual_alias", Person(3).mail) == Found(Person(3).route)
    service.write_config(sections("ldapi:///nowhere"))
    assert service.status()["processes"] == before


def test_a_restart_answers_from_the_mirror_with_the_directory_down() -> None:
    with Slapd(LDIF) as own, daemon(sections(own.ldapi)) as service:
        service.wait_state("live")
        service.stop()
        own.kill()
        service.start()
        assert service.ask("virtual_alias", Person(3).mail) == Found(Person(3).route)
        assert service.status()["state"] == "stale"
        assert isinstance(service.ask("virtual_alias", "nobody@test.tux"), TempFail)


def test_a_mirror_of_another_schema_is_rebuilt_and_never_misread(service: Daemon, slapd: Slapd) -> None:
    service.stop()
    other = sections(slapd.ldapi)
    other["schema"] = {"addresses": ["alias"]}
    service.write_config(other)
    assert service.run("lookup", Person(3).mail).returncode == 75
    service.start()
    service.wait_state("live")
    assert service.ask("virtual_alias", Person(3).aliases[0]) == Found(Person(3).route)
    assert service.settled("virtual_alias", Person(3).mail) == NotFound()
