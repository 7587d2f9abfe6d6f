"""What is wrong between this machine's Postfix and the service: sockets, the delimiter, the lists of domains.

Owns these checks.  Pure: what Postfix and the file system say comes in.

Limits: domains are compared only where main.cf has them as `colocroute postconf` writes lists, and of the
policy service only the entry that it writes.  A table of another listener may be somebody else's, so it is
told only if nobody can be listening there; of tcp tables nothing is.
"""

import re
import stat
from collections.abc import Callable, Collection, Iterator
from pathlib import PurePosixPath

import msgspec

from colocroute.cli.domains import forms
from colocroute.cli.finding import Finding, Level, finding
from colocroute.cli.postfix_facts import Account, Node, PostfixFacts
from colocroute.cli.wiring_policy import our_endpoint
from colocroute.routing.address import fold_domain

ASKERS = {
    "virtual_alias_maps": ("smtpd", "cleanup"),
    "canonical_maps": ("cleanup",),
    "transport_maps": ("trivial-rewrite",),
    "virtual_alias_domains": ("trivial-rewrite",),
    "virtual_mailbox_domains": ("trivial-rewrite",),
    "relay_domains": ("trivial-rewrite",),
    "mydestination": ("trivial-rewrite", "smtpd"),
    "smtp_generic_maps": ("smtp",),
}
"""Which commands open the tables of a parameter (POSTFIX.md section 1); of all others, smtpd(8)."""

DOMAIN_LISTS = ("mydestination", "virtual_alias_domains", "virtual_mailbox_domains", "relay_domains")

_reference = re.compile(r"(?P<proxy>proxy:)?(?P<table>socketmap:)?unix:(?P<path>[^\s,:{}]+)")


class Reference(msgspec.Struct, frozen=True):
    """Where main.cf names a socket, of a `table` or else; `spelled` as it stands there, `path` in full."""

    parameter: str
    path: str
    spelled: str
    proxied: bool
    table: bool


def references(postfix: PostfixFacts) -> tuple[Reference, ...]:
    """All places in main.cf that name a unix socket."""
    queue = PurePosixPath(postfix.installed.queue_directory)
    return tuple(
        Reference(name, str(queue / match["path"]), match["path"], bool(match["proxy"]), bool(match["table"]))
        for name, value in postfix.parameters.items()
        for match in _reference.finditer(value)
    )


def check_delimiter(ours: str, postfix: PostfixFacts) -> Iterator[Finding]:
    """`routing.recipient_delimiter` and main.cf's: each is a set of characters."""
    theirs = postfix.recipient_delimiter
    if set(ours) != set(theirs):
        message = f"it is {ours!r}, and recipient_delimiter of main.cf is {theirs!r}"
        yield finding("delimiter-mismatch", "routing.recipient_delimiter", message)


def check_domains(
    public: Collection[str], sites: Collection[str], listeners: Collection[str], postfix: PostfixFacts
) -> Iterator[Finding]:
    """The lists of main.cf, if it asks one of `listeners` at all: they are as old as their last writing."""
    asked = any(listener in postfix.parameters.get("transport_maps", "") for listener in listeners)
    lists = {name: _words(postfix.parameters.get(name, "")) for name in DOMAIN_LISTS}
    listed = frozenset().union(*lists.values())
    if (
        not asked
        or not sites
        or not lists["relay_domains"]
        or any(":" in one or "/" in one for one in listed)
    ):
        return
    for domain in sorted({*public, *sites}):
        missing = [form for form in forms(domain) if form not in listed]
        if missing:
            kind = "site" if domain in sites else "public"
            which = "it" if domain in missing else f"the form {missing[0]}"
            message = (
                f"it is a {kind} domain, and no list of main.cf has {which}: mail is refused, or goes astray"
            )
            yield finding("unlisted-domain", domain, message)
    for name in ("virtual_alias_domains", "relay_domains"):
        for domain in sorted(one for one in lists[name] if fold_domain(one) not in {*public, *sites}):
            message = f"{name} has it, and it is neither a public nor a site domain: its mail is not taken"
            yield finding("obsolete-domain", domain, message)


