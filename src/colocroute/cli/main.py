"""The command line: finds the verb, loads its module only, and turns every outcome into an exit code.

Owns what all verbs share: `-c`, `--debug`, `--version`, `--help`, exit codes and the one line a user gets
instead of a traceback.  A verb is a module `colocroute.cli.<verb>` with `NAME`, `HELP`, `configure(parser)`
and `run(args) -> int`; `SERVICE = True` if it is a daemon rather than a command.  Heavy imports belong into
its functions.  `args` always has `config` (a path), `debug` and `verb`.
"""

import argparse
import contextlib
import difflib
import importlib
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, Protocol, TextIO, cast

from colocroute import __version__, errors
from colocroute.cli import logs
from colocroute.config import DEFAULT_PATH

VERBS = ("serve", "lookup", "explain", "check", "status", "accept", "dump", "postconf", "bench")
PACKAGE = "colocroute.cli"

STANDARD_OUTPUT, STANDARD_ERROR = 1, 2  # file descriptors

EXIT_INTERRUPTED = 130  # as a shell says of a process that SIGINT ended
EXIT_BROKEN_PIPE = 141  # as a shell says of a process that SIGPIPE ended

EPILOG = """\
examples:
  colocroute serve --demo                      try it: needs no LDAP, no Postfix and no root
  colocroute lookup anna@test.tux              where does this mail go?
  colocroute explain anna@test.tux             and why?
  colocroute check                             what is wrong with configuration and directory?
  colocroute COMMAND --help                    more about one command

exit codes:
  0 found or fine, 1 not found or problems found, 64 wrong usage, 70 internal error,
  75 temporary failure, 78 configuration error"""


class Verb(Protocol):
    """What a verb's module offers."""

    NAME: str
    HELP: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Declares the verb's own arguments; may set `parser.epilog`."""

    def run(self, args: argparse.Namespace) -> int:
        """Does it; returns the exit code.  May raise any `ColocrouteError`."""
        ...


class Parser(argparse.ArgumentParser):
    """A parser that leaves the exit code of wrong usage to the frame."""

    def __init__(self, prog: str, description: str, *, add_help: bool = True) -> None:
        super().__init__(
            prog=prog,
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            add_help=add_help,
        )

    def error(self, message: str) -> NoReturn:
        """Wrong usage is an exception like any other."""
        raise errors.UsageError(f"{message} (see {self.prog} --help)")


def run() -> NoReturn:
    """The entry point of the command."""
    _take_standard_descriptors()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    code = main(sys.argv[1:])
    _abandon(sys.stdout, STANDARD_OUTPUT)
    _abandon(sys.stderr, STANDARD_ERROR)
    sys.exit(code)


def _take_standard_descriptors() -> None:
    """Puts the null device in the place of closed ones, or the mirror would be opened as standard error.

    A closed standard input still is None, for those who read it to say so.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STANDARD_ERROR:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    if sys.stdout is None:
        sys.stdout = os.fdopen(STANDARD_OUTPUT, "w")
    if sys.stderr is None:
        sys.stderr = os.fdopen(STANDARD_ERROR, "w")


def main(argv: Sequence[str], verbs: Sequence[str] = VERBS, package: str = PACKAGE) -> int:
    """Runs one command; every exception becomes an exit code and a line on standard error."""
    visible = False
    try:
        args = _frame_parser().parse_args(argv)
        if args.help or not args.verb:
            _print_help(verbs, package, sys.stdout if args.help else sys.stderr)
            return _ended(os.EX_OK if args.help else os.EX_USAGE)
        verb = _load(args.verb, verbs, package)
        args = _verb_parser(verb).parse_args(args.rest, argparse.Namespace(**_shared(args)))
        service = getattr(verb, "SERVICE", False)
        visible = args.debug or service
        logs.setup(debug=args.debug, service=service)
        return _ended(verb.run(args))
    except SystemExit as leaving:  # argparse, after --help and --version
        return _ended(leaving.code if isinstance(leaving.code, int) else os.EX_OK)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except errors.ColocrouteError as error:
        return _failed(error)
    except OSError as error:
        return _system_failed(error)
    except Exception as error:
        where = logs.traceback_to_log(error, visible=visible)
        _say(f"internal error: {type(error).__name__}: {' '.join(str(error).split())} ({where})")
        return os.EX_SOFTWARE


def _frame_parser() -> Parser:
    parser = Parser("colocroute", "Tells Postfix at which site a user's mailbox is.", add_help=False)
    parser.usage = "colocroute [-c FILE] [--debug] COMMAND ..."
    parser.add_argument("-h", "--help", action="store_true", help="show this")
    _add_shared(parser)
    parser.add_argument("verb", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def _verb_parser(verb: Verb) -> Parser:
    parser = Parser(f"colocroute {verb.NAME}", verb.HELP[:1].upper() + verb.HELP[1:] + ".")
    _add_shared(parser)
    verb.configure(parser)
    return parser


def _add_shared(parser: Parser) -> None:
    parser.add_argument(
        "-c", "--config", metavar="FILE", type=Path, default=DEFAULT_PATH, help=f"default: {DEFAULT_PATH}"
    )
    parser.add_argument("--debug", action="store_true", help="tell everything on standard error")
    parser.add_argument("--version", action="version", version=f"colocroute {__version__}")


def _shared(args: argparse.Namespace) -> dict[str, object]:
    return {"config": args.config, "debug": args.debug, "verb": args.verb}


def _load(name: str, verbs: Sequence[str], package: str) -> Verb:
    if name not in verbs:
        near = difflib.get_close_matches(name, verbs, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(verbs)}"
        raise errors.UsageError(f"unknown command {name!r}, {hint}")
    return cast(Verb, importlib.import_module(f"{package}.{name}"))


def _print_help(verbs: Sequence[str], package: str, stream: TextIO) -> None:
    parser = _frame_parser()
    lines = [f"  {name:<10} {_load(name, verbs, package).HELP}" for name in verbs]
    parser.epilog = "\n".join(["commands:", *lines, "", EPILOG])
    parser.print_help(stream)


def _failed(error: errors.ColocrouteError) -> int:
    lines = error.mistakes if isinstance(error, errors.ConfigError) else [str(error)]
    for line in lines:
        _say(line)
    if isinstance(error, errors.UsageError):
        return os.EX_USAGE
    return os.EX_CONFIG if isinstance(error, errors.ConfigError) else os.EX_TEMPFAIL


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # where a line cannot be written, the exit code still tells
        print(f"colocroute: {line}", file=sys.stderr)


def _ended(code: int) -> int:
    """The exit code, once all that was printed is written."""
    try:
        sys.stdout.flush()
    except OSError as error:
        return _system_failed(error)
    return code


def _system_failed(error: OSError) -> int:
    """The machine's fault rather than ours: a full disk, no permission.  What was printed may be lost."""
    if isinstance(error, BrokenPipeError):
        return EXIT_BROKEN_PIPE
    logs.log.debug("system error", exc_info=error)
    place = f"{error.filename}: " if error.filename else ""
    _say(f"{place}{error.strerror or error}")
    return os.EX_TEMPFAIL


def _abandon(stream: TextIO, descriptor: int) -> None:
    """Writes what is still buffered if that can be done, and keeps the interpreter's last flush from failing."""
    try:
        stream.flush()
    except OSError:  # full or broken
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
