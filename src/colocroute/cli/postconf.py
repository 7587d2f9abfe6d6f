"""`colocroute postconf`: the lines of main.cf and master.cf that wire Postfix to the maps.

Owns the output and the order of things: look, print, and only with --apply change.  What the lines are is
`wiring`'s, what Postfix says now is `maincf`'s.
"""

import argparse
import io
import json
import os
import shlex
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from colocroute.cli import domains
from colocroute.cli.maincf import Change, Maincf
from colocroute.cli.wiring import wire
from colocroute.cli.wiring_listeners import choose_policy, choose_socketmap
from colocroute.cli.wiring_model import Installed, Wanted, Wiring
from colocroute.errors import ConfigError, TemporaryError

if TYPE_CHECKING:
    from colocroute.config import Config

NAME = "postconf"
HELP = "print, or apply, the lines of main.cf and master.cf"
EPILOG = """\
examples:
  colocroute postconf
  colocroute postconf --apply && postfix reload
  colocroute postconf --no-rewriting --config-dir /etc/postfix-out

Run it again, on every server, when a site or a public domain is added: the domains are lists in main.cf.
exit codes: 0 fine, 75 the mirror cannot be read or (but for maps that are only printed) is empty, no site is
known, or there is no Postfix, 78 configuration error."""

WIDTH = 100


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.epilog = EPILOG
    parser.add_argument(
        "--wiring",
        choices=("lists", "maps"),
        default="lists",
        help="lists (default): the domains written out, the same on every server; maps: each list a map",
    )
    parser.add_argument(
        "--no-rewriting",
        action="store_true",
        help="route by the public address, which stays as it is, up to the mailbox",
    )
    parser.add_argument(
        "--config-dir", type=Path, metavar="DIR", help="the directory of main.cf (default: Postfix's own)"
    )
    parser.add_argument("--apply", action="store_true", help="change what differs, with postconf -e and -M")
    parser.add_argument(
        "--json", action="store_true", help="lines, reasons, differences and warnings, for programs"
    )


def run(args: argparse.Namespace) -> int:
    """Prints or applies the wiring; returns the exit code."""
    from colocroute.daemon import build

    config = build.load(args.config)
    if not config.listen.socketmap:
        raise ConfigError(["listen.socketmap: is empty; Postfix needs a socket to ask"])
    known = domains.filled(config) if args.apply else domains.known(config)
    maincf = _maincf(args.config_dir, needed=args.apply)
    installed = maincf.installed() if maincf is not None else Installed()
    wiring = wire(_wanted(config, known, args, installed), installed)
    if known.empty:
        wiring = msgspec.structs.replace(wiring, warnings=(domains.EMPTY, *wiring.warnings))
    changes = maincf.changes(wiring) if maincf is not None else ()
    if args.apply and maincf is not None:
        maincf.apply(wiring, changes)
    if args.json:
        json.dump(_document(wiring, changes), sys.stdout, indent=2)
        print()
    else:
        _write_as_main_cf(sys.stdout)
        print(_changed(changes) if args.apply else render(wiring), end="")
    _warn(wiring, changes, known=maincf is not None)
    if args.apply and changes:
        instance = "" if args.config_dir is None else f"-c {shlex.quote(str(args.config_dir))} "
        print(f"colocroute: now run: postfix {instance}reload", file=sys.stderr)
    return os.EX_OK


def _write_as_main_cf(stream: TextIO) -> None:
    """Lets lines be printed as they belong into main.cf, in whatever locale: in UTF-8 (SMTPUTF8_README)."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8")


def _maincf(directory: Path | None, *, needed: bool) -> Maincf | None:
    try:
        return Maincf(directory)
    except TemporaryError:
        if needed or directory is not None:
            raise
        return None


def _wanted(
    config: "Config", known: domains.Domains, args: argparse.Namespace, installed: Installed
) -> Wanted:
    if args.wiring == "lists" and (known.empty or not known.sites):
        which = "not every site" if known.sites else "no site"
        raise TemporaryError(
            f"{which} is known, and lists without them would refuse all mail of the sites; start the service "
            "and see 'colocroute status'"
        )
    return Wanted(
        socketmap=choose_socketmap(config.listen.socketmap, installed),
        policy=choose_policy(config.listen.policy, installed),
        public=known.public,
        sites=known.sites,
        recipient_delimiter=config.routing.recipient_delimiter,
        local_transport=config.routing.local_transport,
        maps=args.wiring == "maps",
        rewriting=not args.no_rewriting,
        relay_only=config.routing.here == (),
    )


def render(wiring: Wiring) -> str:
    """The text: a fragment of main.cf, an empty line, a fragment of master.cf."""
    return f"{render_main(wiring)}\n{render_master(wiring)}"


def render_main(wiring: Wiring) -> str:
    """The fragment of main.cf."""
    parts = ["# main.cf: for colocroute, the same on every server\n"]
    parts += [
        f"\n{_comment(item.why)}{item.name} = {item.value}".rstrip() + "\n" for item in wiring.parameters
    ]
    return "".join(parts)


def render_master(wiring: Wiring) -> str:
    """The fragment of master.cf."""
    service = wiring.service
    options = "".join(f"    -o {option}\n" for option in service.options)
    entry = f"{service.name} {service.type} {service.fields}\n{options}"
    return f"# master.cf: for colocroute, the same on every server\n\n{_comment(service.why)}{entry}"


def _comment(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="# ", subsequent_indent="# ") + "\n"


def _document(wiring: Wiring, changes: Sequence[Change]) -> dict[str, Any]:
    return {
        "main.cf": [msgspec.structs.asdict(item) for item in wiring.parameters],
        "master.cf": [{"name": wiring.service.name, "line": wiring.service.line, "why": wiring.service.why}],
        "differences": [msgspec.structs.asdict(change) for change in changes],
        "warnings": list(wiring.warnings),
    }


def _changed(changes: Sequence[Change]) -> str:
    if not changes:
        return "nothing to change\n"
    return "".join(f"{change.name} = {change.new}".rstrip() + "\n" for change in changes)


def _warn(wiring: Wiring, changes: Sequence[Change], *, known: bool) -> None:
    warnings = list(wiring.warnings)
    if not known:
        warnings.append("no Postfix found on this machine: the lines assume one that is not chrooted")
    warnings += [
        f"{change.name} is set already; old value: {change.old}; new value: {change.new}"
        for change in changes
        if change.old
    ]
    for warning in warnings:
        print(f"colocroute: warning: {warning}", file=sys.stderr)
