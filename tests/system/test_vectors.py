"""Every shared vector asked of the real service: over unix and inet socketmap, tcp_table, and by postmap."""

import socket
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from colocroute.model import Answer, Found, NotFound
from colocroute.routing import maps as routing_maps
from colocroute.wire import socketmap, tcp_table
from tests.lab.daemon import Daemon, daemon, free_port
from tests.lab.postfix import Postfix, postfix
from tests.vectors import COMPANY_LDIF, HERE, RULES, USER_FILTER, VECTORS, Kind, Vector
from tests.vectors.company import BASE

MAPS = sorted({vector.map_name for vector in VECTORS} & routing_maps.MAPS.keys())


class Serving:
    """The daemon with the company, and its ports."""

    def __init__(self, service: Daemon, inet: int, tcp: dict[str, int]) -> None:
        self.daemon = service
        self.inet = inet
        self.tcp = tcp


def _sections(inet: int, tcp: dict[str, int], socket_path: str) -> dict[str, dict[str, Any]]:
    return {
        "directory": {"uri": f"ldif:{COMPANY_LDIF}", "base": BASE},
        "schema": {"user_filter": USER_FILTER},
        "routing": {"domains": list(RULES.domains), "here": list(HERE)},
        "listen": {
            "socketmap": [f"unix:{socket_path}", f"inet:127.0.0.1:{inet}"],
            "tcp_table": {name: f"127.0.0.1:{port}" for name, port in tcp.items()},
        },
    }


@pytest.fixture(scope="module")
def serving() -> Iterator[Serving]:
    inet, tcp = free_port(), {name: free_port() for name in MAPS}
    with daemon({}, start=False) as service:
        service.write_config(_sections(inet, tcp, str(service.socket)))
        service.start()
        service.wait_state("live")
        yield Serving(service, inet, tcp)


@pytest.fixture(scope="module")
def tables() -> Iterator[Postfix]:
    with postfix({}, start=False) as instance:
        yield instance


def agrees(vector: Vector, answer: Answer) -> bool:
    if vector.kind is Kind.FOUND:
        return answer == Found(vector.value)
    if vector.kind is Kind.NOT_FOUND:
        return isinstance(answer, NotFound)
    return not isinstance(answer, Found | NotFound)


def receive(connection: socket.socket, decoder: Any) -> Answer:
    while (answer := decoder.next()) is None:
        data = connection.recv(65536)
        assert data, "closed without an answer"
        decoder.feed(data)
    found: Answer = answer
    return found


@pytest.mark.parametrize("family", ["unix", "inet"])
def test_over_socketmap(serving: Serving, family: str) -> None:
    path = str(serving.daemon.socket)
    with socket.socket(socket.AF_UNIX if family == "unix" else socket.AF_INET) as connection:
        connection.settimeout(20)
        connection.connect(path if family == "unix" else ("127.0.0.1", serving.inet))
        for vector in VECTORS:
            connection.sendall(socketmap.encode_request(vector.map_name.encode(), vector.key))
            answer = receive(connection, socketmap.ReplyDecoder())
            assert agrees(vector, answer), (vector, answer)


@pytest.mark.parametrize("name", MAPS)
def test_over_tcp_table(serving: Serving, name: str) -> None:
    with socket.create_connection(("127.0.0.1", serving.tcp[name]), 20) as connection:
        for vector in VECTORS:
            if vector.map_name == name and vector.key:
                connection.sendall(tcp_table.encode_request(vector.key))
                answer = receive(connection, tcp_table.ReplyDecoder())
                assert agrees(vector, answer), (vector, answer)


def _postmap_keys(name: str, kind: Kind) -> dict[str, str]:
    """What postmap can be given on a line of standard input: UTF-8 without control characters or outer space."""
    keys: dict[str, str] = {}
    for vector in VECTORS:
        if vector.map_name != name or vector.kind is not kind or len(vector.key) > 2000:
            continue
        try:
            text = vector.key.decode()
        except UnicodeDecodeError:
            continue
        if text.isprintable() and text == text.strip() and text:
            keys[text] = vector.value
    return keys


@pytest.mark.parametrize("name", MAPS)
def test_by_postmap(serving: Serving, tables: Postfix, name: str) -> None:
    table = f"socketmap:unix:{serving.daemon.socket}:{name}"
    found, absent = _postmap_keys(name, Kind.FOUND), _postmap_keys(name, Kind.NOT_FOUND)
    assert found
    assert absent
    answers = tables.postmap_many(table, [*found, *absent])
    assert answers == found


def test_temporary_failures_by_postmap(serving: Serving, tables: Postfix) -> None:
    temporary: dict[str, list[str]] = defaultdict(list)
    for name in MAPS:
        temporary[name] = list(_postmap_keys(name, Kind.TEMP))[:3]
    assert sum(map(len, temporary.values())) >= 10
    for name, keys in temporary.items():
        for key in keys:
            table = f"socketmap:unix:{serving.daemon.socket}:{name}"
            done = tables.run("postmap", "-q", key, table)
            assert done.returncode == 1
            assert not done.stdout
            assert b"temporary error" in done.stderr, (name, key)
