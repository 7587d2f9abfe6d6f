"""The replicator killed at any instant of a refresh that changes every entry: the mirror is the old or the new."""

import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

from colocroute.daemon import build
from tests.lab.company import Person, company_ldif
from tests.lab.daemon import Daemon, daemon, kill, wait_for
from tests.lab.watcher import Watcher, wait_equal

PEOPLE = 3000
# A refresh of this size takes some 0.5 s, process start included.
DELAYS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)


def write(file: Path, site: str) -> None:
    """The whole company at one site, whole at once."""
    text = company_ldif(PEOPLE)
    for other in ("central", "external", "paris"):
        text = text.replace(f"{other}.test.tux\n\n", f"{site}.test.tux\n\n")
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


def sites(service: Daemon) -> set[str]:
    """The sites that the routes in the mirror lead to, as one snapshot has them."""
    mirror = build.open_mirror(build.load(service.config), writable=False)
    try:
        with mirror.snapshot() as snapshot:
            users = [record.user for _, record in snapshot.records() if record.user is not None]
    finally:
        mirror.close()
    assert len(users) == PEOPLE
    return {user.routes[0].rpartition("@")[2].partition(".")[0] for user in users}


def replicator(service: Daemon) -> int:
    """Its pid, 0 while there is none."""
    return int(next(one["pid"] for one in service.status()["processes"] if one["name"] == "replicator"))


def is_replaced(service: Daemon, pid: int) -> bool:
    """Whether there is another replicator than this one."""
    return replicator(service) not in (0, pid)


def test_the_mirror_is_the_old_or_the_new(tmp_path: Path) -> None:
    file = tmp_path / "users.ldif"
    write(file, "paris")
    wanted: dict[str, dict[str, Any]] = {
        "directory": {"uri": f"ldif:{file}", "base": "dc=test,dc=tux"},
        "routing": {"domains": ["test.tux"], "here": []},
    }
    known = {
        Person(number).mail: [f"{Person(number).uid}@{site}.test.tux" for site in ("paris", "central")]
        for number in range(0, PEOPLE, 300)
    }
    with daemon(wanted) as service:
        service.wait_state("live", 60)
        with Watcher(service.socket, known) as watcher:
            for turn, delay in enumerate(DELAYS):
                write(file, ("central", "paris")[turn % 2])
                pid = replicator(service)
                kill(pid, signal.SIGKILL)
                wait_for(partial(is_replaced, service, pid), "a new replicator", 60)
                time.sleep(delay)
                kill(replicator(service), signal.SIGKILL)
                assert len(sites(service)) == 1, "half of a refresh"
            wait_equal(service, 60)
            assert sites(service) == {"paris"}
            service.wait_state("live", 60)
        watcher.check()
