"""Which settings go together: the checks that need more than one key.

Owns `broken_rules`.  Each rule names the keys that it cannot do without, and is not applied if one of them is
already known to be wrong, so that one mistake is reported once, and no other is hidden by it.  Looks at the
file system for one thing only: that files named in the configuration can be read, if it is for the service.
"""

import os
import stat
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from colocroute.config.settings import NOT_YET, Config, Listen
from colocroute.config.sources import Directory
from colocroute.config.units import Address, UnixAddress, is_loopback, parse_address, parse_endpoint


class Mistake(msgspec.Struct, frozen=True):
    """One thing that is wrong: where (`section.key`, `section`, or empty for the whole file) and what."""

    name: str
    text: str


Rule = Callable[[Config], Iterator[Mistake]]


def bind(config: Config) -> Iterator[Mistake]:
    """A name and its password come together, where there is something to log in to."""
    directory = config.directory
    if _is_ldif(config):
        return
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


def ldif_alone(config: Config) -> Iterator[Mistake]:
    """An LDIF file is the only directory."""
    if _is_ldif(config) and len(config.directory.uri) > 1:
        yield Mistake(
            "directory.uri", "an ldif: file must be the only directory, remove the others or the file"
        )


def ldif(config: Config, key: str) -> Iterator[Mistake]:
    """An LDIF file has nothing to log in to and nothing to follow."""
    value = getattr(config.directory, key)
    if _is_ldif(config) and value != getattr(Directory(), key):
        shown = f'"{value}" ' if key == "mode" else ""
        yield Mistake(f"directory.{key}", f"{shown}has no meaning with an ldif: file, remove it")


def files(config: Config, key: str) -> Iterator[Mistake]:
    """The files that are named can be read."""
    for name, path, problem in missing_files(config):
        if name == f"directory.{key}":
            yield Mistake(name, f"{path} {problem}, name a file that can be read")


def missing_files(config: Config) -> Iterator[tuple[str, Path, str]]:
    """The files that are named and cannot be read by this process: the key, the path and the reason."""
    for key in FILES:
        path = getattr(config.directory, key)
        problem = _file_problem(Path(path)) if path else ""
        if problem:
            yield f"directory.{key}", Path(path), problem


def something(config: Config) -> Iterator[Mistake]:
    """There is something to listen on."""
    if not list(_listeners(config)):
        yield Mistake(
            "listen", "nothing to listen on, set listen.socketmap, listen.tcp_table or listen.policy"
        )


def listeners(config: Config) -> Iterator[Mistake]:
    """Nothing is listened on twice."""
    seen: dict[Address, str] = {}
    for name, address in _listeners(config):
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


NOT_FOR_LDIF = ("bind_dn", "bind_password_file", "ca_file", "mode")
FILES = ("ca_file", "bind_password_file")
GONE = "does not exist"
SOCKETS = ("listen.socketmap", "listen.tcp_table", "listen.policy", "listen.http")
URI, BIND_DN, PASSWORD = "directory.uri", "directory.bind_dn", "directory.bind_password_file"
RULES: tuple[tuple[Rule, tuple[str, ...]], ...] = (
    (bind, (BIND_DN, PASSWORD)),
    (plaintext_bind, (URI, BIND_DN, "directory.allow_plaintext_bind", "directory.start_tls")),
    (start_tls, (URI, "directory.start_tls")),
    (ldif_alone, (URI,)),
    *((partial(ldif, key=key), (URI, f"directory.{key}")) for key in NOT_FOR_LDIF),
    (something, SOCKETS),
    (listeners, ()),
    (remote, ("listen.allow_remote",)),
    (built, tuple(NOT_YET)),
)
RULES_OF_SERVICE: tuple[tuple[Rule, tuple[str, ...]], ...] = tuple(
    (partial(files, key=key), (f"directory.{key}",)) for key in FILES
)
"""What only those need who open a session with the directory: systemd's credentials last as long as the service."""


def broken_rules(config: Config, wrong: Collection[str], *, for_service: bool) -> Iterator[Mistake]:
    """The mistakes that several settings make together; `wrong` are the keys whose own value is no good."""
    config = _without_sockets(config, wrong)
    for rule, keys in (*RULES, *RULES_OF_SERVICE) if for_service else RULES:
        if not any(key in wrong for key in keys):
            yield from rule(config)


def _is_ldif(config: Config) -> bool:
    return any(uri.startswith("ldif:") for uri in config.directory.uri)


def _without_sockets(config: Config, wrong: Collection[str]) -> Config:
    """The configuration without the listeners of wrong keys, which have their defaults."""
    nothing = Listen(socketmap=())
    keys = [name.removeprefix("listen.") for name in SOCKETS if name in wrong]
    listen = msgspec.structs.replace(config.listen, **{key: getattr(nothing, key) for key in keys})
    return msgspec.structs.replace(config, listen=listen)


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
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return GONE
    except OSError as error:
        return f"cannot be looked at ({error.strerror})"
    if not stat.S_ISREG(mode):
        return "is not a file"
    return "" if os.access(path, os.R_OK) else "cannot be read by this user"
