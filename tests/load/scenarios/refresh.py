"""The first refresh of a mirror beside plain reading, and lookups while refreshes run."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from colocroute.bench.load import Result
from tests.lab.company import SUFFIX
from tests.lab.daemon import Daemon, daemon, wait_for
from tests.lab.slapd import Slapd
from tests.load import company, machine, measure, ours
from tests.load.figures import Figures, Goal, Plot, Section, Table, interleaved, median, ratio, spread
from tests.load.lab import Lab

USERS, QUICK_USERS = 100_000, 20_000
READ_GOAL, P99_GOAL = 3.0, 2.0
RATE = 5_000
CONNECTIONS = (1, 4, 16, 64)
PERCENTILES = (50.0, 75.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.9)
WITHOUT, DURING, COMPUTING = "without", "while refreshes run", "while as many processes as cores only compute"


def run(lab: Lab) -> Section:
    """Both with a real slapd on the same cores."""
    users = QUICK_USERS if lab.quick else USERS
    with company.slapd(users) as server:
        reading, cpu = _first(lab, server)
        found = _lookups(lab, server, users)
    return Section(
        name="refresh",
        title="Refresh",
        text=f"{users:,} users in a slapd on the same machine. Lookups: 16 connections, {RATE:,} requests a "
        "second from a generator with real-time priority, which would measure its own wait for a core else; or as "
        f"fast as it goes, without. {found.refreshes} full refreshes meanwhile, which keep slapd and the "
        f"replicator busy on the same {len(machine.CORES)} cores. A core that computes all the time is never "
        "halted, and takes up a request sooner than an idle one.",
        tables=[
            Table(
                ("reading everything", "seconds"), [(name, spread(one, 2)) for name, one in reading.items()]
            ),
            Table(("p99 of lookups", "us"), [(name, spread(one)) for name, one in found.p99.items()]),
        ],
        goals=[_reading_goal(users, reading, cpu), _p99_goal(found.p99)],
        plots=_plots(found),
    )


def _reading_goal(users: int, reading: Figures, cpu: list[float]) -> Goal:
    times = ratio(reading["first refresh, durable"], reading["ldapsearch to /dev/null"])
    return Goal(
        what=f"first refresh of {users:,} entries into the mirror, durable",
        goal=f"at most {READ_GOAL:g} x `ldapsearch` to /dev/null",
        figure=f"{times:.1f} x",
        reached=times <= READ_GOAL,
        limit=(
            f"{median(cpu):.1f} s of it are CPU of our one process, {1e6 * median(cpu) / users:.0f} us for "
            "each entry: decoding the message, mapping the schema, judging the values, six sorted rows; "
            "`ldapsearch` only copies lines, and slapd's own time is in both. It would take a second "
            "process, or a compiler (docs/decisions/0016-no-compiled-modules.md)"
        ),
    )


def _p99_goal(p99: Figures) -> Goal:
    times = ratio(p99[DURING], p99[WITHOUT])
    return Goal(
        what=f"p99 of lookups while a full refresh runs, none of {len(machine.CORES)} cores free",
        goal=f"at most {P99_GOAL:g} x the p99 without it",
        figure=f"{times:.1f} x",
        reached=times <= P99_GOAL,
        limit=(
            "no core is free: slapd, the replicator, the worker and the load share them. Beside processes that "
            f"only compute, one for each core, it is {ratio(p99[COMPUTING], p99[WITHOUT]):.1f} x"
        ),
    )


def _plots(found: "Lookups") -> list[Plot]:
    return [
        Plot(
            name="latency-refresh",
            title="Lookups while a full refresh runs",
            x="percentile",
            y="us",
            lines=found.percentiles,
            log_x=False,
            log_y=True,
        ),
        Plot(
            name="throughput-refresh",
            title="Throughput while a full refresh runs, all on the same cores",
            x="connections",
            y="replies a second",
            lines=found.rates,
        ),
    ]


def _first(lab: Lab, server: Slapd) -> tuple[dict[str, list[float]], list[float]]:
    cpu: list[float] = []
    sections = ours.sections(server.ldapi)
    search = [
        "ldapsearch",
        "-x",
        "-LLL",
        "-o",
        "ldif-wrap=no",
        "-H",
        server.ldapi,
        "-b",
        SUFFIX,
        "(colocRouteAddress=*)",
    ]
    wanted = [
        "mail",
        "alias",
        "uid",
        "imapServer",
        "smtpServer",
        "mailEnabled",
        "colocRouteAddress",
        "entryUUID",
    ]

    def ldapsearch() -> float:
        started = time.monotonic()
        subprocess.run([*search, *wanted], stdout=subprocess.DEVNULL, check=True, timeout=300)
        return time.monotonic() - started

    def refresh() -> float:
        with daemon(sections, start=False) as service:
            command = [sys.executable, "-m", "tests.load.refreshing", str(service.config)]
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
            seconds, used, _ = done.stdout.split()
            cpu.append(float(used))
            shutil.rmtree(service.store)
            return float(seconds)

    ldapsearch()
    found = interleaved(
        lab.rounds, {"ldapsearch to /dev/null": ldapsearch, "first refresh, durable": refresh}
    )
    return found, cpu


class Lookups(msgspec.Struct):
    """Lookups without a refresh, while refreshes run, and while others compute; how many refreshes there were."""

    p99: dict[str, list[float]]
    percentiles: dict[str, list[tuple[float, float]]]
    rates: dict[str, list[tuple[float, float]]]
    refreshes: int


def _lookups(lab: Lab, server: Slapd, users: int) -> Lookups:
    """With the replicator refreshing all the time and with it stopped."""
    sections = ours.sections(server.ldapi)
    sections["directory"]["full_refresh_interval"] = "1s"
    requests = lab.requests(users * ours.ADDRESSES_PER_USER, hot=True)
    with daemon(sections) as service:
        service.wait_state("live", 120)
        replicator = _replicator(service)
        before = _refreshes(service)
        results: dict[str, list[Result]] = {WITHOUT: [], DURING: [], COMPUTING: []}

        def load(connections: int, rate: float) -> Result:
            address = f"unix:{service.socket}"
            seconds = 2 * lab.seconds if rate else lab.seconds
            prefix = machine.REAL_TIME if rate else ()
            return measure.run(
                address, requests, connections=connections, seconds=seconds, rate=rate, prefix=prefix
            )

        def p99(name: str) -> float:
            result = load(16, RATE)
            results[name].append(result)
            return result.percentile(99)

        def go_on() -> None:
            os.kill(replicator, signal.SIGCONT)
            seen = _refreshes(service)
            wait_for(lambda: _refreshes(service) > seen, "a refresh", 120)

        def pause() -> None:
            os.kill(replicator, signal.SIGSTOP)
            time.sleep(1.0)  # slapd goes on sending until its buffers are full

        def during() -> float:
            go_on()
            return p99(DURING)

        def computing() -> float:
            pause()
            with busy(len(machine.CORES)):
                return p99(COMPUTING)

        def without() -> float:
            pause()
            return p99(WITHOUT)

        try:
            found = interleaved(lab.rounds, {WITHOUT: without, DURING: during, COMPUTING: computing})
            rates: dict[str, list[tuple[float, float]]] = {WITHOUT: [], DURING: []}
            for connections in CONNECTIONS:
                for name, prepare in ((WITHOUT, pause), (DURING, go_on)):
                    prepare()
                    rates[name].append((connections, load(connections, 0.0).rate))
            return Lookups(found, _curves(results), rates, _refreshes(service) - before)
        finally:
            os.kill(replicator, signal.SIGCONT)


def _curves(results: dict[str, list[Result]]) -> dict[str, list[tuple[float, float]]]:
    return {
        name: [(at, median([result.percentile(at) for result in each])) for at in PERCENTILES]
        for name, each in results.items()
    }


@contextmanager
def busy(number: int) -> Iterator[None]:
    """So many processes that do nothing but compute."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(number)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _replicator(service: Daemon) -> int:
    processes = json.loads((Path(service.store) / "supervisor.json").read_text())["processes"]
    return next(int(one["pid"]) for one in processes if one["name"] == "replicator")


def _refreshes(service: Daemon) -> int:
    return service.log_text().count("refresh committed")
