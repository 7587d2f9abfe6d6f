"""Exceptions, by who is to blame.  A wrong answer is never an exception: see `model.Answer`.

Every message is one line for a person: what, where, and what to do if that is known.
"""


class ColocrouteError(Exception):
    """Base of all exceptions of this package; its text may be shown to a user as it is."""


class UsageError(ColocrouteError):
    """The command line is wrong (exit 64)."""


class ConfigError(ColocrouteError):
    """The configuration is wrong (exit 78); `mistakes` has one line for each mistake."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class PeerError(ColocrouteError):
    """The client broke the protocol: close its connection, one log line."""


class DirectoryError(ColocrouteError):
    """The directory failed or lied: keep the mirror, close, back off, try again."""


class CookieRefusedError(DirectoryError):
    """LDAP result 53 or 4096, or what comes does not fit the mirror: forget the cookie and refresh in full.

    RFC 4533, 3.3.2 and 3.13.
    """


class DirectoryBehindError(DirectoryError):
    """The directory has not reached our position (a restored backup, or a replica that lags): wait for it first."""


class SyncUnsupportedError(DirectoryError):
    """LDAP result 12, or no such control: the server has no syncprov; poll it."""


class StoreError(ColocrouteError):
    """The mirror cannot be read or written (disk full, damage, permission)."""


class MirrorDamagedError(StoreError):
    """The mirror contradicts itself; the next one who opens it for writing sets it aside and starts anew."""


class MirrorLostError(ColocrouteError):
    """The mirror's files are gone or replaced under its writer: whoever writes next starts with what is there."""


class TemporaryError(ColocrouteError):
    """A command needs something that is not there now, the daemon for instance (exit 75)."""
