"""The store removed, unreadable, full and read-only under the service: what mail sees meanwhile."""

import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from colocroute.model import Found, NotFound, TempFail
from tests.lab.company import Person
from tests.lab.daemon import Daemon, daemon, kill, wait_for
from tests.lab.slapd import Slapd
from tests.lab.watcher import Watcher, wait_equal
from tests.system.test_processes import KNOWN, LDIF, is_another, process, sections


@pytest.fixture(scope="module")
def slapd() -> Iterator[Slapd]:
    with Slapd(LDIF) as server:
        yield server


@pytest.mark.parametrize("at_once", [False, True])
def test_a_store_that_is_removed_under_the_service_is_made_anew(slapd: Slapd, *, at_once: bool) -> None:
    """Nothing that is in the new mirror is denied, though the old pulse would be live for long."""
    wanted = sections(slapd.ldapi)
    wanted["routing"]["stale_after"] = "600s"
    new = Person(3000 + at_once)
    with daemon(wanted) as service:
        service.wait_state("live")
        replicator = process(service, "replicator")
        with Watcher(service.socket, KNOWN) as watcher:
            shutil.rmtree(service.store)
            if at_once:
                kill(replicator, signal.SIGKILL)
            wait_for(lambda: (service.store / "supervisor.json").exists(), "a new store")
            service.wait_state("live")
            slapd.add(new.dn, new.attributes())
            try:
                wait_for(
                    lambda: service.ask("virtual_alias", new.mail) == Found(new.route), "the new user", 10
                )
            finally:
                slapd.delete(new.dn)
        watcher.check()
        assert service.status()["daemon"] == "running"
        assert at_once or "removed or replaced under the running service" in service.log_text()
        assert "Traceback" not in service.log_text()


def test_a_worker_that_cannot_open_the_mirror_delays_ours_only(slapd: Slapd) -> None:
    """Too little address space for the mirror, as with `ulimit -v`."""
    with daemon(sections(slapd.ldapi, workers=1)) as service:
        service.wait_state("live")
        resource.prlimit(service.pid, resource.RLIMIT_AS, (4 << 30, resource.RLIM_INFINITY))
        old = process(service, "worker-1")
        kill(old, signal.SIGKILL)
        wait_for(partial(is_another, service, "worker-1", old), "a new one")
        worker = process(service, "worker-1")
        for _ in range(3):
            answer = service.ask("virtual_alias", Person(3).mail)
            assert isinstance(answer, TempFail)
            assert "mirror unreadable" in answer.reason
            assert service.ask("virtual_alias", "nobody@example.com") == NotFound()
        resource.prlimit(worker, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert service.settled("virtual_alias", Person(3).mail) == Found(Person(3).route)
        assert process(service, "worker-1") == worker


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with little room."""
    tmp_path = tmp_path / "disk"
    tmp_path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1536k", "tmpfs", str(tmp_path)], check=True)
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


@pytest.fixture
def service(slapd: Slapd, small_disk: Path) -> Iterator[Daemon]:
    """A live daemon whose store is there."""
    with daemon({}, start=False) as running:
        wanted = sections(slapd.ldapi)
        wanted["store"] = {"path": str(small_disk / "store")}
        running.store = small_disk / "store"
        running.write_config(wanted)
        running.start()
        running.wait_state("live")
        yield running


def test_a_full_disk_denies_nothing_and_is_got_over(slapd: Slapd, small_disk: Path, service: Daemon) -> None:
    filler = small_disk / "filler"
    _fill(filler)
    new = [Person(number) for number in range(1000, 1040)]
    with Watcher(service.socket, KNOWN) as watcher:
        try:
            for person in new:
                slapd.add(person.dn, person.attributes())
            wait_for(lambda: "cannot be written" in service.log_text(), "the complaint")
            service.wait_state("stale")
            for person in new:
                answer = service.ask("virtual_alias", person.mail)
                assert isinstance(answer, TempFail) or answer == Found(person.route)
            filler.unlink()
            service.wait_state("live", 90)
            assert service.ask("virtual_alias", new[-1].mail) == Found(new[-1].route)
            wait_equal(service)
        finally:
            slapd.delete(*(person.dn for person in new))
    watcher.check()


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return


def test_a_start_on_a_read_only_file_system_answers_from_the_mirror(
    small_disk: Path, service: Daemon
) -> None:
    service.stop()
    remount = ["mount", "-o", "remount,ro", str(small_disk)]
    subprocess.run(remount, check=True)
    service.start()
    assert service.ask("virtual_alias", Person(3).mail) == Found(Person(3).route)
    assert service.ask("virtual_alias", "nobody@example.com") == NotFound()
    service.wait_state("stale")
    assert isinstance(service.ask("virtual_alias", "nobody@test.tux"), TempFail)
    subprocess.run([*remount[:2], "remount,rw", str(small_disk)], check=True)
    service.wait_state("live", 90)
    assert service.settled("virtual_alias", "nobody@test.tux") == NotFound()
    service.stop()
    subprocess.run(remount, check=True)
    service.start()
    assert service.stop() == 0
    assert "Traceback" not in service.log_text()
