"""The configuration of this machine's Postfix, read and changed through postconf(1).

Owns the running of postconf and what its output means.  Changes nothing but in `apply`.  Must not know which
values are right.
"""

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import msgspec

from colocroute.cli.wiring_earlier import LOOKED_AT
from colocroute.cli.wiring_model import Installed, Wiring
from colocroute.cli.wiring_outbound import OUTBOUND
from colocroute.errors import ColocrouteError, TemporaryError

SYSTEM_PATH = "/usr/sbin:/usr/local/sbin"  # not in the search path of every user
SECONDS = 30.0
EXPANDED = (
    "myhostname",
    "myorigin",
    "queue_directory",
    "compatibility_level",
    "smtp_fallback_relay",
    "inet_protocols",
)
NOT_CHROOTED_SINCE = (
    1,
)  # the compatibility_level from which `-` in master.cf means not chrooted (master(5))


class Change(msgspec.Struct, frozen=True):
    """A parameter or service that is not as wanted; `old` is empty unless the file itself has it."""

    name: str
    old: str
    new: str


class Maincf:
    """The Postfix whose main.cf is in `directory`, or the default one.

    Raises `TemporaryError` if there is no postconf, and every method `ColocrouteError` if it refuses.
    """

    def __init__(self, directory: Path | None = None) -> None:
        program = shutil.which("postconf") or shutil.which("postconf", path=SYSTEM_PATH)
        if program is None:
            raise TemporaryError("postconf: not found; is Postfix installed?")
        self._command = [program] if directory is None else [program, "-c", str(directory)]

    def installed(self) -> Installed:
        """What the choice of parameters depends on."""
        expanded = self._values("-x", *EXPANDED)
        plain = self._values(
            "parent_domain_matches_subdomains",
            "fast_flush_domains",
            "relay_transport",
            "virtual_transport",
            "smtpd_recipient_restrictions",
            "smtp_delivery_status_filter",
            "sender_dependent_default_transport_maps",
        )
        in_file = self._in_file()
        return Installed(
            hostname=expanded["myhostname"].lower(),
            origin=_origin(expanded["myorigin"]).lower(),
            queue_directory=expanded["queue_directory"],
            chrooted=self._chrooted(expanded["compatibility_level"]),
            protocols=expanded["inet_protocols"],
            proxy_read_maps=in_file.get("proxy_read_maps", ""),
            parent_matches=plain["parent_domain_matches_subdomains"],
            fast_flush=plain["fast_flush_domains"],
            relay_transport=plain["relay_transport"],
            virtual_transport=plain["virtual_transport"],
            recipient_restrictions=plain["smtpd_recipient_restrictions"],
            status_filter=plain["smtp_delivery_status_filter"],
            fallback_relay=expanded["smtp_fallback_relay"],
            sender_dependent=plain["sender_dependent_default_transport_maps"],
            outbound=self._service(f"{OUTBOUND}/unix"),
            earlier={name: in_file[name] for name in LOOKED_AT if name in in_file},
        )

    def changes(self, wiring: Wiring) -> tuple[Change, ...]:
        """What `apply` would change, parameters first."""
        parameters, service = wiring.parameters, wiring.service
        effective = self._values(*(parameter.name for parameter in parameters))
        in_file = self._in_file()
        changes = [
            Change(parameter.name, in_file.get(parameter.name, ""), parameter.value)
            for parameter in parameters
            if not _same(effective[parameter.name], parameter.value)
        ]
        entry = self._service(f"{service.name}/{service.type}")
        if not _same(entry, service.line):
            changes.append(Change(f"{service.name}/{service.type}", entry, service.line))
        return tuple(changes)

    def apply(self, wiring: Wiring, changes: Iterable[Change]) -> None:
        """Makes these changes and no other; Postfix takes them up at its next reload."""
        names = {change.name for change in changes}
        service = wiring.service
        if f"{service.name}/{service.type}" in names:
            self._run("-M", f"{service.name}/{service.type}={service.line}")
        settings = [f"{item.name}={item.value}" for item in wiring.parameters if item.name in names]
        if settings:
            self._run("-e", *settings)

    def _chrooted(self, level: str) -> frozenset[str]:
        """The commands of which at least one service of master.cf is chrooted."""
        fields = _assignments(self._run("-F", "*/*/chroot", "*/*/command"))
        by_default = _version(level) < NOT_CHROOTED_SINCE
        return frozenset(
            fields[f"{name.removesuffix('/chroot')}/command"].split()[0]
            for name, value in fields.items()
            if name.endswith("/chroot") and (value == "y" or (value == "-" and by_default))
        )

    def _service(self, name: str) -> str:
        """An entry of master.cf on one line, empty if there is none."""
        return " ".join(self._run("-M", name).split())

    def _in_file(self) -> dict[str, str]:
        return _assignments(self._run("-n"))

    def _values(self, *arguments: str) -> dict[str, str]:
        return _assignments(self._run(*arguments))

    def _run(self, *arguments: str) -> str:
        # Whatever the locale: main.cf is UTF-8 (SMTPUTF8_README).
        command: list[str | bytes] = [*self._command, *(argument.encode() for argument in arguments)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise TemporaryError(f"postconf: {error}") from error
        if done.returncode:
            said = " ".join(done.stderr.decode("utf-8", "replace").split())
            raise ColocrouteError(said or f"postconf: exit code {done.returncode}")
        return done.stdout.decode("utf-8", "replace")


def _assignments(output: str) -> dict[str, str]:
    lines = (line.partition("=") for line in output.splitlines() if "=" in line)
    return {name.strip(): value.strip() for name, _, value in lines}


def _same(old: str, new: str) -> bool:
    """Postfix parts lists at blanks and commas alike."""
    return re.split(r"[\s,]+", old.strip()) == re.split(r"[\s,]+", new.strip())


def _version(level: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", level))


def _origin(value: str) -> str:
    """Debian allows the name of a file whose first line is the value (/etc/mailname)."""
    if not value.startswith("/"):
        return value
    try:
        return (Path(value).read_text(errors="replace").splitlines() or [""])[0].strip()
    except OSError:
        return ""
