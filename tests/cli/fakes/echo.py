"""A verb that prints what it was given and does as it is told."""

import argparse
import json
import logging
import sys

from colocroute import errors

NAME = "echo"
HELP = "print what was given"
log = logging.getLogger("colocroute.echo")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "examples:\n  colocroute echo a b"
    parser.add_argument("word", nargs="*")
    parser.add_argument("--number", type=int, default=0)
    parser.add_argument("--lines", type=int, default=0)
    parser.add_argument("--fail", default="")
    parser.add_argument("--json", action="store_true")


def run(args: argparse.Namespace) -> int:
    print(args.config, args.debug, args.verb, *args.word)
    for line in range(args.lines):
        print(line)
    if args.json:
        json.dump({}, sys.stdout)
    log.warning("warned\nof two lines")
    log.info("informed")
    log.debug("debugged")
    _fail(args.fail)
    return int(args.number)


def _fail(how: str) -> None:
    failures: dict[str, BaseException] = {
        "usage": errors.UsageError("no such map"),
        "config": errors.ConfigError(["a.b: is wrong", "c.d: is wrong too"]),
        "store": errors.StoreError("disk full"),
        "temporary": errors.TemporaryError("daemon down"),
        "system": PermissionError(13, "Permission denied", "/some/file"),
        "bug": KeyError("many\nlines"),
        "interrupt": KeyboardInterrupt(),
        "exit": SystemExit("text"),
    }
    if how == "logged":
        log.error("with a traceback", exc_info=ValueError("inner"))
    elif how:
        raise failures[how]
