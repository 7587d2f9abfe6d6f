"""Where a directory is: `ldapi://`, `ldap://`, `ldaps://` and `ldif:` addresses.

Owns their syntax.  Must not know how to connect, nor resolve names.

Known limit: the parts of an LDAP URL behind the host (DN, attributes, filter: RFC 4516) are refused, because
they have keys of their own in the configuration.
"""

import ipaddress
from urllib.parse import quote, unquote

import msgspec

DEFAULT_SOCKET = "/run/slapd/ldapi"  # Debian's slapd: LDAPI_SOCK
DEFAULT_PORTS = {"ldap": 389, "ldaps": 636}  # RFC 4516; IANA
FORMS = "ldapi:///path, ldap://host:port, ldaps://host:port or ldif:/path"


class Uri(msgspec.Struct, frozen=True):
    """One address.  `path` is set for `ldapi` and `ldif`, `host` (IPv6 without brackets) and `port` else."""

    scheme: str
    text: str
    """As the operator wrote it, for messages."""
    host: str = ""
    port: int = 0
    path: str = ""

    @property
    def canonical(self) -> str:
        """The same address in the form that every LDAP library understands."""
        if self.scheme == "ldapi":
            return f"ldapi://{quote(self.path, safe='')}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def parse(text: str) -> Uri:
    """The address that `text` names.  Raises ValueError with a line that says what is wrong."""
    scheme, colon, rest = text.strip().partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in {"ldapi", "ldap", "ldaps", "ldif"}:
        raise ValueError(f"{text!r} is not a directory address: expected {FORMS}")
    if scheme == "ldif":
        return Uri(scheme, text, path=_ldif_path(text, rest))
    if not rest.startswith("//"):
        raise ValueError(f"{text!r}: expected {scheme}:// (one of {FORMS})")
    if scheme == "ldapi":
        return Uri(scheme, text, path=_socket_path(text, rest[2:]))
    host, port = _host_and_port(text, rest[2:].removesuffix("/"))
    return Uri(scheme, text, host=host, port=port or DEFAULT_PORTS[scheme])


def is_loopback(address: str) -> bool:
    """Whether this literal IP address is one of the loopback; False for a host name."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


def is_address(host: str) -> bool:
    """Whether `host` is a literal IP address rather than a name."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _ldif_path(text: str, rest: str) -> str:
    path = rest.removeprefix("//")
    if not path or path.endswith("/") or "\0" in path:
        raise ValueError(f"{text!r} names no file: expected ldif:/path/users.ldif")
    return path


def _socket_path(text: str, rest: str) -> str:
    if rest in {"", "/"}:
        return DEFAULT_SOCKET
    path = unquote(rest)
    if not rest.startswith("/"):  # the socket is the percent-encoded "host", and then nothing may follow
        if "/" in rest.removesuffix("/"):
            raise ValueError(f"{text!r}: nothing may follow the socket (the base is directory.base)")
        path = unquote(rest.removesuffix("/"))
    if not path.startswith("/") or "\0" in path or "?" in rest:
        raise ValueError(f"{text!r}: expected ldapi:///path/of/socket or ldapi://%2Fpath%2Fof%2Fsocket")
    return path


def _host_and_port(text: str, rest: str) -> tuple[str, int]:
    if any(char in rest for char in "/?#"):
        raise ValueError(f"{text!r}: only host and port are allowed here (the base is directory.base)")
    host, port = rest, ""
    if rest.startswith("["):
        host, bracket, port = rest[1:].partition("]")
        if not bracket or not is_address(host) or (port and not port.startswith(":")):
            raise ValueError(f"{text!r}: expected an IPv6 address in brackets, like ldap://[::1]:389")
    elif ":" in rest:
        host, _, port = rest.partition(":")
        port = f":{port}"
    bad = any(char.isspace() or char in "@[]:%\\\0" for char in host)
    if not host or (bad and not is_address(host)):
        raise ValueError(f"{text!r}: {host!r} is not a host name")
    if not port:
        return host, 0
    digits = port[1:]
    if not (digits.isascii() and digits.isdigit() and 0 < int(digits) < 65536):
        raise ValueError(f"{text!r}: {digits!r} is not a port between 1 and 65535")
    return host, int(digits)