def check_policy(listeners: Collection[str], postfix: PostfixFacts) -> Iterator[Finding]:
    """Whether our policy entry of main.cf leads to one of `listeners`: from any other, Postfix hears nothing."""
    endpoint = our_endpoint(postfix.parameters.get("smtpd_recipient_restrictions", ""))
    queue = postfix.installed.queue_directory
    if endpoint and _place(endpoint, queue) not in {_place(listener, queue) for listener in listeners}:
        message = "main.cf asks the policy service there, and listen.policy has it not: all mail is deferred"
        yield finding("policy-unreachable", endpoint, message)


def check_tables(
    sockets: Collection[str], is_absent: Callable[[str], bool], postfix: PostfixFacts
) -> Iterator[Finding]:
    """Whether main.cf has tables on a socket that is none of ours and does not exist, as a former one of ours."""
    asking: dict[str, set[str]] = {}
    for name in references(postfix):
        if name.table and name.path not in sockets:
            asking.setdefault(name.path, set()).add(name.parameter)
    for path, parameters in asking.items():
        if is_absent(path):
            message = (
                f"there is no socket, and main.cf has tables there: {_list(parameters)}; mail is deferred"
            )
            remedy = (
                "run 'colocroute postconf --apply' and 'postfix reload' if it was in listen.socketmap; if it is "
                "another service, start that"
            )
            yield finding("socket-unreachable", path, message, remedy=remedy)


def check_chroot(sockets: Collection[str], postfix: PostfixFacts) -> Iterator[Finding]:
    """Whether main.cf names our sockets so that a chrooted process finds them."""
    installed = postfix.installed
    for socket in sockets:
        lost = {
            f"{name.parameter} ({asker})"
            for name in references(postfix)
            if name.path == socket and not name.proxied and name.spelled.startswith("/")
            for asker in ASKERS.get(name.parameter, ("smtpd",))
            if asker in installed.chrooted
        }
        if lost:
            message = f"it is not in the chroot {installed.queue_directory} of those who ask: {_list(lost)}"
            remedy = (
                "run 'colocroute postconf --apply', or listen below the chroot and name it relative to that"
            )
            yield finding("socket-unreachable", socket, message, remedy=remedy)


def check_permission(socket: str, nodes: tuple[Node, ...], postfix: PostfixFacts) -> Iterator[Finding]:
    """Whether Postfix may connect to a socket that exists; a warning if main.cf does not name it."""
    account = postfix.account
    if account is None or not account.uid:
        return
    wired = any(name.path == socket for name in references(postfix))
    for node in nodes:
        if not allows(node, account):
            what = "connect to it" if stat.S_ISSOCK(node.mode) else f"enter {node.path}"
            message = f"the user {account.name} may not {what} (mode {stat.S_IMODE(node.mode):04o})"
            remedy = (
                f"set listen.socket_group to a group of {account.name}, and let that enter the directories"
            )
            level: Level = "error" if wired else "warning"
            yield finding("socket-unreachable", socket, message, remedy=remedy, level=level)
            return


def check_presence(socket: str, nodes: tuple[Node, ...]) -> Iterator[Finding]:
    """Whether a running service has its socket."""
    if not nodes or not stat.S_ISSOCK(nodes[-1].mode):
        remedy = "restart the service"
        yield finding("socket-unreachable", socket, "the service runs, and it is not there", remedy=remedy)


def allows(node: Node, account: Account) -> bool:
    """Whether an account may pass through a directory, or write to a socket."""
    wanted = stat.S_IWOTH if stat.S_ISSOCK(node.mode) else stat.S_IXOTH
    if node.uid == account.uid:
        return bool(node.mode & wanted << 6)
    if node.gid in account.groups:
        return bool(node.mode & wanted << 3)
    return bool(node.mode & wanted)


def _place(endpoint: str, queue: str) -> str:
    """What tells two endpoints apart: the full path, or the port, as a host has several names."""
    if endpoint.startswith("unix:"):
        return str(PurePosixPath(queue) / endpoint.removeprefix("unix:"))
    return endpoint.rpartition(":")[2]


def _words(text: str) -> frozenset[str]:
    return frozenset(word.lower() for word in re.split(r"[\s,]+", text) if word)


def _list(texts: Collection[str]) -> str:
    return ", ".join(sorted(texts))
