"""`colocroute dump`: a map of the mirror as text, to compare two servers or to build a static table.

Owns which keys a map is dumped with, their order and spelling.  The values come from the map functions, so
that they cannot differ from those of a lookup.

Limits: an address that begins with `#` is a comment to postmap(1).  The bare domain stands for all addresses in
a site domain, which have a transport whether they exist or not.
"""

import argparse
import heapq
import os
import sys
from collections.abc import Collection, Iterable, Iterator
from io import TextIOWrapper
from itertools import count, takewhile
from typing import TYPE_CHECKING

from colocroute.errors import TemporaryError, UsageError
from colocroute.model import Answer, Found, State, TempFail
from colocroute.routing import maps
from colocroute.routing.address import all_plain, domain_of, parse, render
from colocroute.routing.resolve import question, resolve

if TYPE_CHECKING:
    from colocroute.daemon.whole import WholeView
    from colocroute.store.snapshot import Index

NAME = "dump"
HELP = "print a whole map, for diff and for postmap"
EPILOG = """\
examples:
  colocroute dump > virtual && postmap lmdb:virtual
  diff <(colocroute dump --map transport) <(ssh other colocroute dump --map transport)

A catch-all is printed as @domain, in the transport map as the bare domain: as virtual(5) and transport(5) look
for it. What has a temporary failure for an answer (two owners with different routes, say) is left out and named
on standard error. A table would give its mail to the catch-all of its domain: that is then left out, too.

exit codes: 0 dumped, 1 dumped without a catch-all that there is, 64 unknown map, 75 the mirror is empty or
cannot be read, 78 configuration error."""

INCOMPLETE = 1  # exit code

ROUTES: "tuple[Index, ...]" = ("routes", "former")
EVERYBODY: "tuple[Index, ...]" = ("addresses", *ROUTES)
INDEXES: "dict[str, tuple[Index, ...]]" = {
    "virtual_alias": ("addresses", "former"),
    "virtual_mailbox": ROUTES,
    "local_recipient": ROUTES,
    "relay_recipient": ROUTES,
    "generic": ROUTES,
    "imap_server": (*EVERYBODY, "logins"),
    "smtp_server": (*EVERYBODY, "logins"),
    "virtual_alias_domains": (),
    "virtual_mailbox_domains": (),
    "mydestination": (),
    "relay_domains": (),
}
"""What a map has answers for, if that is less or more than `EVERYBODY`."""

DOMAIN_KEYS = frozenset(
    {"transport", "virtual_alias_domains", "virtual_mailbox_domains", "mydestination", "relay_domains"}
)
CATCH_ALL = frozenset({"virtual_alias", "transport", "recipient"})
"""The maps in which a catch-all counts (DESIGN.md section 5)."""

TRANSPORT = "transport"
AFTER_AT = "A"  # keys come by code point, so that catch-alls are before the letters

Line = tuple[str, Answer]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.epilog = EPILOG
    parser.add_argument(
        "--map", default="virtual_alias", metavar="NAME", help="the map (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Prints the map; returns the exit code."""
    from colocroute.daemon import build
    from colocroute.daemon.whole import whole

    config = build.load(args.config)
    if args.map not in maps.MAPS:
        raise UsageError(f"unknown map {args.map!r}; there are: {', '.join(maps.MAPS)}")
    with whole(config) as view:
        if view.state is State.EMPTY:
            reason = build.OTHERS_MIRROR if view.is_others else "the mirror is empty: nothing is known yet"
            raise TemporaryError(f"{build.store_path(config)}: {reason}")
        if view.state is not State.LIVE:
            _say(f"warning: the mirror is {view.state.value}: this is what it last knew")
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # as Postfix asks, whatever a terminal would show
        without = overreaching(view, args.map)
        for domain, key in without.items():
            _say(f"warning: @{domain}: left out, or a table would give it the mail of {key}")
        for key, answer in lines(view, args.map, without):
            if isinstance(answer, Found):
                print(f"{key}\t{answer.value}")
            elif isinstance(answer, TempFail):
                _say(f"{key}: left out: {answer.reason}")
    return INCOMPLETE if without else os.EX_OK


def _say(text: str) -> None:
    print(f"colocroute: {text}", file=sys.stderr)


def lines(view: "WholeView", map_name: str, without: Collection[str] = ()) -> Iterator[Line]:
    """Every key that the map may know, spelled as Postfix asks for it, with its answer; sorted, each once.

    `without` the catch-alls of these domains.
    """
    before = "" if map_name == TRANSPORT else "@"
    catch_alls = {f"{before}{domain}": domain for domain in _catch_alls(view, map_name) - set(without)}
    for key in _keys(view, map_name):
        if key in catch_alls:
            yield key, _catch_all(view, map_name, catch_alls[key])
        elif not key.startswith("@"):
            yield key, maps.answer(view, map_name, key)


def overreaching(view: "WholeView", map_name: str) -> dict[str, str]:
    """The domains whose catch-all a table would take for an address without a line, each with such an address.

    A map is asked for full addresses and knows better; postmap(1)'s tables are asked for the domain next.
    """
    found: dict[str, str] = {}
    catch_alls = {
        domain
        for domain in _catch_alls(view, map_name)
        if isinstance(_catch_all(view, map_name, domain), Found)
    }
    for key in _keys(view, map_name) if catch_alls else ():
        domain = domain_of(key)
        if domain not in catch_alls or domain in found or key in (domain, f"@{domain}"):
            continue
        if not isinstance(maps.answer(view, map_name, key), Found) and question(view, key) is not None:
            found[domain] = key
    return found


def _catch_alls(view: "WholeView", map_name: str) -> set[str]:
    if map_name not in CATCH_ALL:
        return set()
    first = takewhile(lambda key: key < AFTER_AT, view.keys("addresses"))
    return {key.removeprefix("@") for key in first if key.startswith("@")}


def _keys(view: "WholeView", map_name: str) -> Iterator[str]:
    indexes = INDEXES.get(map_name, EVERYBODY)
    domains = sorted({*view.topology.public, *view.topology.sites}) if map_name in DOMAIN_KEYS else []
    # Quoting changes the order, and is rare.
    quoted = sorted({key for index in indexes for key in map(spelled, view.keys(index)) if key[0] == '"'})
    return _each_once(heapq.merge(domains, quoted, *(_unquoted(view.keys(index)) for index in indexes)))


def spelled(key: str) -> str:
    """A folded key as Postfix asks for it first: the local part quoted where RFC 5321 needs it."""
    if all_plain((key,)) or key.startswith("@"):
        return key
    address = parse(key)
    return key if address is None else render(address)


def _unquoted(keys: Iterable[str]) -> Iterator[str]:
    return (key for key in keys if spelled(key)[0] != '"')


def _each_once(ordered: Iterable[str]) -> Iterator[str]:
    last = None
    for key in ordered:
        if key != last:
            yield key
        last = key


def _catch_all(view: "WholeView", map_name: str, domain: str) -> Answer:
    """What an address in the domain is answered that nobody has."""
    return maps.answer(view, map_name, unowned(view, domain))


def unowned(view: "WholeView", domain: str) -> str:
    """An address in the domain that only a catch-all can have."""
    for number in count():
        address = f"nobody{number}@{domain}"
        asked = question(view, address)
        if asked is None or resolve(view, asked) is None:
            return address
    raise AssertionError("count() does not end")
