"""The smtp client for the outside: our entry of master.cf, with what the operator added to it.

Owns the two options that are ours, and the taking apart of an entry as postconf(1) shows it.  Its rule: an
option of the operator's (a fallback relay, a source address, TLS) survives.  Pure.
"""

from collections.abc import Iterator

from colocroute.cli.wiring_model import Installed, Service, Wanted

OUTBOUND = "outbound"
COMMAND = "smtp"
GENERIC = "smtp_generic_maps"
SYSLOG = "syslog_name"
COLUMNS = 8  # of master(5), the command included; its arguments follow


def outbound(wanted: Wanted, installed: Installed) -> Service:
    """The service.  Not chrooted, whatever it was: its socket is none that a chroot has."""
    maxproc, flags, options = _kept(installed.outbound)
    generic = f"{GENERIC}=socketmap:{wanted.socketmap}:generic"
    options = [generic if _name(option) == GENERIC else option for option in options]
    names = {_name(option) for option in options}
    if SYSLOG not in names:
        options.insert(0, f"{SYSLOG}=postfix/{OUTBOUND}")
    if GENERIC not in names:
        options.append(generic)
    return Service(
        name=OUTBOUND,
        type="unix",
        fields=" ".join(["- - n -", maxproc, COMMAND, *flags]),
        options=tuple(options),
        why="The smtp client for the outside: route addresses become public ones, in envelope and headers. "
        "Not chrooted, so that it finds the socket.",
    )


def _kept(entry: str) -> tuple[str, list[str], list[str]]:
    """The limit of processes, the flags and the options of an entry; none of one with another command."""
    columns = entry.split(None, COLUMNS)
    if len(columns) < COLUMNS or columns[COLUMNS - 1] != COMMAND:
        return "-", [], []
    words = _words(columns[COLUMNS] if len(columns) > COLUMNS else "")
    flags, options = [], []
    for word in words:
        if word == "-o":
            options += [next(words, "")]
        elif word.startswith("-o"):
            options += [word.removeprefix("-o")]
        else:
            flags += [word]
    return columns[COLUMNS - 2], flags, options


def _words(text: str) -> Iterator[str]:
    """Parted at blanks, but not inside of braces."""
    word = ""
    for part in text.split():
        word = f"{word} {part}" if word else part
        if word.count("{") <= word.count("}"):
            yield word
            word = ""
    if word:
        yield word


def _name(option: str) -> str:
    """Of `name=value` or `{ name = value }`."""
    return option.lstrip("{ ").partition("=")[0].strip()
