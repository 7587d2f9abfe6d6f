"""Addresses of hosts by name, for servers that are named and not numbered in the directory.

Owns the look-ups in the hosts file and the DNS, their deadlines, and what is remembered of them.  Its rule: a
DNS that fails takes nothing away, the last good answer stands until there is another.  Must not know sites.
For one thread.  Known limits: the hosts file comes first, although smtp(8) does not read it by default
(`smtp_host_lookup`); no search domains, as in smtp(8).
"""

import ipaddress
import logging
import time
from collections.abc import Callable
from pathlib import Path

import dns.exception
import dns.rdatatype
import dns.resolver
import msgspec

log = logging.getLogger(__name__)

HOSTS_FILE = Path("/etc/hosts")
QUERY_SECONDS = 2.0  # one question to one DNS server
TTL_LEAST = 5.0
TTL_MOST = 300.0  # a site that moves to another address is found out within this time, whatever the TTL
AGAIN_SECONDS = 15.0  # before a question that had no answer is asked again

Hosts = dict[str, tuple[str, ...]]


class _Known(msgspec.Struct, frozen=True):
    """The last good answer to a question, None if there was never one, and until when it stands unasked."""

    values: tuple[str, ...] | None = None
    expires: float = 0.0


class HostNames:
    """Resolves names, with a memory.  `resolver` makes a resolver from the system's configuration of now."""

    def __init__(
        self,
        hosts_file: Path = HOSTS_FILE,
        resolver: Callable[[], dns.resolver.Resolver] = dns.resolver.Resolver,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hosts_file = hosts_file
        self._make_resolver = resolver
        self._clock = clock
        self._known: dict[tuple[str, str], _Known] = {}
        self._failing: set[tuple[str, str]] = set()
        self._hosts: Hosts = {}
        self._hosts_version = (0, 0)

    def addresses(self, host: str, *, mx: bool, deadline: float) -> frozenset[str]:
        """The IP addresses of `host` in short form; empty if none are known, whatever the reason.

        With `mx`, those of its best mail exchangers if it has any (smtp(8) for a name without brackets).
        Never raises.  After `deadline`, seconds of `clock`, only what is remembered.
        """
        self._read_hosts()
        name = host.lower().rstrip(".")
        exchangers: tuple[str, ...] | None = (name,)
        if mx and name not in self._hosts:
            exchangers = self._records(name, "MX", deadline)
            if exchangers == ():
                exchangers = (name,)
        return frozenset(
            ipaddress.ip_address(address).compressed
            for exchanger in exchangers or ()
            for address in self._of_host(exchanger, deadline)
        )

    def _of_host(self, name: str, deadline: float) -> tuple[str, ...]:
        listed = self._hosts.get(name)
        if listed is not None:
            return listed
        return (self._records(name, "A", deadline) or ()) + (self._records(name, "AAAA", deadline) or ())

    def _records(self, name: str, kind: str, deadline: float) -> tuple[str, ...] | None:
        question = (name, kind)
        known = self._known.get(question, _Known())
        now = self._clock()
        if now < known.expires or now >= deadline:
            return known.values
        try:
            answer = self._question(name, kind, deadline - now)
            known = _Known(_values(answer), self._clock() + _lifetime(answer))
            self._note(question, "")
        except dns.resolver.NoAnswer:
            known = _Known((), self._clock() + AGAIN_SECONDS)
            self._note(question, "")
        except (dns.exception.DNSException, OSError, ValueError) as error:
            known = _Known(known.values, self._clock() + AGAIN_SECONDS)
            stands = "there never was one" if known.values is None else "the last good one stands"
            self._note(question, f"{stands}: {' '.join(str(error).split()) or type(error).__name__}")
        self._known[question] = known
        return known.values

    def _question(self, name: str, kind: str, seconds: float) -> dns.resolver.Answer:
        resolver = self._make_resolver()
        resolver.timeout = QUERY_SECONDS
        return resolver.resolve(f"{name}.", kind, lifetime=seconds, search=False)

    def _note(self, question: tuple[str, str], problem: str) -> None:
        """Logs the first of a row of failures, and their end."""
        if problem and question not in self._failing:
            self._failing.add(question)
            log.warning("%s %s: no answer, %s", *question, problem)
        elif not problem and question in self._failing:
            self._failing.discard(question)
            log.info("%s %s: answered again", *question)

    def _read_hosts(self) -> None:
        try:
            status = self._hosts_file.stat()
            version = (status.st_mtime_ns, status.st_size)
            if version != self._hosts_version:
                text = self._hosts_file.read_text(encoding="utf-8", errors="replace")
                self._hosts = parse_hosts(text)
                self._hosts_version = version
        except OSError:
            self._hosts = {}
            self._hosts_version = (0, 0)


def parse_hosts(text: str) -> Hosts:
    """The addresses of each name in lower case in a hosts(5) file; lines without an address are skipped."""
    hosts: dict[str, list[str]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        try:
            short = ipaddress.ip_address(address).compressed
        except ValueError:
            continue
        for name in names:
            hosts.setdefault(name.lower().rstrip("."), []).append(short)
    return {name: tuple(addresses) for name, addresses in hosts.items()}


def _values(answer: dns.resolver.Answer) -> tuple[str, ...]:
    """The addresses, or of exchangers the names of those with the best preference."""
    records = list(answer)
    if answer.rdtype != dns.rdatatype.MX:
        return tuple(record.address for record in records)
    best = min(record.preference for record in records)
    names = (record.exchange for record in records if record.preference == best)
    return tuple(name.to_text().lower().rstrip(".") for name in names)


def _lifetime(answer: dns.resolver.Answer) -> float:
    return min(max(float(answer.chaining_result.minimum_ttl), TTL_LEAST), TTL_MOST)
