"""`colocroute check`: what is wrong with the configuration, the directory and Postfix.

Owns what is checked, the output and the exit code.  What is wrong is decided in the modules it calls.
"""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from colocroute.cli.directory_checks import check_directory
from colocroute.cli.domains import known
from colocroute.cli.finding import Finding, finding
from colocroute.cli.postfix_checks import (
    check_chroot,
    check_delimiter,
    check_domains,
    check_permission,
    check_policy,
    check_presence,
    check_tables,
)
from colocroute.cli.postfix_facts import PostfixFacts, is_absent, nodes, read_postfix
from colocroute.cli.service_checks import check_files, check_state
from colocroute.errors import ColocrouteError, DirectoryError
from colocroute.model import State

if TYPE_CHECKING:
    from colocroute.config import Config

NAME = "check"
HELP = "find mistakes in configuration and directory"
EPILOG = """\
Errors delay or lose mail; warnings are values that have no effect, or not the one that somebody meant, and
what keeps this from seeing the present: the service is stopped, the mirror stale.

exit codes: 0 no errors (there may be warnings), 1 errors, 75 the mirror cannot be read, 78 configuration error."""

ERRORS = 1  # exit code
SHOWN = 20  # findings of one code; --json has all


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.epilog = EPILOG
    parser.add_argument("--json", action="store_true", help="a list of objects, for programs")
    parser.add_argument(
        "--config-dir", type=Path, metavar="DIR", help="the directory of main.cf (default: Postfix's own)"
    )


def run(args: argparse.Namespace) -> int:
    """Checks; returns the exit code."""
    from colocroute.daemon import build

    config = build.load(args.config)
    found = sorted(
        [*_content(config), *_state(config), *_session(config), *_postfix(config, args.config_dir)],
        key=lambda one: (one.level, one.code, one.subject),
    )
    if args.json:
        json.dump(msgspec.to_builtins(found), sys.stdout, indent=2)
        print()
    else:
        print("\n".join(lines(found)))
    return ERRORS if any(one.level == "error" for one in found) else os.EX_OK


def _content(config: "Config") -> Iterator[Finding]:
    """What the mirror holds; while that is empty, the directory itself."""
    from colocroute.daemon import build, live
    from colocroute.daemon.whole import whole

    here = config.routing.here
    with whole(config) as view:
        if view.state is not State.EMPTY:
            yield from check_directory(view, view.records, here=here)
            return
        others = view.is_others
    where = str(build.store_path(config))
    try:
        records = live.read_directory(config)
    except DirectoryError as error:
        yield finding("mirror-empty", where, f"nothing is known, and the directory cannot be read: {error}")
        return
    reason = build.OTHERS_MIRROR if others else "the service has not read the directory yet"
    message = f"{reason}; what is said here was read for this check"
    yield finding("mirror-empty", where, message, level="warning")
    yield from check_directory(live.view_of(config, records), lambda: records, here=here)


def _state(config: "Config") -> Iterator[Finding]:
    """How old what the mirror holds is."""
    from colocroute.daemon import build
    from colocroute.daemon.status import gather

    return check_state(str(build.store_path(config)), gather(config))


def _session(config: "Config") -> Iterator[Finding]:
    """What the service says of its session with the directory, or a session for this check."""
    from colocroute.config.rules import missing_files
    from colocroute.daemon import build, runtime
    from colocroute.directory.client import open_session

    store, uri = build.store_path(config), ", ".join(config.directory.uri)
    if runtime.is_running(store):
        published = runtime.read(store, runtime.REPLICATOR_FILE)
        if not published.get("connected") and published.get("last_error"):
            yield finding("directory-unreachable", uri, str(published["last_error"]))
        warnings = list(map(str, published.get("warnings", ())))
    else:
        missing = list(missing_files(config))
        if missing:
            yield from check_files(missing)
            return
        try:
            session = open_session(build.directory(config), b"", heartbeat=build.heartbeat(config))
        except DirectoryError as error:
            yield finding("directory-unreachable", uri, str(error))
            return
        warnings = list(session.warnings)
        session.close()
    yield from session_warnings(warnings, uri)


def session_warnings(warnings: Iterable[str], uri: str) -> Iterator[Finding]:
    """The warnings of a session with the directory."""
    from colocroute.directory.survey import ENTRYCSN_UNREADABLE

    for warning in warnings:
        code = "entrycsn-unreadable" if warning == ENTRYCSN_UNREADABLE else "directory-warning"
        yield finding(code, uri, warning)


def _postfix(config: "Config", directory: Path | None) -> Iterator[Finding]:
    from colocroute.daemon import build, runtime

    postfix: PostfixFacts | None = None
    try:
        postfix = read_postfix(directory)
    except ColocrouteError as error:
        yield finding("postfix-unreadable", "main.cf" if directory is None else str(directory), str(error))
    listeners = (*map(str, config.listen.socketmap), *map(str, config.listen.policy))
    sockets = [address.removeprefix("unix:") for address in listeners if address.startswith("unix:")]
    running = runtime.is_running(build.store_path(config))
    for socket in sockets:
        found = nodes(socket)
        if running:
            yield from check_presence(socket, found)
        if postfix is not None:
            yield from check_permission(socket, found, postfix)
    if postfix is not None:
        yield from check_chroot(sockets, postfix)
        yield from check_tables(sockets, is_absent, postfix)
        yield from check_policy(tuple(map(str, config.listen.policy)), postfix)
        yield from check_delimiter(config.routing.recipient_delimiter, postfix)
        domains = known(config)
        if not domains.empty:
            yield from check_domains(domains.public, domains.sites, config.listen.socketmap, postfix)


def lines(found: Sequence[Finding]) -> Iterator[str]:
    """The findings for a person, errors first."""
    shown: Counter[str] = Counter()
    number = Counter(one.code for one in found)
    for one in found:
        shown[one.code] += 1
        if shown[one.code] <= SHOWN:
            yield f"{one.level}: {one.code}: {_printable(one.subject)}"
            yield f"    {_printable(one.message)}"
            yield f"    {_printable(one.remedy)}"
        elif shown[one.code] == SHOWN + 1:
            yield f"{one.level}: {one.code}: {number[one.code] - SHOWN} more, which --json lists"
    levels = Counter(one.level for one in found)
    yield f"{levels['error']} errors, {levels['warning']} warnings"


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)[1:-1]
