"""Whether two workers answer more than one, and what more of them than cores do."""

from collections.abc import Callable

from colocroute.bench.load import Result
from tests.load import measure, ours
from tests.load.figures import Figures, Goal, Plot, Section, Table, interleaved, median, ratio, spread
from tests.load.lab import Lab

ADDRESSES = 100_000
WORKERS, QUICK_WORKERS = (1, 2, 4), (1, 2)
KINDS = ("hot", "cold")


def run(lab: Lab) -> Section:
    """Several numbers of workers, nothing pinned: they share the cores with the load."""
    store = ours.filled(lab.work, ADDRESSES)
    requests = {kind: lab.requests(ADDRESSES, hot=kind == "hot") for kind in KINDS}
    subjects = [(kind, count) for kind in KINDS for count in (QUICK_WORKERS if lab.quick else WORKERS)]
    results: dict[tuple[str, int], list[Result]] = {subject: [] for subject in subjects}

    def measured(kind: str, workers: int) -> Callable[[], float]:
        def rate() -> float:
            with ours.serving(store, workers=workers) as daemon:
                result = measure.run(daemon.address, requests[kind], seconds=lab.seconds)
            results[kind, workers].append(result)
            return result.rate

        return rate

    found = interleaved(lab.rounds, {_name(*subject): measured(*subject) for subject in subjects})
    p99 = {subject: [result.percentile(99) for result in each] for subject, each in results.items()}
    return Section(
        name="workers",
        title="Workers",
        text="64 connections; workers and load share the cores as the kernel likes.",
        tables=[
            Table(
                ("server", "replies a second", "p99, us"),
                [
                    (_name(*subject), spread(found[_name(*subject)]), spread(p99[subject]))
                    for subject in subjects
                ],
            )
        ],
        goals=[_goal(found)],
        plots=[
            _plot(
                "throughput", "Throughput", "replies a second", {one: found[_name(*one)] for one in subjects}
            ),
            _plot("latency", "p99, flat out,", "us", p99),
        ],
    )


def _name(kind: str, workers: int) -> str:
    return f"{workers} worker{'s' * (workers > 1)}, {kind}"


def _goal(found: Figures) -> Goal:
    gain = {kind: ratio(found[_name(kind, 2)], found[_name(kind, 1)]) for kind in KINDS}
    return Goal(
        what="two workers on two cores",
        goal="more than one",
        figure=", ".join(f"{kind} {gain[kind]:.2f} x" for kind in KINDS),
        reached=min(gain.values()) > 1,
        limit="the load generator takes a core itself, so that no second core is free for a worker",
    )


def _plot(name: str, what: str, unit: str, values: dict[tuple[str, int], list[float]]) -> Plot:
    return Plot(
        name=f"{name}-workers",
        title=f"{what} with load on the same cores",
        x="workers",
        y=unit,
        log_x=False,
        lines={
            kind: [(count, median(each)) for (of, count), each in values.items() if of == kind]
            for kind in KINDS
        },
    )
