"""What the replicator is told of its surroundings; that it follows a directory is shown in tests/system."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colocroute.daemon import build, runtime
from colocroute.daemon import here as here_module
from colocroute.daemon.replication import NICE, _Watch
from colocroute.replicate.replicator import Progress
from colocroute.replicate.whereabouts import Whereabouts
from colocroute.store.mirror import Mirror
from tests.lab.daemon import Daemon, daemon, wait_for
from tests.lab.held import configured, holds
from tests.vectors import company_entries


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = configured(tmp_path, proxy_addresses=["10.2.0.1"])
    holds(path, company_entries())
    return path


@pytest.fixture
def mirror(config: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    monkeypatch.setattr(here_module, "FIND_SECONDS", 0.0)  # nobody is to ask the DNS
    with build.open_mirror(build.load(config), writable=True) as opened:
        yield opened


def test_where_the_sites_of_a_snapshot_are(config: Path, mirror: Mirror) -> None:
    watch = _Watch(build.load(config), mirror)
    with mirror.snapshot() as snapshot:
        found = watch.locate(snapshot)
    assert found.here == ("external.test.tux",)
    assert {"10.1.0.1", "10.2.0.1"} <= set(found.servers)
    assert found.unresolved, "mail.paris.test.tux is a name"


def test_the_operators_word_on_what_is_here(tmp_path: Path, mirror: Mirror) -> None:
    watch = _Watch(build.load(configured(tmp_path, here=["paris.test.tux"])), mirror)
    with mirror.snapshot() as snapshot:
        assert watch.locate(snapshot).here == ("paris.test.tux",)


def test_what_an_earlier_process_found_is_believed_until_there_is_better(
    config: Path, mirror: Mirror
) -> None:
    with mirror.transaction(time.time()) as txn:
        txn.update_meta(here=("paris.test.tux",), servers=("10.3.0.1",), unresolved=True)
    watch = _Watch(build.load(config), mirror)
    with mirror.snapshot() as snapshot:
        found = watch.locate(snapshot)
    assert found.here == ("external.test.tux", "paris.test.tux"), "whose name nobody could resolve since"
    assert "10.3.0.1" in found.servers


def test_progress_is_published(config: Path, mirror: Mirror) -> None:
    _Watch(build.load(config), mirror).report(Progress(uri="x", warnings=("y",)))
    said = runtime.read(mirror._path, runtime.REPLICATOR_FILE)
    assert (said["uri"], said["warnings"], said["connected"]) == ("x", ["y"], False)
    assert abs(said["started"] - time.time()) < 60


def test_a_failed_look_leaves_the_last_finding(
    config: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    watch = _Watch(build.load(config), mirror)
    assert watch.whereabouts() == (-1, None)
    watch.look()
    seen = watch.whereabouts()
    assert seen[0] == mirror.pulse.topology()
    assert seen[1] is not None

    def fail(_snapshot: object) -> Whereabouts:
        raise OSError("no interfaces")

    monkeypatch.setattr(watch, "locate", fail)
    watch.look()
    assert watch.whereabouts() == seen
    assert "the last finding holds" in caplog.text


def test_an_own_address_that_changes_is_found_out(tmp_path: Path) -> None:
    """The sites' side of it: the nexthop of a site becomes an address of ours."""
    text = (
        "dn: dc=test,dc=tux\n\ndn: cn=a,dc=test,dc=tux\nobjectClass: suseMailTransport\n"
        "suseMailTransportDestination: a.test.tux\nsuseMailTransportNexthop: smtp:[{}]\n"
    )
    ldif = tmp_path / "users.ldif"
    ldif.write_text(text.format("10.1.0.1"))
    with daemon(
        {
            "directory": {"uri": f"ldif:{ldif}", "base": "dc=test,dc=tux"},
            "routing": {"domains": ["test.tux"], "proxy_addresses": ["192.0.2.1"]},
        }
    ) as service:
        assert service.wait_state("live")["here"] == []
        ldif.write_text(text.format("192.0.2.1"))
        wait_for(lambda: service.status()["here"] == ["a.test.tux"], "the site to be here")


def test_it_gives_way_to_the_workers(tmp_path: Path) -> None:
    ldif = tmp_path / "company.ldif"
    ldif.write_text("dn: dc=test,dc=tux\nobjectClass: domain\ndc: test\n")
    sections: dict[str, dict[str, Any]] = {
        "directory": {"uri": f"ldif:{ldif}", "base": "dc=test,dc=tux"},
        "routing": {"domains": ["test.tux"]},
    }
    with daemon(sections) as service:
        wait_for(lambda: all(_pids(service).values()) and len(_pids(service)) == 2, "both processes")
        worker, replicator = _pids(service)["worker-1"], _pids(service)["replicator"]
        expected = min(19, os.getpriority(os.PRIO_PROCESS, worker) + NICE)
        wait_for(
            lambda: os.getpriority(os.PRIO_PROCESS, replicator) == expected, "the replicator's nice value"
        )


def _pids(service: Daemon) -> dict[str, int]:
    """The processes by name, as far as they have been told of."""
    known = runtime.read(service.store, runtime.SUPERVISOR_FILE).get("processes", [])
    return {one["name"]: one["pid"] for one in known}
