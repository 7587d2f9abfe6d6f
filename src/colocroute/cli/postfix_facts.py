"""What this machine's Postfix and file system say that bears on whether Postfix reaches our sockets.

Owns the asking; changes nothing.  Must not know what is right.

Limit: access control lists are not seen.
"""

import os
import pwd
import stat
from pathlib import Path

import msgspec

from colocroute.cli.maincf import Maincf
from colocroute.cli.wiring_model import Installed
from colocroute.errors import TemporaryError


class Account(msgspec.Struct, frozen=True):
    """A user of the system, with all groups."""

    name: str
    uid: int
    groups: frozenset[int]


class Node(msgspec.Struct, frozen=True):
    """A directory on the way to a socket, or the socket itself."""

    path: str
    mode: int
    uid: int
    gid: int


class PostfixFacts(msgspec.Struct, frozen=True):
    """The Postfix of this machine; `parameters` are those that main.cf sets, `account` its mail_owner."""

    installed: Installed
    parameters: dict[str, str]
    recipient_delimiter: str
    account: Account | None


class _Maincf(Maincf):
    def facts(self) -> PostfixFacts:
        own = self._values("-x", "recipient_delimiter", "mail_owner")
        return PostfixFacts(
            installed=self.installed(),
            parameters=self._values("-n", "-x"),
            recipient_delimiter=own["recipient_delimiter"],
            account=account(own["mail_owner"]),
        )


def read_postfix(directory: Path | None) -> PostfixFacts | None:
    """The Postfix whose main.cf is in `directory`, or the default one; None if no Postfix is installed.

    Raises `ColocrouteError` with what postconf says if there is one and it cannot be read, or none and a
    directory was named.
    """
    try:
        maincf = _Maincf(directory)
    except TemporaryError:
        if directory is not None:
            raise
        return None
    return maincf.facts()


def account(name: str) -> Account | None:
    """The account of this name, None if there is none."""
    try:
        found = pwd.getpwnam(name)
        groups = os.getgrouplist(name, found.pw_gid)
    except (KeyError, OSError):
        return None
    return Account(name, found.pw_uid, frozenset(groups))


def nodes(socket: str) -> tuple[Node, ...]:
    """The directories from the root to a socket and the socket, as far as they exist.

    The last has the path of the socket if that exists.
    """
    path = Path(os.path.realpath(socket))
    found: list[Node] = []
    for each in (*reversed(path.parents), path):
        try:
            status = each.stat()
        except OSError:
            break
        shown = socket if each == path else str(each)
        found.append(Node(shown, status.st_mode, status.st_uid, status.st_gid))
    return tuple(found)


def is_absent(socket: str) -> bool:
    """Whether there is certainly no socket of this path: nothing at all, or something else."""
    try:
        return not stat.S_ISSOCK(Path(socket).stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
