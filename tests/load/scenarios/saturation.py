"""How much one worker answers when it is asked as fast as it goes, and what that costs it.

The server is alone on one core and the load on another.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from colocroute.bench.load import Result
from tests.load import floors, machine, measure, ours, peers
from tests.load.figures import Goal, Plot, Section, Table, median, ratio, spread
from tests.load.lab import Lab

ADDRESSES = 1_000_000
QUICK_ADDRESSES = 100_000
CONNECTIONS = (1, 4, 16, 64, 256)
HOT_GOAL, COLD_GOAL, P99_GOAL = 0.45, 0.6, 3.0
FLOOR, HOT, COLD = "C floor", "ours, hot keys", "ours, keys never seen before"


class Subject:
    """A server with its requests: every call of `load` is one measurement, whose results are kept."""

    def __init__(self, lab: Lab, address: str, pids: list[int], requests: Path) -> None:
        self._lab = lab
        self._address = address
        self._pids = pids
        self._requests = requests
        self.results: list[Result] = []
        self.costs: list[float] = []

    def load(self, connections: int = 64, rate: float = 0.0) -> Result:
        before = machine.cpu_seconds(self._pids)
        result = measure.run(
            self._address,
            self._requests,
            connections=connections,
            seconds=self._lab.seconds,
            rate=rate,
            prefix=self._lab.client,
        )
        # The warm-up is in it too, so this is by the whole time.
        share = (machine.cpu_seconds(self._pids) - before) / (
            result.seconds + measure.warmup(self._lab.seconds)
        )
        self.results.append(result)
        self.costs.append(share / result.rate)
        return result


@contextmanager
def subjects(lab: Lab) -> Iterator[dict[str, Subject]]:
    """All servers, running."""
    addresses = QUICK_ADDRESSES if lab.quick else ADDRESSES
    hot, cold = lab.requests(addresses, hot=True), lab.requests(addresses, hot=False)
    with ExitStack() as stack:
        floor = stack.enter_context(floors.floor(lab.server))
        daemon = stack.enter_context(ours.serving(ours.filled(lab.work, addresses)))
        lab.place(daemon.workers)
        found = {
            FLOOR: Subject(lab, floor.address, [floor.pid], hot),
            HOT: Subject(lab, daemon.address, daemon.workers, hot),
            COLD: Subject(lab, daemon.address, daemon.workers, cold),
        }
        peer = stack.enter_context(peers.sts_resolver(lab.work))
        if peer is not None:
            lab.place([peer.pid])
            found["postfix-mta-sts-resolver (Python)"] = Subject(lab, peer.address, [peer.pid], peer.requests)
        yield found


def run(lab: Lab) -> Section:
    """64 connections flat out, then at half of that, then other numbers of connections."""
    with subjects(lab) as found:
        for _ in range(lab.rounds):
            for subject in found.values():
                subject.load()
        rates = {name: [result.rate for result in subject.results] for name, subject in found.items()}
        costs = {name: median(subject.costs) * 1e6 for name, subject in found.items()}
        table = _table(found, rates, costs)
        at_half, p99 = _half(lab, found, rates)
        plots = _over_connections(lab, found)
    addresses = QUICK_ADDRESSES if lab.quick else ADDRESSES
    return Section(
        name="saturation",
        title="Saturation",
        text=f"64 connections, one worker, {addresses:,} addresses, {ours.HOT_KEYS:,} hot keys or each key once.",
        tables=[table, at_half],
        goals=[*_goals(rates, costs), p99],
        plots=plots,
    )


def _table(found: dict[str, Subject], rates: dict[str, list[float]], costs: dict[str, float]) -> Table:
    rows = [
        (
            name,
            spread(rates[name]),
            f"{ratio(rates[name], rates[FLOOR]):.2f}",
            f"{costs[name]:.1f}",
            f"{median([result.percentile(99) for result in subject.results]):,.0f}",
        )
        for name, subject in found.items()
    ]
    return Table(("server", "replies a second", "of the floor", "us of CPU each", "p99, us"), rows)


def _goals(rates: dict[str, list[float]], costs: dict[str, float]) -> list[Goal]:
    reached, share = ratio(rates[HOT], rates[FLOOR]), ratio(rates[COLD], rates[HOT])
    of_floor = ratio(rates[COLD], rates[FLOOR])
    return [
        Goal(
            what="64 connections, one worker, hot keys",
            goal=f"at least {HOT_GOAL} x the C floor",
            figure=f"{reached:.2f} x",
            reached=reached >= HOT_GOAL,
        ),
        Goal(
            what="64 connections, one worker, keys never seen before",
            goal=f"at least {COLD_GOAL} x hot",
            figure=f"{share:.2f} x",
            reached=share >= COLD_GOAL,
            limit=(
                f"a hot lookup takes {costs[HOT]:.1f} us of CPU, most of it in system calls, a cold one "
                f"{costs[COLD]:.1f} us. The difference is the interpreter (some 65 calls of functions, counted "
                "in `tests/system/test_work.py`), a read of LMDB at a random place, and a client that sleeps "
                f"meanwhile and has to be woken for each reply. It is {of_floor:.2f} x the floor, where both goals "
                f"together ask for {HOT_GOAL * COLD_GOAL:.2f} x. The profile, and what compiled modules gave: "
                "docs/decisions/0016-no-compiled-modules.md"
            ),
        ),
    ]


def _half(lab: Lab, found: dict[str, Subject], rates: dict[str, list[float]]) -> tuple[Table, Goal]:
    """Latency at half of each one's own saturation."""
    names = (FLOOR, HOT)
    latencies: dict[str, list[Result]] = {name: [] for name in names}
    for _ in range(lab.rounds):
        for name in names:
            latencies[name].append(found[name].load(rate=median(rates[name]) / 2))
    rows = []
    for name in names:
        values = [[result.percentile(percent) for result in latencies[name]] for percent in (50, 99, 99.9)]
        rows.append((name, f"{median(rates[name]) / 2:,.0f}", *(f"{median(one):,.0f}" for one in values)))
    p99 = {name: [result.percentile(99) for result in latencies[name]] for name in names}
    times = ratio(p99[HOT], p99[FLOOR])
    goal = Goal(
        what="p99 at 64 connections at half of saturation",
        goal=f"at most {P99_GOAL:g} x the floor's",
        figure=f"{times:.1f} x",
        reached=times <= P99_GOAL,
    )
    return Table(
        ("at half of saturation", "requests a second", "p50, us", "p99, us", "p99.9, us"), rows
    ), goal


def _over_connections(lab: Lab, found: dict[str, Subject]) -> list[Plot]:
    names = (FLOOR, HOT, COLD)
    results = {
        name: {
            count: found[name].load(count) for count in CONNECTIONS if not lab.quick or count in (1, 16, 64)
        }
        for name in names
    }

    def lines(value: Callable[[Result], float]) -> dict[str, list[tuple[float, float]]]:
        return {
            name: [(count, value(one)) for count, one in by_count.items()]
            for name, by_count in results.items()
        }

    return [
        Plot(
            name="throughput-connections",
            title="Throughput of one worker",
            x="connections",
            y="replies a second",
            lines=lines(lambda one: one.rate),
        ),
        Plot(
            name="latency-connections",
            title="p99 of one worker, flat out",
            x="connections",
            y="us",
            lines=lines(lambda one: one.percentile(99)),
            log_y=True,
        ),
    ]
