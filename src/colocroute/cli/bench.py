"""`colocroute bench`: puts load on a running daemon, as many Postfix processes would, and measures.

Owns the arguments, the progress while it runs and the exit code.  The measurement is `bench`'s.
"""

import argparse
import json
import logging
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from colocroute.bench import compiled, pure, show
from colocroute.bench import requests as prepared
from colocroute.bench.load import Generator, Load, Progress, Protocol, Result
from colocroute.bench.requests import Mix, Order
from colocroute.cli import benchkeys
from colocroute.config import Config
from colocroute.config.units import InetAddress, parse_address
from colocroute.errors import TemporaryError, UsageError

NAME = "bench"
HELP = "put load on the running daemon and measure it"
EPILOG = """\
examples:
  colocroute bench                                   64 connections, keys from the mirror, as fast as it goes
  colocroute bench --rate 1000 --connections 4       latency at 1,000 requests a second
  colocroute bench --keys addresses.txt --order zipf --unknown 5% --foreign 10%
  colocroute bench --to unix:/run/other.sock --map m --keys keys.txt     any socketmap server

Without --rate each connection asks again when it has its reply.  With it, latency counts from the instant a
request was due, and a server that falls behind shows its own rate.

exit codes: 0 every request was answered, 1 some were not, or too late for the rate, or got a temporary failure,
64 wrong usage, 75 no daemon to measure, or it closes every connection, 78 configuration error."""

PROBLEMS = 1  # exit code
LARGEST = 1_000_000_000  # of any number on the command line
MOST_CONNECTIONS = 100_000  # one address reaches 65,535 ports; a unix socket takes what descriptors there are
LEAST_RATE = 0.001  # requests a second; one each quarter of an hour
ENDING = (signal.SIGTERM, signal.SIGHUP)  # SIGINT is an exception already
log = logging.getLogger(__name__)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("--map", default="virtual_alias", metavar="NAME", help="the map (default: %(default)s)")
    add(
        "--protocol",
        choices=[one.value for one in Protocol],
        default="socketmap",
        help="default: %(default)s",
    )
    add(
        "--to", metavar="ADDRESS", help="unix:PATH or inet:HOST:PORT (default: the first listener configured)"
    )
    add("--connections", type=_connections, default=64, metavar="N", help="default: %(default)s")
    add("--rate", type=_rate, default=0.0, metavar="N", help="requests a second (default: flat out)")
    add("--seconds", type=_not_negative, default=10.0, metavar="S", help="default: %(default)g")
    add("--warmup", type=_not_negative, default=0.5, metavar="S", help="not counted (default: %(default)g s)")
    add("--keys", metavar="FILE", help="one key a line, - for standard input (default: from the mirror)")
    add("--limit", type=_positive, default=1_000_000, metavar="N", help="keys from the mirror (%(default)s)")
    add("--order", choices=[one.value for one in Order], default="uniform", help="default: %(default)s")
    add("--unknown", type=_share, default=0.0, metavar="P%", help="share of keys that nobody has")
    add("--foreign", type=_share, default=0.0, metavar="P%", help="share of keys in somebody else's domain")
    add("--seed", type=int, default=1, metavar="N", help="the same seed asks for the same (default: 1)")
    add("--histogram", action="store_true", help="show how latencies are distributed")
    add("--json", action="store_true", help="all figures, for programs")


def run(args: argparse.Namespace) -> int:
    """Measures; returns the exit code."""
    config = _config(args)
    protocol = Protocol(args.protocol)
    if args.seconds <= 0 or args.unknown + args.foreign > 1:
        raise UsageError("--seconds must be above 0, and --unknown with --foreign at most 100%")
    if args.to is None:
        _check_map(args.map)
    address = _numeric(args.to) if args.to is not None else _listener(config, protocol, args.map)
    mix = Mix(order=Order(args.order), unknown=args.unknown, foreign=args.foreign, seed=args.seed)
    with _signals_end_it(), tempfile.TemporaryDirectory(prefix="colocroute-bench-") as directory:
        path = Path(directory) / "requests"
        keys = benchkeys.from_file(args.keys) if args.keys is not None else _mirror_keys(config, args)
        prepared.write(path, prepared.choose(keys, mix), prepared.framing(protocol, args.map))
        load = Load(
            address=address,
            protocol=protocol,
            requests=path,
            connections=args.connections,
            warmup=args.warmup,
            seconds=args.seconds,
            rate=args.rate,
        )
        with _progress(load, quiet=args.json) as progress:
            result = _generator()(load, progress)
    _print(result, args)
    return os.EX_OK if result.is_clean else PROBLEMS


