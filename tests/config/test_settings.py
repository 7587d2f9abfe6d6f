"""Every key: values that are taken, and for each way to be wrong a file that is refused for it alone."""

from pathlib import Path

import pytest

from colocroute.config import load
from tests.config.files import mistakes, with_required, written

GOOD = [
    ("routing", 'domains = ["Test.TUX", "bücher.example"]', "domains", ("test.tux", "xn--bcher-kva.example")),
    ("routing", 'here = ["external.test.tux"]', "here", ("external.test.tux",)),
    ("routing", "here = []", "here", ()),
    ("routing", 'proxy_addresses = ["192.0.2.1", "2001:DB8::1"]', "proxy_addresses", ("192.0.2.1",
     "2001:db8::1")),
    ("routing", 'recipient_delimiter = "+-"', "recipient_delimiter", "+-"),
    ("routing", 'recipient_delimiter = ""', "recipient_delimiter", ""),
    ("routing", 'local_transport = "lmtp:unix:private/lmtp"', "local_transport", "lmtp:unix:private/lmtp"),
    ("routing", 'local_transport = "dovecot"', "local_transport", "dovecot"),
    ("routing", 'remember_moves = "0s"', "remember_moves", 0.0),
    ("guard", "max_shrink_percent = 100", "max_shrink_percent", 100),
    ("listen", 'socketmap = ["unix:/a", "inet:127.0.0.1:2525"]', "socketmap", ("unix:/a",
     "inet:127.0.0.1:2525")),
    ("listen", 'tcp_table = { virtual_alias = "127.0.0.1:2526", transport = "[::1]:2527" }', "tcp_table",
     {"virtual_alias": "127.0.0.1:2526", "transport": "[::1]:2527"}),
    ("listen", 'allow_remote = true\nsocketmap = ["inet:0.0.0.0:2525"]', "socketmap", ("inet:0.0.0.0:2525",)),
    ("listen", 'socketmap = []\npolicy = ["inet:127.0.0.1:2525"]', "policy", ("inet:127.0.0.1:2525",)),
    ("listen", 'socket_mode = "0600"', "socket_mode", 0o600),
    ("server", 'workers = "auto"', "workers", "auto"),
    ("server", "workers = 4", "workers", 4),
    ("server", 'spin = "0us"', "spin", 0.0),
    ("store", 'path = "/tmp/x"', "path", "/tmp/x"),
]  # fmt: skip


@pytest.mark.parametrize(("section", "lines", "key", "value"), GOOD)
def test_a_value_is_taken(tmp_path: Path, section: str, lines: str, key: str, value: object) -> None:
    config = load(written(tmp_path, with_required(section, lines)))
    assert getattr(getattr(config, section), key) == value


def test_networks_are_typed(tmp_path: Path) -> None:
    config = load(written(tmp_path, with_required("policy", 'trusted = ["10.0.0.0/8", "192.0.2.1", "::1"]')))
    assert [str(network) for network in config.policy.trusted] == ["10.0.0.0/8", "192.0.2.1/32", "::1/128"]


