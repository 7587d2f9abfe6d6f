"""The manual pages, written from the parsers of the verbs and the declarations of the configuration.

Owns `page8` and `page5` (roff, kept in `docs/man/`).  `python -m colocroute.cli.manual DIRECTORY` writes both.
Must not know what a verb does beyond what its own help says.
"""

import argparse
import importlib
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

from colocroute import __version__
from colocroute.cli.main import PACKAGE, VERBS, Parser, Verb
from colocroute.config import DEFAULT_PATH
from colocroute.config.setting import declared, sections
from colocroute.config.settings import NOT_YET, Config
from colocroute.daemon.asking import map_names

SUMMARY = "tells Postfix at which site a user's mailbox is"
DESCRIPTION = (
    "keeps a live mirror of the local LDAP replica and answers the look-ups of Postfix from it, so that mail takes "
    "the straight way to the right site, and flows on while LDAP is down."
)
SHARED = (
    ("-c FILE, --config FILE", f"The configuration; default: {DEFAULT_PATH}. See colocroute.toml(5)."),
    ("--debug", "Tell everything on standard error."),
    ("--version", "Print the version."),
    ("-h, --help", "Print help."),
)
EXIT_CODES = (
    (os.EX_OK, "Found or fine."),
    (1, "Not found, or problems found."),
    (os.EX_USAGE, "Wrong usage."),
    (os.EX_SOFTWARE, "Internal error."),
    (os.EX_TEMPFAIL, "Temporary failure: it cannot be said or done now."),
    (os.EX_CONFIG, "The configuration is wrong, or there is none."),
)
FILES = (
    (str(DEFAULT_PATH), "The configuration."),
    (
        "/var/lib/colocroute",
        "The mirror; store.path. To read it, commands need root or the group of the service.",
    ),
    ("/run/colocroute/map.sock", "Where Postfix asks; listen.socketmap."),
)
SIGNALS = (
    ("SIGHUP", "Reads the configuration again; if it has mistakes, says so and keeps the one in force."),
    ("SIGTERM", "Ends the service within 5 seconds."),
)


def page8() -> str:
    """colocroute(8)."""
    lines = [_title("COLOCROUTE", 8), *_section("NAME"), rf"colocroute \- {_text(SUMMARY)}"]
    lines += [
        *_section("SYNOPSIS"),
        r"\fBcolocroute\fR [\fB\-c\fR \fIFILE\fR] [\fB\-\-debug\fR] \fICOMMAND\fR ...",
    ]
    lines += [*_section("DESCRIPTION"), r"\fBcolocroute\fR", _text(DESCRIPTION)]
    lines += [*_section("OPTIONS OF EVERY COMMAND"), "Before the command or after it:", *_list(SHARED)]
    lines += _section("COMMANDS")
    for name in VERBS:
        lines += _verb(cast(Verb, importlib.import_module(f"{PACKAGE}.{name}")))
    lines += [*_section("EXIT STATUS"), "With several keys the worst counts."]
    lines += _list((str(code), meaning) for code, meaning in EXIT_CODES)
    lines += [*_section("SIGNALS"), *_list(SIGNALS)]
    lines += [
        *_section("MAPS"),
        "Named after the parameters of Postfix, without _maps:",
        _text(", ".join(map_names())) + ".",
    ]
    lines += [*_section("FILES"), *_list(FILES)]
    lines += [*_section("SEE ALSO"), "colocroute.toml(5), socketmap_table(5), tcp_table(5), postmap(1)"]
    return _page(lines)


def page5() -> str:
    """colocroute.toml(5)."""
    lines = [_title("COLOCROUTE.TOML", 5), *_section("NAME")]
    lines += [r"colocroute.toml \- configuration of colocroute", *_section("DESCRIPTION")]
    lines.append(
        _text(
            "TOML. A key that is left out has its default. Unknown keys, wrong types and combinations that cannot "
            "work are errors: all are told at once, each with its key and line, and the exit code is 78. "
            'A duration is a whole number with a unit, in quotes: "50us", "100ms", "5s", "5m", "24h", "30d".'
        )
    )
    for section, struct in sections(Config).items():
        lines += [*_section(f"[{section}]"), _text(struct.__doc__ or "")]
        for item in declared(Config, section).values():
            note = f" ({NOT_YET[item.name]})" if item.name in NOT_YET else ""
            default = "required" if item.setting.required else f"default: {item.default_text}"
            lines += _list([(item.key, f"{item.setting.help}{note}")])
            lines += [".br", _text(f"{item.setting.kind.expects}; {default}")]
    lines += [*_section("FILES"), _text(str(DEFAULT_PATH))]
    return _page([*lines, *_section("SEE ALSO"), "colocroute(8), postconf(5), slapd.conf(5)"])


def _verb(verb: Verb) -> Iterator[str]:
    parser = Parser(f"colocroute {verb.NAME}", verb.HELP, add_help=False)
    verb.configure(parser)
    # argparse has no public way to its arguments, and its own text differs from one Python to the next.
    actions = parser._actions
    arguments = " ".join(_metavar(action) for action in actions if not action.option_strings)
    yield f'.SS "{_text(f"{verb.NAME} {arguments}".strip())}"'
    yield _text(f"{verb.HELP[:1].upper()}{verb.HELP[1:]}.")
    for action in actions:
        label = ", ".join(action.option_strings)
        value = _metavar(action) if action.nargs != 0 else ""
        help_text = (action.help or "") % {**vars(action), "prog": parser.prog}
        yield from _list([(f"{label} {value}".strip(), help_text)])
    if parser.epilog:
        yield from (".PP", ".nf", *map(_text, parser.epilog.splitlines()), ".fi")


def _metavar(action: argparse.Action) -> str:
    if action.choices is not None:
        return "|".join(map(str, action.choices))
    return str(action.metavar or action.dest.upper())


def _title(name: str, section: int) -> str:
    return f'.TH {name} {section} "" "colocroute {__version__}"'


def _section(name: str) -> tuple[str, ...]:
    return (f'.SH "{_text(name)}"',)


def _list(items: Iterable[tuple[str, str]]) -> Iterator[str]:
    for label, meaning in items:
        yield from (".TP", rf"\fB{_text(label)}\fR", _text(meaning))


def _text(text: str) -> str:
    """One line for roff: nothing in it is a request, `code` and **strong** are bold."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    bold = re.sub(r"\*\*(.+?)\*\*|`(.+?)`", lambda match: rf"\fB{match[1] or match[2]}\fR", escaped)
    return rf"\&{bold}" if bold[:1] in (".", "'") else bold


def _page(lines: list[str]) -> str:
    return (
        '.\\" Written by `make docs` from src/colocroute/cli/manual.py: change it there.\n'
        + "\n".join(lines)
        + "\n"
    )


def write(directory: Path) -> None:
    """Both pages, under their names."""
    (directory / "colocroute.8").write_text(page8(), encoding="utf-8")
    (directory / "colocroute.toml.5").write_text(page5(), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
