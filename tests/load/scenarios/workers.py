"""Whether two workers answer more than one."""

from tests.load import measure, ours
from tests.load.figures import Goal, Plot, Section, Table, interleaved, ratio, spread
from tests.load.lab import Lab

ADDRESSES = 100_000


def run(lab: Lab) -> Section:
    """One and two workers, nothing pinned: they share the cores with the load."""
    store = ours.filled(lab.work, ADDRESSES)
    hot, cold = lab.requests(ADDRESSES, hot=True), lab.requests(ADDRESSES, hot=False)

    def rate(workers: int, *, is_hot: bool) -> float:
        with ours.serving(store, workers=workers) as daemon:
            return measure.run(daemon.address, hot if is_hot else cold, seconds=lab.seconds).rate

    found = interleaved(
        lab.rounds,
        {
            "1 worker, hot": lambda: rate(1, is_hot=True),
            "2 workers, hot": lambda: rate(2, is_hot=True),
            "1 worker, cold": lambda: rate(1, is_hot=False),
            "2 workers, cold": lambda: rate(2, is_hot=False),
        },
    )
    hot_gain = ratio(found["2 workers, hot"], found["1 worker, hot"])
    cold_gain = ratio(found["2 workers, cold"], found["1 worker, cold"])
    return Section(
        name="workers",
        title="Workers",
        text="64 connections; workers and load share the cores as the kernel likes.",
        tables=[
            Table(("server", "replies a second"), [(name, spread(rates)) for name, rates in found.items()])
        ],
        goals=[
            Goal(
                what="two workers on two cores",
                goal="more than one",
                figure=f"hot {hot_gain:.2f} x, cold {cold_gain:.2f} x",
                reached=min(hot_gain, cold_gain) > 1,
                limit="the load generator takes a core itself, so that no second core is free for a worker",
            )
        ],
        plots=[
            Plot(
                name="throughput-workers",
                title="Throughput with load on the same cores",
                x="workers",
                y="replies a second",
                log_x=False,
                lines={
                    kind: [
                        (count, _middle(found[f"{count} worker{'s' * (count > 1)}, {kind}"]))
                        for count in (1, 2)
                    ]
                    for kind in ("hot", "cold")
                },
            )
        ],
    )


def _middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
