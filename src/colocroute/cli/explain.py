"""`colocroute explain`: the whole way of mail for one address, told as a person would.

Owns the output and the exit code.  The story is `explanation`'s.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from colocroute.cli.explanation import Explanation, Names, Outcome, explain
from colocroute.errors import DirectoryError

if TYPE_CHECKING:
    from colocroute.config import Config

NAME = "explain"
HELP = "tell where mail for an address goes, and why"
EPILOG = """\
examples:
  colocroute explain anna@test.tux
  colocroute explain --json anna+news@test.tux

exit codes: 0 found, 1 not found, 75 cannot be said now, 78 configuration error."""

log = logging.getLogger(__name__)

EXIT_CODES = {Outcome.FOUND: os.EX_OK, Outcome.NOT_FOUND: 1, Outcome.LATER: os.EX_TEMPFAIL}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.epilog = EPILOG
    parser.add_argument("address", metavar="ADDRESS", help="a public address or a route address")
    parser.add_argument("--json", action="store_true", help="all of it, for programs")


def run(args: argparse.Namespace) -> int:
    """Explains; returns the exit code."""
    from colocroute.daemon import build
    from colocroute.daemon.status import gather
    from colocroute.daemon.whole import whole

    config = build.load(args.config)
    status = gather(config)
    names = Names(route=config.schema.route, of_address=lambda dn, key: _attribute(config, dn, key))
    with whole(config) as view:
        told = explain(view, view.records(), args.address, names)
        mirror = {
            "state": view.state.value,
            "since": status["since"],
            "age": status["age"],
            "refreshed": status["refreshed"],
            "last_contact": status["directory"]["last_contact"],
        }
    if args.json:
        json.dump(document(told, mirror), sys.stdout, indent=2)
        print()
    else:
        print("\n".join(lines(told, mirror)))
    return EXIT_CODES[told.outcome]


def _attribute(config: "Config", dn: str, key: str) -> str:
    """The attribute in which an entry has an address, as far as the directory can be asked for it."""
    from colocroute.daemon import live

    names = config.schema.addresses
    if len(names) == 1:
        return names[0]
    either = " or ".join(names)
    try:
        held = live.holding(config, dn, key)
    except DirectoryError as error:
        log.debug("%s: in which attribute it has %s is not known: %s", dn, key, error)
        return f"{either}: the directory cannot be asked which"
    return " and ".join(held) or f"{either}: the directory has it in none of them now"


def document(told: Explanation, mirror: dict[str, Any]) -> dict[str, Any]:
    """What `--json` prints; `age` is seconds since the last complete refresh, null for none."""
    story: dict[str, Any] = msgspec.to_builtins(told)
    return {**story, "state": mirror["state"], "age": mirror["age"], "mirror": mirror}


def lines(told: Explanation, mirror: dict[str, Any]) -> Iterator[str]:
    """The story for a person."""
    yield _printable(told.summary)
    fields = list(_fields(told))
    if fields:
        yield ""
    for name, value in fields:
        yield f"{name:<10} {_printable(value)}"
    if told.steps:
        yield ""
        yield "Postfix asks:"
    for number, step in enumerate(told.steps, 1):
        yield f"{number:>3}. {step.map} {_printable(step.key)} -> {_printable(step.answer)}   ({step.asked_by})"
    yield ""
    yield _about(mirror)


def _fields(told: Explanation) -> Iterator[tuple[str, str]]:
    for entry in told.entries:
        routes = ", ".join(entry.routes) or "no route"
        yield "entry", f"{entry.dn} ({entry.role}; {routes})"
    if told.matched:
        yield "matched", f"{told.matched} {told.value}"
    if told.route:
        yield "route", told.route
        yield "site", f"{told.site}, {'here' if told.here else 'elsewhere'}"
        yield "nexthop", told.nexthop or "none that can be used"
    for note in told.notes:
        yield "note", note


def _about(mirror: dict[str, Any]) -> str:
    since = f" since {mirror['since']}" if mirror["since"] else ""
    text = f"The mirror is {mirror['state']}{since}"
    if mirror["refreshed"]:
        text += f"; last complete refresh {mirror['refreshed']}"
    return f"{text}; directory last heard of {mirror['last_contact'] or 'not since this machine was started'}"


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)[1:-1]
