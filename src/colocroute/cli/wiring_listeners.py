"""Which of our listeners Postfix is told of, and how its processes find them.

Owns the choice among several: the first that is reached without a detour.  Pure.
"""

import ipaddress
import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from colocroute.cli.wiring_model import Installed
from colocroute.config.units import InetAddress, parse_address

ASKING = frozenset({"smtpd", "cleanup", "trivial-rewrite"})
"""The commands of master.cf that ask maps and may be chrooted; our own outbound service is not."""


def is_hidden(socketmap: str, installed: Installed) -> bool:
    """Whether some who ask cannot see a listener, so that all ask through proxymap(8)."""
    return socketmap.startswith("unix:") and bool(installed.chrooted & ASKING)


def is_cut_off(listener: str, installed: Installed) -> bool:
    """Whether inet_protocols keeps all of Postfix from a listener."""
    address = parse_address(listener)
    protocols = re.split(r"[\s,]+", installed.protocols.lower())
    if not isinstance(address, InetAddress) or "all" in protocols:
        return False
    try:
        return f"ipv{ipaddress.ip_address(address.host).version}" not in protocols
    except ValueError:
        return False


def choose_socketmap(listeners: Sequence[str], installed: Installed) -> str:
    """One of `listeners`, of which there is at least one."""
    reached = [one for one in listeners if not is_cut_off(one, installed)]
    plain = (one for one in reached if not is_hidden(one, installed))
    return next(plain, (reached or listeners)[0])


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
        return "" if not policy or is_cut_off(policy, installed) else policy
    queue, socket = PurePosixPath(installed.queue_directory), PurePosixPath(path)
    if socket.is_relative_to(queue):
        return f"unix:{socket.relative_to(queue)}"
    return "" if "smtpd" in installed.chrooted else policy