@contextmanager
def _signals_end_it() -> Iterator[None]:
    """Has SIGTERM and SIGHUP end the command as an exception does, so that nothing is left behind.

    The exit code is that of a shell.  A signal that is ignored stays so.
    """

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = {one: signal.getsignal(one) for one in ENDING}
    for one, handler in before.items():
        if handler == signal.SIG_DFL:
            signal.signal(one, end)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _print(result: Result, args: argparse.Namespace) -> None:
    if args.json:
        json.dump(show.as_json(result), sys.stdout, indent=2)
        print()
        return
    for line in [*show.lines(result), *(["", *show.histogram(result)] if args.histogram else [])]:
        print(line)


def _config(args: argparse.Namespace) -> Config | None:
    """The configuration, where it is needed."""
    if args.to is not None and args.keys is not None:
        return None
    from colocroute.daemon import build

    return build.load(args.config)


def _check_map(name: str) -> None:
    """A server of others may have any map; ours answers an unknown one with a temporary failure each time."""
    from colocroute.daemon import asking

    if name not in asking.map_names():
        raise UsageError(f"unknown map {name!r}; there are: {', '.join(asking.map_names())}")


def _mirror_keys(config: Config | None, args: argparse.Namespace) -> list[bytes]:
    if config is None:
        raise UsageError("--keys is needed without a configuration")
    return benchkeys.from_mirror(config, args.map, args.limit)


def _listener(config: Config | None, protocol: Protocol, map_name: str) -> str:
    if config is None:
        raise UsageError("--to is needed without a configuration")
    if protocol is Protocol.SOCKETMAP:
        if not config.listen.socketmap:
            raise TemporaryError("listen.socketmap: the daemon has no socketmap listener to measure")
        return _numeric(config.listen.socketmap[0])
    if map_name not in config.listen.tcp_table:
        raise TemporaryError(f"listen.tcp_table: the daemon has no port for the map {map_name!r}")
    return _numeric(f"inet:{config.listen.tcp_table[map_name]}")


def _numeric(text: str) -> str:
    """The address without a name that would have to be resolved."""
    try:
        address = parse_address(text)
        if isinstance(address, InetAddress):
            found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][4]
            host, port = str(found[0]), int(found[1])
            return f"inet:{host}:{port}"
    except ValueError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise TemporaryError(f"{text}: {error.strerror or error}") from error
    return str(address)


def _generator() -> Generator:
    try:
        program = compiled.build()
    except compiled.CompilerError as error:
        log.warning("%s; the generator in Python is used instead, and may be what is measured", error)
        return pure.run
    return lambda load, progress: compiled.run(program, load, progress)


@contextmanager
def _progress(load: Load, *, quiet: bool) -> Iterator[Progress]:
    """What is told while it runs: a bar on a terminal, lines elsewhere, nothing if quiet."""
    if quiet:
        yield lambda _done: None
    elif sys.stderr is not None and sys.stderr.isatty():
        with _bar(load) as progress:
            yield progress
    else:
        yield lambda done: print(f"{done} replies", file=sys.stderr, flush=True)


@contextmanager
def _bar(load: Load) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), TimeRemainingColumn(), TextColumn("{task.fields[done]:,} replies"))
    started = time.monotonic()
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=load.warmup + load.seconds, done=0)
        yield lambda done: bar.update(task, completed=time.monotonic() - started, done=done)


def _positive(text: str, most: int = LARGEST) -> int:
    number = _number(text)
    if not 1 <= number <= most or number != int(number):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {most:,}")
    return int(number)


def _connections(text: str) -> int:
    return _positive(text, MOST_CONNECTIONS)


def _not_negative(text: str) -> float:
    number = _number(text)
    if not 0 <= number <= LARGEST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to {LARGEST:,}")
    return number


def _rate(text: str) -> float:
    number = _not_negative(text)
    if 0 < number < LEAST_RATE:
        raise argparse.ArgumentTypeError(f"{text!r} is less than {LEAST_RATE} requests a second")
    return number


def _share(text: str) -> float:
    share = _number(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share from 0% to 100%")
    return share


def _number(text: str) -> float:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