BAD = [
    ("routing", "domains = []", "routing.domains: the list is empty"),
    ("routing", 'domains = ["test..tux"]', 'routing.domains: "test..tux" is not a domain'),
    ("routing", 'domains = ["@test.tux"]', 'routing.domains: "@test.tux" is not a domain'),
    ("routing", 'domains = ["-a.tux"]', 'routing.domains: "-a.tux" is not a domain'),
    ("routing", 'domains = ["10.0.0.1"]', 'routing.domains: "10.0.0.1" is not a domain'),
    ("routing", 'domains = ["ß\\u200d.tux"]', "routing.domains: "),
    ("routing", 'domains = ["a.tux", "A.tux"]', 'routing.domains: "a.tux" is there twice'),
    ("routing", "domains = [1]", "routing.domains: 1 is not a string"),
    ("routing", 'here = "external.test.tux"',
     'routing.here: "external.test.tux" is not a list, expected "auto" or'),
    ("routing", 'here = ["a b"]', 'routing.here: "a b" is not a domain'),
    ("routing", 'proxy_addresses = ["mail.test.tux"]',
     'routing.proxy_addresses: "mail.test.tux" is not an IP'),
    ("routing", 'recipient_delimiter = "plus"', 'routing.recipient_delimiter: "p" cannot be a delimiter'),
    ("routing", 'recipient_delimiter = "@"', 'routing.recipient_delimiter: "@" cannot be a delimiter'),
    ("routing", 'local_transport = ":x"', 'routing.local_transport: ":x" is not transport or'),
    ("routing", 'transports = ["smtp:"]', 'routing.transports: "smtp:" is not a transport name'),
    ("routing", "transports = []", "routing.transports: the list is empty"),
    ("routing", 'unknown_when_stale = "bounce"', 'routing.unknown_when_stale: "bounce" is not known'),
    ("routing", 'stale_after = "5 minutes"', 'routing.stale_after: "5 minutes" is not a duration'),
    ("routing", 'stale_after = "999ms"', 'routing.stale_after: "999ms" is out of range'),
    ("routing", 'dns_fallback = 1', "routing.dns_fallback: 1 is not a truth value"),
    ("guard", "max_shrink_percent = 101", "guard.max_shrink_percent: 101 is out of range"),
    ("guard", "max_shrink_percent = -1", "guard.max_shrink_percent: -1 is out of range"),
    ("guard", "max_shrink_percent = true", "guard.max_shrink_percent: true is not a whole number"),
    ("guard", 'max_shrink_percent = "10%"', 'guard.max_shrink_percent: "10%" is not a whole number'),
    ("guard", "max_shrink_entries = 1.5", "guard.max_shrink_entries: 1.5 is not a whole number"),
    ("listen", 'socketmap = "unix:/x"', 'listen.socketmap: "unix:/x" is not a list'),
    ("listen", 'socketmap = ["/x"]', 'listen.socketmap: "/x" is not a socket address'),
    ("listen", 'socketmap = ["unix:x"]', 'listen.socketmap: "x" is not an absolute path'),
    ("listen", "socketmap = []", "listen: nothing to listen on"),
    ("listen", 'socketmap = ["inet:127.0.0.1:25", "inet:127.0.0.1:25"]', "listen.socketmap: "),
    ("listen", 'policy = ["unix:/run/colocroute/map.sock"]',
     "listen.policy: unix:/run/colocroute/map.sock is used by listen.socketmap too"),
    ("listen", 'policy = ["inet:127.0.0.1:1"]\ntcp_table = { transport = "127.0.0.1:1" }',
     "listen.policy: inet:127.0.0.1:1 is used by listen.tcp_table too"),
    ("listen", 'socketmap = ["inet:0.0.0.0:25"]', "listen.socketmap: inet:0.0.0.0:25 is not on the loopback"),
    ("listen", 'policy = ["inet:[::]:25"]', "listen.policy: inet:[::]:25 is not on the loopback"),
    ("listen", 'tcp_table = { transport = "10.0.0.1:25" }',
     "listen.tcp_table: inet:10.0.0.1:25 is not on the"),
    ("listen", 'tcp_table = { transport = "unix:/x" }',
     'listen.tcp_table: transport: "unix:/x" is not HOST:PORT'),
    ("listen", 'tcp_table = ["127.0.0.1:25"]', "listen.tcp_table: a list is not a table"),
    ("listen", 'http = "127.0.0.1:9725"', "listen.http: not available in this version"),
    ("listen", "http = 9725", "listen.http: 9725 is not a string"),
    ("listen", "socket_mode = 0o660", "listen.socket_mode: 432 is not a string"),
    ("listen", 'socket_mode = "rw"', 'listen.socket_mode: "rw" is not an octal mode'),
    ("listen", 'socket_group = "a b"', 'listen.socket_group: "a b" is not a group'),
    ("policy", 'trusted = ["10.0.0.1/8"]',
     'policy.trusted: "10.0.0.1/8" is not a network: 10.0.0.1/8 has host bits'),
    ("policy", 'trusted = ["mx.test.tux"]', 'policy.trusted: "mx.test.tux" is not a network'),
    ("server", "workers = 0", "server.workers: 0 is out of range"),
    ("server", 'workers = "many"', 'server.workers: "many" is not a whole number, expected "auto" or'),
    ("server", "max_connections = 0", "server.max_connections: 0 is out of range"),
    ("server", 'spin = "1s"', 'server.spin: "1s" is out of range'),
    ("store", 'path = ""', "store.path: is empty"),
    ("store", 'path = "var/lib"', 'store.path: "var/lib" is not an absolute path'),
    ("store", 'path = "/a\\nb"', 'store.path: "/a\\nb" has a control character'),
    ("stor", 'path = "/a"', "stor: unknown section, did you mean store?"),
    ("completely", "different = 1", "completely: unknown section"),
]  # fmt: skip


@pytest.mark.parametrize(("section", "lines", "begins"), BAD)
def test_a_mistake_is_refused_alone(tmp_path: Path, section: str, lines: str, begins: str) -> None:
    found = mistakes(tmp_path, with_required(section, lines))
    assert len(found) == 1
    assert found[0].startswith(begins)
