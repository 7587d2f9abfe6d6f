"""The demonstration's files and text; that all of it works is shown in tests/system."""

import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from colocroute.daemon import build, demo, live
from tests.lab.held import configured, holds
from tests.vectors import company_entries


def test_everything_is_in_one_directory_that_goes_at_the_end() -> None:
    with ExitStack() as stack:
        one = stack.enter_context(demo.prepared())
        for port in one.ports.values():  # it runs
            stack.enter_context(socket.create_server(("127.0.0.1", port)))
        other = stack.enter_context(demo.prepared())
        place = one.path.parent
        assert place != other.path.parent
        config = build.load(one.path)
        assert build.store_path(config).parent == place
        assert config.listen.socketmap[0] == f"unix:{place}/map.sock"
        assert len(set(one.ports.values())) == 4
        assert not set(one.ports.values()) & set(other.ports.values())
        assert len(live.read_directory(config)) > 6
    assert not place.exists()


def test_the_text_has_every_query_in_both_forms() -> None:
    shown = demo.Demo(
        Path("/tmp/x/colocroute.toml"), {"socketmap": 1, "virtual_alias": 2, "transport": 3, "policy": 4}
    )
    lines = [line.strip() for line in demo.text(shown).splitlines()]
    for name, key, why in demo.QUERIES:
        assert f"# {why}" in lines
        assert f"postmap -q {key} socketmap:unix:/tmp/x/map.sock:{name}" in lines
        assert f"colocroute lookup -c /tmp/x/colocroute.toml --map {name} {key}" in lines


def test_it_is_announced_when_it_is_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = configured(tmp_path)
    config = build.load(path)
    monkeypatch.setattr(demo, "READY_SECONDS", 0.1)
    assert not demo._wait_until_live(config)
    holds(path, company_entries(), live=False)
    assert not demo._wait_until_live(config)
    started = time.monotonic()
    monkeypatch.setattr(demo, "READY_SECONDS", 30)
    holds(path, company_entries())
    assert demo._wait_until_live(config)
    assert time.monotonic() - started < 30
