"""A tiny DNS server on the loopback: answers A, AAAA and MX from a table, or refuses, or stays silent.

Owns one UDP socket and one thread.  The table may be changed while it runs; `queries` counts what was asked.
"""

import socket
import threading
from collections import Counter
from types import TracebackType

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset

Records = dict[tuple[str, str], list[str]]


class DnsServer:
    """`records` maps (name, type) to values; a name without any record is NXDOMAIN.

    `failure` is None, an rcode name such as `SERVFAIL`, or `silent`; `failing_types` restricts it.
    """

    def __init__(self, records: Records | None = None) -> None:
        self.records: Records = dict(records or {})
        self.ttl = 60
        self.failure: str | None = None
        self.failing_types: frozenset[str] = frozenset()
        self.queries: Counter[tuple[str, str]] = Counter()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def resolver(self) -> dns.resolver.Resolver:
        """A resolver that asks this server and no other."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = self.port
        return resolver

    def __enter__(self) -> "DnsServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            packet, peer = self._socket.recvfrom(4096)
            if not packet:
                return
            reply = self._reply(dns.message.from_wire(packet))
            if reply is not None:
                self._socket.sendto(reply.to_wire(), peer)

    def _reply(self, query: dns.message.Message) -> dns.message.Message | None:
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.queries[name, kind] += 1
        reply = dns.message.make_response(query, recursion_available=True)
        if self.failure is not None and (not self.failing_types or kind in self.failing_types):
            if self.failure == "silent":
                return None
            reply.set_rcode(dns.rcode.from_text(self.failure))
            return reply
        values = self.records.get((name, kind), [])
        if values:
            reply.answer.append(dns.rrset.from_text(question.name, self.ttl, "IN", kind, *values))
        elif not any(known == name for known, _ in self.records):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply
