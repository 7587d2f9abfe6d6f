"""`python -m colocroute`."""

import subprocess
import sys

import colocroute


def test_it_runs_as_a_module() -> None:
    argv = [sys.executable, "-m", "colocroute", "--version"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == f"colocroute {colocroute.__version__}\n"
