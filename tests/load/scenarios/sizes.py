"""What grows with the number of addresses, and what must not: disk, memory, start, lookups."""

import time
from pathlib import Path

import msgspec

from colocroute.model import Found, TempFail
from colocroute.store.files import DATA
from tests.lab.company import Person
from tests.lab.daemon import Client, Daemon, daemon
from tests.load import machine, measure, ours
from tests.load.figures import Figures, Goal, Plot, Section, Table, median, ratio, spread
from tests.load.lab import Lab

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
QUICK_SIZES = SIZES[:2]
START_GOAL, MEMORY_GOAL, SLOWER_GOAL = 0.5, 60e6, 1.3
FLAT = 1.5  # what still counts as independent of size


class Size(msgspec.Struct):
    """What was found for one number of addresses."""

    addresses: int
    fill: float
    disk: int
    starts: list[float] = []
    mapped: list[float] = []
    anonymous: list[float] = []
    cold: list[float] = []
    p99: list[float] = []


def run(lab: Lab) -> Section:
    """Every size in every round."""
    sizes = [_fill(lab, addresses) for addresses in (QUICK_SIZES if lab.quick else SIZES)]
    for _ in range(lab.rounds):
        for size in sizes:
            _measure(lab, size)
    rates: Figures = {f"{size.addresses}": size.cold for size in sizes}
    slower = ratio(rates[f"{SIZES[1]}"], rates[f"{sizes[-1].addresses}"])
    return Section(
        name="sizes",
        title="Size",
        text="Public addresses, three to a user; a worker's memory is read after a load of keys never seen "
        "before, and its rate is that of this load (64 connections). What it has touched of the mirror by "
        "then is page cache, the same for all processes, and the kernel takes it back when it is needed. "
        "All of 10,000 keys are in the cache of replies at the second pass. Filling is from memory, without"
        " a directory; above 2,000,000 rows sorted chunks are merged, which leaves pages half full.",
        tables=[_table(sizes)],
        goals=_goals(sizes, slower),
        plots=_plots(sizes),
    )


def _fill(lab: Lab, addresses: int) -> Size:
    store = ours.filled(lab.work, addresses)
    disk = sum(file.stat().st_blocks * 512 for file in store.iterdir())
    return Size(addresses, ours.fill_seconds(lab.work, addresses), disk)


def _measure(lab: Lab, size: Size) -> None:
    store = ours.filled(lab.work, size.addresses)
    size.starts.append(_start(store))
    with ours.serving(store) as service:
        lab.place(service.workers)
        requests = lab.requests(size.addresses, hot=False)
        result = measure.run(service.address, requests, seconds=2 * lab.seconds, prefix=lab.client)
        size.cold.append(result.rate)
        size.p99.append(result.percentile(99))
        worker = service.workers[0]
        size.mapped.append(machine.mapped(worker, store.resolve() / DATA) / size.addresses)
        size.anonymous.append(machine.memory(worker)["Pss_Anon"] / 1e6)


def _start(store: Path) -> float:
    """Seconds from the start of the process to the first answer."""
    with daemon({**ours.sections(), "store": {"path": str(store)}}, start=False) as service:
        started = time.monotonic()
        service.launch()
        while not _is_answered(service):
            time.sleep(0.002)
        return time.monotonic() - started


def _is_answered(service: Daemon) -> bool:
    try:
        with Client(service.socket) as client:
            answer = client.ask("virtual_alias", Person(0).mail)
    except OSError:
        return False
    if isinstance(answer, TempFail):
        return False
    assert answer == Found(Person(0).route)
    return True


def _table(sizes: list[Size]) -> Table:
    header = (
        "addresses",
        "filled in, s",
        "bytes of disk each",
        "start to first answer, s",
        "bytes of page cache each",
        "a worker's own memory, MB",
        "cold replies a second",
        "p99, us",
    )
    rows = [
        (
            f"{size.addresses:,}",
            f"{size.fill:.1f}",
            f"{size.disk / size.addresses:.0f}",
            spread(size.starts, 2),
            spread(size.mapped),
            spread(size.anonymous, 1),
            spread(size.cold),
            spread(size.p99),
        )
        for size in sizes
    ]
    return Table(header, rows)


def _goals(sizes: list[Size], slower: float) -> list[Goal]:
    starts = [median(size.starts) for size in sizes]
    memory = [median(size.anonymous) for size in sizes]
    flat_start = max(starts) <= FLAT * min(starts)
    largest = sizes[-1].addresses
    return [
        Goal(
            what="restart with a filled mirror -> first answer",
            goal=f"independent of size, under {START_GOAL} s with Python's start",
            figure=f"{starts[0]:.2f} s with {sizes[0].addresses:,}, {starts[-1]:.2f} s with {largest:,} addresses",
            reached=flat_start and max(starts) < START_GOAL,
            limit="nearly all of it is the start of the interpreter and its imports",
        ),
        Goal(
            what="memory of a worker",
            goal=f"independent of the number of entries (page cache apart), under {MEMORY_GOAL / 1e6:.0f} MB",
            figure=f"{memory[0]:.0f} MB with {sizes[0].addresses:,}, {memory[-1]:.0f} MB with {largest:,}",
            reached=max(memory) < MEMORY_GOAL / 1e6 and max(memory) <= FLAT * min(memory),
        ),
        Goal(
            what=f"{largest:,} addresses",
            goal=f"loads, and answers at most {SLOWER_GOAL} x slower than 100,000",
            figure=f"{slower:.2f} x slower",
            reached=slower <= SLOWER_GOAL,
            limit="a read at a random place of a file that no cache of the processor holds",
        ),
    ]


def _plots(sizes: list[Size]) -> list[Plot]:
    return [
        Plot(
            name="throughput-size",
            title="Keys never seen before, one worker",
            x="addresses",
            y="replies a second",
            lines={"ours": [(size.addresses, median(size.cold)) for size in sizes]},
        ),
        Plot(
            name="latency-size",
            title="p99 of keys never seen before, one worker, flat out",
            x="addresses",
            y="us",
            lines={"ours": [(size.addresses, median(size.p99)) for size in sizes]},
        ),
        Plot(
            name="memory-size",
            title="Disk and page cache",
            x="addresses",
            y="bytes for each address",
            lines={
                "disk": [(size.addresses, size.disk / size.addresses) for size in sizes],
                "page cache": [(size.addresses, median(size.mapped)) for size in sizes],
            },
        ),
    ]
