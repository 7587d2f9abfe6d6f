"""`colocroute lookup`: asks one map, as `postmap -q` would, and says more clearly why there is no value.

Owns the output and the exit code.  Where the answer comes from (mirror, daemon, directory) is one callable.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterable

from colocroute.errors import UsageError
from colocroute.model import Answer, Found, NotFound

NAME = "lookup"
HELP = "look up addresses, as Postfix would"
EPILOG = """\
examples:
  colocroute lookup anna@test.tux
  colocroute lookup --map transport anna@external.test.tux
  colocroute lookup --via daemon anna@test.tux
  colocroute lookup --map recipient - < addresses.txt

exit codes: 0 found, 1 not found, 64 wrong usage, 75 cannot be said now, 78 configuration error;
with several keys the worst counts."""

NOT_FOUND = 1  # exit code, as postmap(1)
STANDARD_INPUT = "-"

Ask = Callable[[str, bytes], Answer]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.epilog = EPILOG
    parser.add_argument(
        "key",
        nargs="+",
        metavar="KEY",
        help="an address or another key; - alone reads keys from standard input",
    )
    parser.add_argument(
        "--map", default="virtual_alias", metavar="NAME", help="the map (default: %(default)s)"
    )
    parser.add_argument(
        "--via",
        choices=("mirror", "daemon", "directory"),
        default="mirror",
        help="ask the mirror on disk (default), the running daemon through its socket, or the directory itself",
    )


def run(args: argparse.Namespace) -> int:
    """Looks the keys up; returns the exit code."""
    from colocroute.daemon import asking, build

    config = build.load(args.config)
    if args.map not in asking.map_names():
        raise UsageError(f"unknown map {args.map!r}; there are: {', '.join(asking.map_names())}")
    from_input = STANDARD_INPUT in args.key
    if from_input and len(args.key) > 1:
        raise UsageError(f"{STANDARD_INPUT} reads the keys from standard input; give no others")
    many = from_input or len(args.key) > 1
    keys = _standard_input() if from_input else [os.fsencode(key) for key in args.key]
    with asking.opener(args.via)(config) as ask:
        return _print_all(ask, args.map, keys, with_key=many)


def _standard_input() -> Iterable[bytes]:
    """The lines that are not empty: those are no keys, and nobody would miss the answer."""
    if sys.stdin is None:
        raise UsageError("standard input is closed; there are no keys to read")
    return filter(None, (line.rstrip(b"\r\n") for line in sys.stdin.buffer))


def _print_all(ask: Ask, map_name: str, keys: Iterable[bytes], *, with_key: bool) -> int:
    worst = os.EX_OK
    for key in keys:
        worst = max(worst, _print(key, ask(map_name, key), with_key=with_key))
    return worst


def _print(key: bytes, answer: Answer, *, with_key: bool) -> int:
    shown = key.decode("utf-8", "backslashreplace")
    if isinstance(answer, Found):
        print(f"{shown}\t{answer.value}" if with_key else answer.value)
        return os.EX_OK
    if isinstance(answer, NotFound):
        if not with_key:
            print(f"colocroute: {shown}: not found", file=sys.stderr)
        return NOT_FOUND
    print(f"colocroute: {shown}: cannot be said now: {answer.reason}", file=sys.stderr)
    return os.EX_TEMPFAIL
