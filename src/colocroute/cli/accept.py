"""`colocroute accept`: the operator lets through what the guard refused, after seeing what it is.

Owns the question and the waiting.  The removal itself is the replicator's: it refreshes anew and removes at
most as many entries as were shown.
"""

import argparse
import os
import sys
import time
from typing import TYPE_CHECKING

from colocroute.errors import TemporaryError, UsageError

if TYPE_CHECKING:
    from colocroute.store.meta import Held, Meta
    from colocroute.store.mirror import Mirror

NAME = "accept"
HELP = "let a held refresh through, after showing what it would remove"
EPILOG = """\
exit codes: 0 accepted (or nothing was held), 1 not confirmed, 64 nobody to ask (no terminal) and no --yes,
75 daemon down or not done in time, 78 configuration error."""

NOT_CONFIRMED = 1  # exit code

SHOWN = 20
WAIT_SECONDS = 120.0  # a full refresh of a large directory takes its time


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.epilog = EPILOG
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(args: argparse.Namespace) -> int:
    """Shows, asks, approves, waits until the replicator has taken it; returns the exit code."""
    from colocroute.daemon import build, runtime

    config = build.load(args.config)
    mirror = build.open_mirror(config, writable=False)
    try:
        if mirror.is_others:
            raise TemporaryError(build.OTHERS_MIRROR)
        held = _meta(mirror).held
        if held is None:
            print("nothing is held")
            return os.EX_OK
        if not runtime.is_running(build.store_path(config)):
            raise TemporaryError("the daemon is not running; start it, then accept")
        _show(held)
        if not args.yes and not _confirmed(held.would_remove):
            print("not accepted; the last good mirror goes on answering", file=sys.stderr)
            return NOT_CONFIRMED
        _approve(mirror, max(1, held.would_remove))  # all users may be gone of whom none has any mail
    finally:
        mirror.close()
    print("accepted")
    return os.EX_OK


def _meta(mirror: "Mirror") -> "Meta":
    with mirror.snapshot() as snapshot:
        return snapshot.meta()


def _approve(mirror: "Mirror", removals: int) -> None:
    """Writes the approval and waits until the replicator has used it."""
    mirror.request_accept(removals)
    deadline = time.monotonic() + WAIT_SECONDS
    while (meta := _meta(mirror)).held is not None:
        if not meta.accept:
            raise TemporaryError(
                f"the directory has changed meanwhile: it would now remove {meta.held.would_remove} entries, "
                f"more than the {removals} that were shown; look again"
            )
        if time.monotonic() > deadline:
            raise TemporaryError("approved, but not carried out yet; see 'colocroute status'")
        time.sleep(0.1)


def _show(held: "Held") -> None:
    print(f"held since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(held.since))}: {held.reason}")
    print(f"would remove, or leave without any address, {held.would_remove} entries:")
    shown = held.entries[:SHOWN]
    for dn in shown:
        print(f"  {dn}")
    if held.would_remove > len(shown):
        print(f"  ... and {held.would_remove - len(shown)} more")


def _confirmed(count: int) -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError("standard input is not a terminal; say --yes to accept without being asked")
    try:
        said = input(f"Remove these {count} entries from the mirror? [y/N] ")
    except EOFError:
        print()
        return False
    return said.strip().lower() in ("y", "yes")
