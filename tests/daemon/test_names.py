"""Host names to addresses, against a real DNS server on the loopback that fails in every way."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path

import dns.resolver
import pytest

from colocroute.daemon.names import AGAIN_SECONDS, TTL_LEAST, TTL_MOST, HostNames, parse_hosts
from tests.lab.daemon import wait_for
from tests.lab.dns import DnsServer

MX1 = "mx1.central.test.tux"


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> Iterator[DnsServer]:
    with DnsServer({(MX1, "A"): ["10.1.0.1"], (MX1, "AAAA"): ["2001:db8:0::1"]}) as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def names(server: DnsServer, clock: Clock, tmp_path: Path) -> HostNames:
    return HostNames(tmp_path / "hosts", server.resolver, clock)


def ask(names: HostNames, clock: Clock, host: str = MX1, *, mx: bool = False) -> frozenset[str]:
    return names.addresses(host, mx=mx, deadline=clock() + 5.0)


def test_both_families_in_short_form(names: HostNames, clock: Clock) -> None:
    assert ask(names, clock, "MX1.Central.test.tux.") == {"10.1.0.1", "2001:db8::1"}


def test_an_answer_stands_for_its_ttl_within_bounds(
    names: HostNames, clock: Clock, server: DnsServer
) -> None:
    for ttl, stands in ((60, 60.0), (0, TTL_LEAST), (86400, TTL_MOST)):
        server.ttl = ttl
        clock.now += 2 * TTL_MOST
        server.queries.clear()
        ask(names, clock)
        clock.now += stands - 0.1
        ask(names, clock)
        assert server.queries[MX1, "A"] == 1
        clock.now += 0.2
        ask(names, clock)
        assert server.queries[MX1, "A"] == 2


def test_a_changed_address_is_taken(names: HostNames, clock: Clock, server: DnsServer) -> None:
    ask(names, clock)
    server.records = {(MX1, "A"): ["10.1.0.9"]}
    clock.now += 61
    assert ask(names, clock) == {"10.1.0.9"}


@pytest.mark.parametrize("failure", ["SERVFAIL", "REFUSED", "NXDOMAIN"])
def test_a_failing_dns_takes_nothing_away(
    names: HostNames, clock: Clock, server: DnsServer, failure: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = ask(names, clock)
    server.failure = failure
    for _ in range(5):
        clock.now += 61
        assert ask(names, clock) == before
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2, "once for A, once for AAAA"
    assert all("no answer, the last good one stands: " in text for text in caplog.messages)
    server.failure = None
    server.records = {(MX1, "A"): ["10.1.0.9"]}
    clock.now += 61
    assert ask(names, clock) == {"10.1.0.9"}


def test_one_family_failing_leaves_the_other_current(
    names: HostNames, clock: Clock, server: DnsServer
) -> None:
    ask(names, clock)
    server.failure, server.failing_types = "SERVFAIL", frozenset({"AAAA"})
    server.records[MX1, "A"] = ["10.1.0.9"]
    clock.now += 61
    assert ask(names, clock) == {"10.1.0.9", "2001:db8::1"}


def test_where_there_never_was_an_answer_it_says_so(
    names: HostNames, clock: Clock, server: DnsServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.failure = "SERVFAIL"
    assert ask(names, clock) == frozenset()
    assert len(caplog.messages) == 2
    assert all("no answer, there never was one: " in text for text in caplog.messages)


@pytest.mark.parametrize("failure", ["SERVFAIL", None])
def test_no_answer_is_remembered_briefly(
    names: HostNames, clock: Clock, server: DnsServer, failure: str | None
) -> None:
    server.records.clear()
    server.failure = failure
    assert ask(names, clock) == frozenset()
    asked = server.queries.total()
    clock.now += AGAIN_SECONDS - 0.1
    assert ask(names, clock) == frozenset()
    assert server.queries.total() == asked
    server.failure = None
    server.records[MX1, "A"] = ["10.1.0.1"]
    clock.now += 0.2
    assert ask(names, clock) == {"10.1.0.1"}


def test_a_silent_server_is_given_up_at_the_deadline(server: DnsServer, tmp_path: Path) -> None:
    server.failure = "silent"
    names = HostNames(tmp_path / "hosts", server.resolver)
    started = time.monotonic()
    assert names.addresses(MX1, mx=True, deadline=started + 1.0) == frozenset()
    assert time.monotonic() - started < 10.0
    wait_for(lambda: server.queries.total() > 0, "the question to arrive")
    assert server.queries.total() == 1, "nothing is asked after the deadline"


def test_after_the_deadline_only_memory(names: HostNames, clock: Clock, server: DnsServer) -> None:
    before = ask(names, clock)
    clock.now += 1000
    assert names.addresses(MX1, mx=False, deadline=clock()) == before
    assert names.addresses("other.test.tux", mx=False, deadline=clock()) == frozenset()
    assert server.queries["other.test.tux", "A"] == 0


def test_the_best_exchangers_count(names: HostNames, clock: Clock, server: DnsServer) -> None:
    server.records = {
        ("central.test.tux", "MX"): ["10 a.test.tux.", "10 b.test.tux.", "20 backup.test.tux."],
        ("central.test.tux", "A"): ["10.9.9.9"],
        ("a.test.tux", "A"): ["10.1.0.1"],
        ("b.test.tux", "A"): ["10.1.0.2"],
        ("backup.test.tux", "A"): ["10.3.0.1"],
    }
    assert ask(names, clock, "central.test.tux", mx=True) == {"10.1.0.1", "10.1.0.2"}
    assert ask(names, clock, "central.test.tux") == {"10.9.9.9"}


def test_without_exchanger_the_host_itself(names: HostNames, clock: Clock) -> None:
    assert ask(names, clock, mx=True) == {"10.1.0.1", "2001:db8::1"}


def test_an_unanswered_question_for_exchangers_is_not_taken_for_none(
    names: HostNames, clock: Clock, server: DnsServer
) -> None:
    server.failure, server.failing_types = "SERVFAIL", frozenset({"MX"})
    assert ask(names, clock, mx=True) == frozenset()


def test_a_null_mx_leads_nowhere(names: HostNames, clock: Clock, server: DnsServer) -> None:
    server.records[MX1, "MX"] = ["0 ."]
    assert ask(names, clock, mx=True) == frozenset()


def test_the_hosts_file_comes_first(
    names: HostNames, clock: Clock, server: DnsServer, tmp_path: Path
) -> None:
    (tmp_path / "hosts").write_text("127.0.1.1 Mx1.central.test.tux mx1\n")
    assert ask(names, clock, mx=True) == {"127.0.1.1"}
    assert not server.queries
    (tmp_path / "hosts").write_text("10.7.0.1 mx1.central.test.tux # moved\n")
    assert ask(names, clock) == {"10.7.0.1"}
    (tmp_path / "hosts").unlink()
    assert ask(names, clock) == {"10.1.0.1", "2001:db8::1"}


def test_hosts_file_lines() -> None:
    text = "# c\n\n10.0.0.1 a b # c\nnonsense a\n10.0.0.2\n2001:db8:0::1 A.\n10.0.0.300 a\n"
    assert parse_hosts(text) == {"a": ("10.0.0.1", "2001:db8::1"), "b": ("10.0.0.1",)}


@pytest.mark.parametrize("host", ["", ".", "a..b", "x" * 64 + ".tux", "a b", "\u00fc\u0000"])
def test_no_name_is_an_exception(names: HostNames, clock: Clock, host: str) -> None:
    assert ask(names, clock, host, mx=True) == frozenset()


def test_no_resolver_configuration(clock: Clock, tmp_path: Path) -> None:
    def broken() -> dns.resolver.Resolver:
        return dns.resolver.Resolver(filename=str(tmp_path / "nothing"))

    assert ask(HostNames(tmp_path / "hosts", broken, clock), clock) == frozenset()
