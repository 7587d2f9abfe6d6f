"""Namespaces: who reaches whom, and that nothing of them stays."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.daemon import wait_for
from tests.threesites.network import ADDRESSES, MOUNTED, PREFIX, Network, sweep


@pytest.fixture
def network() -> Iterator[Network]:
    built = Network()
    try:
        yield built
    finally:
        built.close()


def reaches(network: Network, one: str, other: str) -> bool:
    """A refused connection is an answer, too."""
    with network.inside(one):
        try:
            with socket.create_connection((ADDRESSES[other], 9), 1.0):
                return True
        except ConnectionRefusedError:
            return True
        except OSError:
            return False


def wait_reaches(network: Network, one: str, other: str) -> None:
    """The first packets of a new line may be lost."""
    wait_for(lambda: reaches(network, one, other), f"the line from {one} to {other}")


def test_a_line_is_cut_and_no_other(network: Network) -> None:
    network.cut("paris", "central")
    assert not reaches(network, "central", "paris")
    wait_reaches(network, "central", "external")
    wait_reaches(network, "paris", "outside")
    network.heal("central", "paris")
    wait_reaches(network, "central", "paris")


def test_an_address_is_exchanged(network: Network) -> None:
    network.add_address("paris", "10.3.0.2")
    network.remove_address("paris", ADDRESSES["paris"], "10.3.0.2")
    assert not reaches(network, "central", "paris")
    with network.inside("paris"), socket.create_server(("10.3.0.2", 9)) as server:
        with network.inside("central"), socket.create_connection(("10.3.0.2", 9), 30.0):
            pass
        server.accept()[0].close()
    wait_reaches(network, "paris", "central")


def test_the_end_takes_the_processes_along(network: Network) -> None:
    with network.inside("paris"):
        process = subprocess.Popen(["sleep", "60"])
    network.close()
    assert process.wait(30) < 0
    assert not list(MOUNTED.glob(network.namespace("*")))


LEAVES_ITS_NETWORK = """\
import os
from tests.threesites.network import Network
print(Network().namespace("paris"), flush=True)
os._exit(0)
"""


def test_what_a_dead_run_left_is_swept_away() -> None:
    command = [sys.executable, "-c", LEAVES_ITS_NETWORK]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    left = done.stdout.strip()
    assert left.startswith(PREFIX)
    sweep()
    assert not (MOUNTED / left).exists()
