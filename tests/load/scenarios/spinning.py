"""What polling before sleeping costs in CPU, at several rates, and what it gives."""

import time
from contextlib import ExitStack

from tests.load import machine, measure, ours
from tests.load.figures import Goal, Plot, Section, Table, median
from tests.load.lab import Lab

ADDRESSES = 100_000
RATES = (0, 100, 1_000, 10_000)
IDLE_LIMIT, THOUSAND_LIMIT = 0.001, 0.10


Shares = dict[tuple[str, int], list[float]]
"""Measurements by `spin` and rate."""


def run(lab: Lab) -> Section:
    """One connection, `spin = "50us"` beside `"0us"`; the worker's CPU time by the kernel's account."""
    hot = lab.requests(ADDRESSES, hot=True)
    cpu: Shares = {}
    latency: Shares = {}
    store = ours.filled(lab.work, ADDRESSES)
    for _ in range(lab.rounds):
        for spin in ("50us", "0us"):
            with ExitStack() as stack:
                daemon = stack.enter_context(ours.serving(store, spin=spin))
                for rate in RATES:
                    before = machine.cpu_seconds(daemon.workers)
                    started = time.monotonic()
                    if rate:
                        result = measure.run(
                            daemon.address, hot, connections=1, seconds=lab.seconds, rate=rate, clean=False
                        )
                        latency.setdefault((spin, rate), []).append(result.percentile(50))
                    else:
                        time.sleep(lab.seconds)
                    share = (machine.cpu_seconds(daemon.workers) - before) / (time.monotonic() - started)
                    cpu.setdefault((spin, rate), []).append(share)
    return _section(cpu, latency)


def _section(cpu: Shares, latency: Shares) -> Section:
    rows = [
        (
            f"{rate:,}",
            *(f"{100 * median(cpu[spin, rate]):.2f} %" for spin in ("50us", "0us")),
            *(f"{median(latency[spin, rate]):.0f}" if rate else "" for spin in ("50us", "0us")),
        )
        for rate in RATES
    ]
    idle, thousand = median(cpu["50us", 0]), median(cpu["50us", 1_000])
    return Section(
        name="spinning",
        title="Spinning",
        text="One connection at a fixed rate; CPU of the worker in percent of a core, p50 in us.",
        tables=[Table(("requests a second", "CPU, 50us", "CPU, 0us", "p50, 50us", "p50, 0us"), rows)],
        goals=[
            Goal(
                what="CPU when idle",
                goal="none measurable",
                figure=f"{100 * idle:.3f} %",
                reached=idle <= IDLE_LIMIT,
            ),
            Goal(
                what="CPU at 1,000 requests a second",
                goal=f"under {100 * THOUSAND_LIMIT:.0f} % of a core",
                figure=f"{100 * thousand:.1f} %",
                reached=thousand < THOUSAND_LIMIT,
            ),
        ],
        plots=[
            Plot(
                name="cpu-spinning",
                title="CPU of a worker",
                x="requests a second",
                y="% of a core",
                lines={
                    f"spin = {spin}": [(rate, 100 * median(cpu[spin, rate])) for rate in RATES if rate]
                    for spin in ("50us", "0us")
                },
            )
        ],
    )
