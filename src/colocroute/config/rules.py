"""Which settings go together: the checks that need more than one key.

Owns `broken_rules`.  Each rule names the keys it reads, and is not applied if one of them is already known to
be wrong, so that one mistake is reported once.  Looks at the file system for one thing only: that files named
in the configuration exist.  Limit: a file we may not look at counts as existing.
"""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from colocroute.config.settings import NOT_YET, Config
from colocroute.config.units import Address, UnixAddress, is_loopback, parse_address, parse_endpoint


class Mistake(msgspec.Struct, frozen=True):
    """One thing that is wrong: where (`section.key`, `section`, or empty for the whole file) and what."""

    name: str
    text: str


Rule = Callable[[Config], Iterator[Mistake]]


def bind(config: Config) -> Iterator[Mistake]:
    """A name and its password come together."""
    directory = config.directory
    if directory.bind_dn and not directory.bind_password_file:
        yield Mistake("directory.bind_dn", "a password is needed, set directory.bind_password_file too")
    if directory.bind_password_file and not directory.bind_dn:
        yield Mistake("directory.bind_password_file", "a password for nobody, set directory.bind_dn too")


def plaintext_bind(config: Config) -> Iterator[Mistake]:
    """No password crosses the network unencrypted unless the operator wants it so."""
    directory = config.directory
    if not directory.bind_dn or directory.allow_plaintext_bind or directory.start_tls:
        return
    for uri in directory.uri:
        parts = urlsplit(uri)
        if parts.scheme == "ldap" and not is_loopback(parts.hostname or ""):
            yield Mistake(
                "directory.uri",
                f"{uri} would send the password unencrypted, use ldaps:// or directory.start_tls = true, "
                "or accept it with directory.allow_plaintext_bind = true",
            )


def start_tls(config: Config) -> Iterator[Mistake]:
    """StartTLS is for `ldap://` alone."""
    for uri in config.directory.uri if config.directory.start_tls else ():
        scheme = urlsplit(uri).scheme
        if scheme != "ldap":
            yield Mistake("directory.start_tls", f"cannot be used with {scheme}: ({uri}), it is for ldap://")


def ldif(config: Config) -> Iterator[Mistake]:
    """An LDIF file stands alone and has nothing to log in to."""
    directory = config.directory
    if not any(uri.startswith("ldif:") for uri in directory.uri):
        return
    if len(directory.uri) > 1:
        yield Mistake(
            "directory.uri", "an ldif: file must be the only directory, remove the others or the file"
        )
    for key in ("bind_dn", "ca_file"):
        if getattr(directory, key):
            yield Mistake(f"directory.{key}", "has no meaning with an ldif: file, remove it")
    if directory.mode != "auto":
        yield Mistake("directory.mode", f'"{directory.mode}" has no meaning with an ldif: file, remove it')


def files(config: Config) -> Iterator[Mistake]:
    """The files that are named exist."""
    for key in ("ca_file", "bind_password_file"):
        path = getattr(config.directory, key)
        problem = _file_problem(Path(path)) if path else ""
        if problem:
            yield Mistake(f"directory.{key}", f"{path} {problem}, name an existing file")


def listeners(config: Config) -> Iterator[Mistake]:
    """There is something to listen on, nothing twice, and nothing remote by accident."""
    named = list(_listeners(config))
    if not named:
        yield Mistake(
            "listen", "nothing to listen on, set listen.socketmap, listen.tcp_table or listen.policy"
        )
    seen: dict[Address, str] = {}
    for name, address in named:
        if address in seen:
            yield Mistake(name, f"{address} is used by {seen[address]} too, choose another")
        seen.setdefault(address, name)


def remote(config: Config) -> Iterator[Mistake]:
    """A socket that others can reach is a decision."""
    for name, address in _listeners(config):
        if config.listen.allow_remote or isinstance(address, UnixAddress) or is_loopback(address.host):
            continue
        yield Mistake(
            name,
            f"{address} is not on the loopback and the protocol has no authentication, "
            "use 127.0.0.1 or set listen.allow_remote = true",
        )


def built(config: Config) -> Iterator[Mistake]:
    """What this version lacks is not silently ignored."""
    for name, reason in NOT_YET.items():
        section, _, key = name.partition(".")
        if getattr(getattr(config, section), key):
            yield Mistake(name, f"{reason}, remove it")


SOCKETS = ("listen.socketmap", "listen.tcp_table", "listen.policy", "listen.http")
URI, BIND_DN, PASSWORD = "directory.uri", "directory.bind_dn", "directory.bind_password_file"
RULES: tuple[tuple[Rule, tuple[str, ...]], ...] = (
    (bind, (BIND_DN, PASSWORD)),
    (plaintext_bind, (URI, BIND_DN, "directory.allow_plaintext_bind", "directory.start_tls")),
    (start_tls, (URI, "directory.start_tls")),
    (ldif, (URI, BIND_DN, "directory.ca_file", "directory.mode")),
    (files, ("directory.ca_file", PASSWORD)),
    (listeners, SOCKETS),
    (remote, (*SOCKETS, "listen.allow_remote")),
    (built, tuple(NOT_YET)),
)


def broken_rules(config: Config, wrong: Collection[str]) -> Iterator[Mistake]:
    """The mistakes that several settings make together; `wrong` are the keys whose own value is no good."""
    for rule, keys in RULES:
        if not any(key in wrong for key in keys):
            yield from rule(config)


def _listeners(config: Config) -> Iterator[tuple[str, Address]]:
    listen = config.listen
    for text in listen.socketmap:
        yield "listen.socketmap", parse_address(text)
    for text in listen.tcp_table.values():
        yield "listen.tcp_table", parse_endpoint(text)
    for text in listen.policy:
        yield "listen.policy", parse_address(text)
    if listen.http:
        yield "listen.http", parse_endpoint(listen.http)


def _file_problem(path: Path) -> str:
    try:
        return "" if path.is_file() else "is not a file" if path.exists() else "does not exist"
    except PermissionError:
        return ""
    except OSError as error:
        return f"cannot be looked at ({error.strerror})"
