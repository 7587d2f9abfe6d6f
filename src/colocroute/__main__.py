"""`python -m colocroute` is the command `colocroute`."""

from colocroute.cli.main import run

run()
