"""Which of our listeners Postfix is told of, and how its processes find them.

Owns the choice among several: the first that is reached without a detour.  Pure.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath

from colocroute.cli.wiring_model import Installed

ASKING = frozenset({"smtpd", "cleanup", "trivial-rewrite"})
"""The commands of master.cf that ask maps and may be chrooted; our own outbound service is not."""


def is_hidden(socketmap: str, installed: Installed) -> bool:
    """Whether some who ask cannot see a listener, so that all ask through proxymap(8)."""
    return socketmap.startswith("unix:") and bool(installed.chrooted & ASKING)


def choose_socketmap(listeners: Sequence[str], installed: Installed) -> str:
    """One of `listeners`, of which there is at least one."""
    return next((one for one in listeners if not is_hidden(one, installed)), listeners[0])


def choose_policy(listeners: Sequence[str], installed: Installed) -> str:
    """One of `listeners`, one that cannot be reached if there is no other; empty if there is none."""
    reached = (one for one in listeners if policy_endpoint(one, installed))
    return next(reached, listeners[0] if listeners else "")


def policy_endpoint(policy: str, installed: Installed) -> str:
    """The policy listener as smtpd(8) finds it, empty if there is none or it cannot.

    A path below the queue directory is given relative to it, which is right inside the chroot and outside.
    """
    scheme, _, path = policy.partition(":")
    if scheme != "unix":
        return policy
    queue, socket = PurePosixPath(installed.queue_directory), PurePosixPath(path)
    if socket.is_relative_to(queue):
        return f"unix:{socket.relative_to(queue)}"
    return "" if "smtpd" in installed.chrooted else policy
