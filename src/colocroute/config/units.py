"""Units of the configuration: durations, socket modes and socket addresses, to values and back.

Owns their spelling.  Each `parse_*` takes the text of the file and raises `ValueError` with what is wrong;
each `show_*` gives the shortest text that parses to the same value.  Does no I/O: a host name is not resolved
and a path is not looked at.  Limits: a duration is one whole number with one unit.
"""

import ipaddress
import re

import msgspec

MICROSECONDS = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}
# sockaddr_un.sun_path is 108 bytes with its NUL (unix(7)).
MAX_UNIX_PATH = 107
MAX_PORT = 65535

_DURATION = re.compile(r"([0-9]{1,9})(us|ms|s|m|h|d)")
_MODE = re.compile(r"0?[0-7]{3}")
_INET = re.compile(r"(\[[^\[\]]+\]|[^\[\]:\s]+):([0-9]{1,5})")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")


class UnixAddress(msgspec.Struct, frozen=True):
    """A socket in the file system; `path` is absolute."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


class InetAddress(msgspec.Struct, frozen=True):
    """A TCP socket; `host` is an IP address without brackets or a host name in lower case."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"inet:{show_endpoint(self)}"


Address = UnixAddress | InetAddress


def parse_duration(text: str) -> float:
    """`"50us"`, `"5s"`, `"5m"`, `"24h"`, `"30d"` as seconds."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{quote(text)} is not a duration")
    return int(match[1]) * MICROSECONDS[match[2]] / 1_000_000


def show_duration(seconds: float) -> str:
    """`seconds` in the largest unit that divides it; exact to the microsecond."""
    total = round(seconds * 1_000_000)
    if total == 0:
        return "0s"
    unit = next(name for name in ("d", "h", "m", "s", "ms", "us") if total % MICROSECONDS[name] == 0)
    return f"{total // MICROSECONDS[unit]}{unit}"


def parse_mode(text: str) -> int:
    """`"0660"` as permission bits."""
    if _MODE.fullmatch(text) is None:
        raise ValueError(f"{quote(text)} is not an octal mode")
    return int(text, 8)


def show_mode(mode: int) -> str:
    """Permission bits as four octal digits."""
    return f"{mode:04o}"


def parse_address(text: str) -> Address:
    """`unix:PATH` with an absolute path, or `inet:HOST:PORT`."""
    scheme, _, rest = text.partition(":")
    if scheme == "unix":
        return _parse_unix(rest)
    if scheme == "inet":
        return parse_endpoint(rest)
    raise ValueError(f"{quote(text)} is not a socket address")


def parse_endpoint(text: str) -> InetAddress:
    """`HOST:PORT`, an IPv6 address in brackets."""
    match = _INET.fullmatch(text)
    if match is None:
        raise ValueError(f"{quote(text)} is not HOST:PORT")
    port = int(match[2])
    if not 1 <= port <= MAX_PORT:
        raise ValueError(f"port {port} of {quote(text)} is not between 1 and {MAX_PORT}")
    return InetAddress(_parse_host(match[1]), port)


def show_endpoint(address: InetAddress) -> str:
    """`HOST:PORT` with brackets where the host has colons."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{host}:{address.port}"


def is_loopback(host: str) -> bool:
    """Whether a host, as written, is this machine only; names other than `localhost` are not looked up."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def quote(text: str) -> str:
    """`text` in double quotes on one line, shortened, for an error message."""
    shown = text if len(text) <= 80 else text[:77] + "..."
    return '"' + shown.encode("unicode_escape").decode("ascii").replace('"', '\\"') + '"'


def _parse_unix(path: str) -> UnixAddress:
    if not path.startswith("/"):
        raise ValueError(f"{quote(path)} is not an absolute path")
    if "\0" in path:
        raise ValueError(f"{quote(path)} has a NUL character")
    if len(path.encode("utf-8", "surrogateescape")) > MAX_UNIX_PATH:
        raise ValueError(f"{quote(path)} is longer than the {MAX_UNIX_PATH} bytes a socket path may have")
    return UnixAddress(path)


def _parse_host(text: str) -> str:
    """A host as written between `inet:` and the port, normalised."""
    if text.startswith("["):
        try:
            return ipaddress.IPv6Address(text[1:-1]).compressed
        except ValueError:
            raise ValueError(f"{quote(text)} is not an IPv6 address") from None
    try:
        return ipaddress.IPv4Address(text).compressed
    except ValueError:
        pass
    if _HOST.fullmatch(text) is None or re.fullmatch(r"[0-9.]+", text):
        raise ValueError(f"{quote(text)} is not a host")
    return text.lower().rstrip(".")
