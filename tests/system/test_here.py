"""A service whose machine gets and loses addresses, in a network namespace of its own."""

import ctypes
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from colocroute.model import Found, NotFound, TempFail
from tests.lab.company import SUFFIX, as_ldif
from tests.lab.daemon import Daemon, daemon, wait_for

CLONE_NEWNET = 0x40000000  # linux/sched.h
ADDRESSES = {"central": "10.1.0.1", "external": "10.2.0.1", "paris": "2001:db8::3"}
LOCAL = "lmtp:unix:private/lmtp"


@contextmanager
def alone() -> Iterator[None]:
    """What this thread starts meanwhile is in a network namespace that nothing else is in."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.unshare(CLONE_NEWNET):
            raise AssertionError("a network namespace takes root: run the tests as root")
        try:
            yield
        finally:
            assert libc.setns(before, CLONE_NEWNET) == 0
    finally:
        os.close(before)


def ip(service: Daemon, *arguments: str) -> None:
    """ip(8) where the service is."""
    command = ["nsenter", "-t", str(service.pid), "-n", "ip", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode, f"{' '.join(command)}: {done.stderr}"


def ways(service: Daemon) -> dict[str, str]:
    """The transport of each site."""
    answers = {site: service.ask("transport", f"x@{site}.test.tux") for site in ADDRESSES}
    return {site: answer.value for site, answer in answers.items() if isinstance(answer, Found)}


def wait_here(service: Daemon, *sites: str) -> None:
    """Until exactly these sites are here, and the others are not."""
    elsewhere = {site: f"smtp:[{address}]" for site, address in ADDRESSES.items()}
    wanted = {**elsewhere, **dict.fromkeys(sites, LOCAL)}
    wait_for(lambda: ways(service) == wanted, f"{sites} here")
    shown = service.status()["here"]
    assert shown == [f"{site}.test.tux" for site in sites]


def sections(folder: Path, servers: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """A configuration with these sites and their servers."""
    ldif = folder / "sites.ldif"
    ldif.write_text(
        "".join(
            as_ldif(
                f"cn={site},{SUFFIX}",
                {
                    "objectClass": ["suseMailTransport"],
                    "suseMailTransportDestination": [f"{site}.test.tux"],
                    "suseMailTransportNexthop": [f"smtp:[{server}]"],
                },
            )
            for site, server in servers.items()
        )
    )
    return {
        "directory": {"uri": f"ldif:{ldif}", "base": SUFFIX},
        "routing": {"domains": ["test.tux"], "local_transport": LOCAL},
    }


def test_a_server_whose_name_does_not_resolve_may_be_ourselves(tmp_path: Path) -> None:
    """Nothing is sent to what may be here; the sites whose servers are known are not affected."""
    servers = {"central": "10.1.0.1", "external": "mail.external.invalid"}
    with daemon(sections(tmp_path, servers), start=False) as service:
        with alone():
            service.start()
        service.wait_state("live")
        assert service.ask("transport", "x@central.test.tux") == Found("smtp:[10.1.0.1]")
        assert isinstance(service.ask("transport", "x@external.test.tux"), TempFail)
        assert service.ask("transport", "x@example.com") == NotFound()


def test_here_follows_the_addresses_of_the_machine(tmp_path: Path) -> None:
    with daemon(sections(tmp_path, ADDRESSES), start=False) as service:
        with alone():
            service.start()
        service.wait_state("live")
        wait_here(service)
        ip(service, "link", "set", "lo", "up")
        ip(service, "address", "add", "10.1.0.1/32", "dev", "lo")
        wait_here(service, "central")
        ip(service, "address", "add", "2001:db8::3/128", "dev", "lo")
        wait_here(service, "central", "paris")
        ip(service, "address", "del", "10.1.0.1/32", "dev", "lo")
        wait_here(service, "paris")
