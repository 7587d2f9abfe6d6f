"""`colocroute status`: the state of the mirror, of the directory session and of the processes.

Owns the human rendering; the fields are `daemon.status`'s.
"""

import argparse
import json
import os
import sys
from typing import Any

from colocroute.errors import StoreError

NAME = "status"
HELP = "show state, source, counts, replication position, guard and workers"
EPILOG = """\
exit codes: 0 live and running, 1 anything else (a mirror that cannot be read, too), 78 configuration error."""

NOT_LIVE = 1  # exit code


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.epilog = EPILOG
    parser.add_argument("--json", action="store_true", help="all fields, for programs")


def run(args: argparse.Namespace) -> int:
    """Prints the status; returns the exit code."""
    from colocroute.daemon import build
    from colocroute.daemon.status import gather, unreadable

    config = build.load(args.config)
    try:
        status = gather(config)
    except StoreError as error:
        status = unreadable(config, error)
        print(f"colocroute: {error}", file=sys.stderr)
    if args.json:
        json.dump(status, sys.stdout, indent=2)
        print()
    else:
        for name, value in _lines(status):
            print(f"{name:<14} {value}")
    return os.EX_OK if status["state"] == "live" and status["daemon"] == "running" else NOT_LIVE


def _lines(status: dict[str, Any]) -> list[tuple[str, str]]:
    directory, guard = status["directory"], status["guard"]
    if status["error"]:
        return [("daemon", status["daemon"]), ("state", f"{status['state']}, the mirror cannot be read")]
    lines = [
        ("daemon", status["daemon"]),
        ("state", f"{status['state']} since {status['since'] or 'ever'}"),
        ("directory", f"{directory['uri']} ({directory['mode']}), {_connection(directory)}"),
        ("last contact", directory["last_contact"] or "none"),
        ("position", _position(directory)),
        ("entries", f"{status['entries']} ({status['users']} users, {status['addresses']} addresses)"),
        ("sites", str(status["sites"])),
        ("here", ", ".join(status["here"]) or "no site"),
        ("generation", f"{status['generation']}, last change {status['changed'] or 'never'}"),
        ("refreshed", status["refreshed"] or "never"),
        ("workers", ", ".join(str(worker["pid"]) for worker in status["workers"]) or "none"),
    ]
    if guard["held"]:
        lines.append(("HELD", f"{guard['reason']}; see 'colocroute accept'"))
    if directory["last_error"]:
        lines.append(("last error", directory["last_error"]))
    if status["differences"]:
        lines.append(("differences", f"{status['differences']} entries that replication did not tell of"))
    lines += [("warning", warning) for warning in directory["warnings"]]
    return lines


def _connection(directory: dict[str, Any]) -> str:
    return "connected" if directory["connected"] else "not connected"


def _position(directory: dict[str, Any]) -> str:
    if not directory["position"]:
        return "unknown"
    lag = directory["lag"]
    return f"{directory['position']}, lag {lag:g} s" if lag is not None else directory["position"]
