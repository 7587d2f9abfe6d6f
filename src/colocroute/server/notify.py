"""What a service tells systemd about itself: sd_notify(3).

Owns the datagrams and the environment variables they depend on.  Rule: notifying never fails, because nothing
depends on it.  Must not know what the service is.
"""

import logging
import os
import socket
import time
from collections.abc import MutableMapping

log = logging.getLogger(__name__)


class Notifier:
    """Takes its variables out of the environment, so that no child speaks for the service."""

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        self._address = environment.pop("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):  # the abstract namespace
            self._address = "\0" + self._address[1:]
        self.watchdog_interval = _watchdog_interval(
            environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
        )
        """Seconds between two calls of `watchdog`; 0: nobody watches."""

    def ready(self, status: str) -> None:
        """The service serves, for the first time or after `reloading`."""
        self._send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """A new configuration is being taken up; `ready` ends it."""
        # Type=notify-reload wants the time at which it began, in microseconds of CLOCK_MONOTONIC.
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """The service ends."""
        self._send("STOPPING=1", "STATUS=stopping")

    def watchdog(self) -> None:
        """The service is alive."""
        self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            log.debug("NOTIFY_SOCKET: %s", error)


def _watchdog_interval(microseconds: str, pid: str) -> float:
    """Half of what systemd allows (sd_watchdog_enabled(3)); 0 if that is for another process or nobody."""
    if not microseconds.isdecimal() or (pid and pid != str(os.getpid())):
        return 0.0
    return int(microseconds) / 2_000_000
