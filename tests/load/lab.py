"""What the scenarios share: how much is to be measured, and files that are made once.

Owns the choice between a quick and a whole run.
"""

from pathlib import Path

from tests.load import machine, ours

QUICK_ROUNDS = 3
ROUNDS = 5


class Lab:
    """`work` keeps mirrors and requests; `first`: server and load are put before everybody else's work."""

    def __init__(self, work: Path, *, quick: bool, first: bool, rounds: int = 0) -> None:
        self.work = work
        self.quick = quick
        self.rounds = rounds or (QUICK_ROUNDS if quick else ROUNDS)
        self.seconds = 1.0 if quick else 2.0
        self.client = machine.prefix(machine.CLIENT_CORE, first=first)
        self.server = machine.prefix(machine.SERVER_CORE, first=first)
        self.first = first

    def requests(self, addresses: int, *, hot: bool) -> Path:
        """Requests for `virtual_alias` of a mirror with so many addresses."""
        path = self.work / f"requests-{addresses}-{'hot' if hot else 'cold'}"
        return path if path.exists() else ours.prepare(path, ours.keys(addresses, hot=hot), hot=hot)

    def place(self, pids: list[int]) -> None:
        """The server's processes on the server's core, with the priority of this run."""
        machine.pin(pids, machine.SERVER_CORE)
        if self.first:
            machine.prefer(pids)
