"""`python -m tests.threesites`: plays the scenarios and prints the table.

Owns the command line.  Exit code 1 if anything went wrong with colocroute.
"""

import argparse
import datetime
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from tests.threesites.lab import lab
from tests.threesites.run import PER_SECOND, Result, Scenario, play
from tests.threesites.scenarios import SCENARIOS
from tests.threesites.table import COLOCROUTE, LDAP, Context, page, table

MESSAGES = 100
NOTES = 10
"""Shown of each scenario."""


def main(arguments: Sequence[str]) -> int:
    """Plays what is wanted."""
    args = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    chosen = [each for each in SCENARIOS if not args.scenario or each.name in args.scenario]
    started = time.monotonic()
    kinds = [COLOCROUTE, LDAP] if args.tables == "both" else [args.tables]
    results = {kind: _play(kind, chosen, args.messages, args.seed) for kind in kinds}
    if args.markdown:
        print(page(_context(args.messages, arguments, started), chosen, results), end="")
    else:
        print(table(chosen, results))
    return int(not all(result.good for result in results.get(COLOCROUTE, {}).values()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.threesites",
        description="Moves real mail between three sites while things go wrong, and accounts for each message.",
        epilog="scenarios: " + ", ".join(f"{each.name} ({each.title})" for each in SCENARIOS),
    )
    parser.add_argument(
        "--messages",
        type=_count,
        default=MESSAGES,
        metavar="N",
        help=f"in each scenario (default {MESSAGES})",
    )
    parser.add_argument(
        "--scenario",
        nargs="+",
        choices=[each.name for each in SCENARIOS],
        metavar="NAME",
        help="only these (default: all)",
    )
    parser.add_argument(
        "--tables",
        choices=(COLOCROUTE, LDAP, "both"),
        default=COLOCROUTE,
        help="whom Postfix asks: colocroute (default), slapd by its own tables, or first one and then the other",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the random messages (default 1)")
    parser.add_argument("--markdown", action="store_true", help="print the page docs/three-sites.md")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is no number of messages")
    return int(text)


def _play(kind: str, chosen: Sequence[Scenario], messages: int, seed: int) -> dict[str, Result]:
    results = {}
    with lab(ldap_tables=kind == LDAP, seed=seed) as company:
        for scenario in chosen:
            if scenario.own and kind == LDAP:
                continue
            result = play(company, scenario, messages)
            results[scenario.name] = result
            print(f"{kind}, {scenario.title}: {result.seconds:.0f} s", file=sys.stderr)
            for note in result.notes[:NOTES]:
                print(f"  {note}", file=sys.stderr)
            if (more := len(result.notes) - NOTES) > 0:
                print(f"  and {more} more", file=sys.stderr)
    return results


def _context(messages: int, arguments: Sequence[str], started: float) -> Context:
    version = subprocess.run(
        ["postconf", "-dh", "mail_version"], capture_output=True, text=True, check=True
    ).stdout.strip()
    return Context(
        messages=messages,
        seconds=messages / PER_SECOND,
        date=datetime.date.today().isoformat(),
        cores=os.cpu_count() or 1,
        postfix=version,
        minutes=(time.monotonic() - started) / 60,
        command=f".venv/bin/python -m tests.threesites {' '.join(arguments)} > docs/three-sites.md",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
