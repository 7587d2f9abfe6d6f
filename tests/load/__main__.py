"""`python -m tests.load`: measures, prints a table, and writes the page with its plots if asked to."""

import argparse
import importlib
import logging
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from tests.load import machine, page, plots
from tests.load.figures import Plot, Section
from tests.load.lab import Lab

SCENARIOS = ("one_client", "saturation", "workers", "spinning", "refresh", "changes", "sizes")
QUIET_SECONDS = 120.0
log = logging.getLogger("tests.load")


def main() -> int:
    """Runs what is asked for; 1 if a goal is missed."""
    args = _arguments()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    if os.geteuid():
        log.error("run it as root: it starts slapd and Postfix, and pins processes to cores")
        return os.EX_NOPERM
    signal.signal(
        signal.SIGTERM, lambda number, _frame: sys.exit(128 + number)
    )  # servers are ended on the way out
    load = machine.wait_until_quiet(0.0 if args.quick else QUIET_SECONDS)
    with tempfile.TemporaryDirectory(prefix="colocroute-load-") as temporary:
        work = args.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        lab = Lab(work, quick=args.quick, first=args.first, rounds=args.rounds)
        path = args.json or work / "figures.json"
        for name in args.only or SCENARIOS:
            kept = _merge(path, _run(name, lab))
    for section in kept:
        _print(section)
    if args.markdown:
        drawn = {plot.name: plots.draw(plot, args.plots.resolve()) for plot in _plots(kept)}
        page.write(kept, drawn, _head(lab, load), args.markdown)
    return int(not all(goal.reached for section in kept for goal in section.goals))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="this scenario; may be repeated")
    parser.add_argument("--quick", action="store_true", help="smaller and shorter: about two minutes")
    parser.add_argument(
        "--rounds", type=int, default=0, help="rounds of each comparison (default: 5, quick: 3)"
    )
    parser.add_argument("--first", action="store_true", help="have server and load run before others")
    parser.add_argument("--work", type=Path, help="keep filled mirrors here for the next run")
    parser.add_argument(
        "--json", type=Path, help="keep figures here, and take those that were not measured now"
    )
    parser.add_argument("--markdown", type=Path, help="write the page")
    parser.add_argument("--plots", type=Path, default=Path("docs/performance"), help="where plots go")
    return parser.parse_args()


def _run(name: str, lab: Lab) -> Section:
    log.info("%s ...", name)
    started = time.monotonic()
    section: Section = importlib.import_module(f"tests.load.scenarios.{name}").run(lab)
    log.info("%s took %.0f s", name, time.monotonic() - started)
    return section


def _merge(path: Path, section: Section) -> list[Section]:
    """Keeps a section beside those found earlier; returns all, in their order."""
    earlier = msgspec.json.decode(path.read_bytes(), type=list[Section]) if path.exists() else []
    found = {section.name: section for section in [*earlier, section]}
    kept = [found[name] for name in SCENARIOS if name in found]
    path.write_bytes(msgspec.json.encode(kept))
    return kept


def _plots(sections: list[Section]) -> list[Plot]:
    return [plot for section in sections for plot in section.plots]


def _head(lab: Lab, load: float) -> dict[str, str]:
    before = (
        ", server and load before other processes (`nice -n -20`) where they are pinned" if lab.first else ""
    )
    when = time.strftime("%Y-%m-%d")
    return {
        "command": "python -m tests.load" + " --first" * lab.first,
        "machine": machine.describe(),
        "rounds": str(lab.rounds),
        "run": f"Run of {when}, load average at the start {load:.1f}{before}.",
    }


def _print(section: Section) -> None:
    print(f"\n{section.title}\n{section.text}")
    for table in section.tables:
        rows = [table.header, *table.rows]
        widths = [max(len(row[column]) for row in rows) for column in range(len(table.header))]
        for row in rows:
            print(
                "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            )
    for goal in section.goals:
        print(f"  {'reached' if goal.reached else 'MISSED '}  {goal.what}: {goal.figure} (goal: {goal.goal})")


if __name__ == "__main__":
    sys.exit(main())
