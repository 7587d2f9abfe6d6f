"""What both generators do, whichever is used: inherited by their tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from colocroute.bench.load import Load, Protocol, Result
from colocroute.errors import TemporaryError
from colocroute.server.interfaces import WireProtocol
from tests.bench.results import closing_server, load_of, silent_server
from tests.lab.serving import FakeAnswering, serving

KEYS = (b"anna", b"none", b"fail")


class GeneratorContract:
    """A subclass says what `run` is."""

    run: Callable[[Load, Callable[[int], None]], Result]

    @pytest.mark.parametrize("rate", [0.0, 900.0])
    def test_replies_are_counted_by_kind(self, tmp_path: Path, rate: float) -> None:
        with serving(FakeAnswering()) as served:
            found = type(self).run(
                load_of(tmp_path, f"unix:{served.address}", KEYS, rate=rate), lambda _: None
            )
        assert found.ok and found.notfound and found.temp
        assert found.other == found.lost == 0
        assert found.done == found.ok + found.notfound + found.temp
        assert found.done == sum(count for _, count in found.buckets)
        assert 0 < found.percentile(50) <= found.percentile(99) <= found.slowest * 1.01
        assert not found.is_clean

    @pytest.mark.parametrize("protocol", list(Protocol))
    def test_both_protocols_over_the_network(self, tmp_path: Path, protocol: Protocol) -> None:
        with serving(FakeAnswering(), WireProtocol(protocol.value), inet=True) as served:
            assert isinstance(served.address, tuple)
            host, port = served.address
            load = load_of(tmp_path, f"inet:{host}:{port}", (b"anna", b"none"), protocol)
            found = type(self).run(load, lambda _: None)
        assert found.is_clean and found.ok and found.notfound

    def test_a_rate_is_kept_and_what_was_due_is_counted(self, tmp_path: Path) -> None:
        with serving(FakeAnswering()) as served:
            load = load_of(tmp_path, f"unix:{served.address}", (b"anna",), rate=200.0, seconds=1.0)
            found = type(self).run(load, lambda _: None)
        assert 195 <= found.done + found.unanswered <= 205

    def test_progress_is_told_while_it_runs(self, tmp_path: Path) -> None:
        told: list[int] = []
        with serving(FakeAnswering()) as served:
            load = load_of(tmp_path, f"unix:{served.address}", (b"anna",), seconds=1.5, rate=500.0)
            found = type(self).run(load, told.append)
        assert told and 0 <= told[0] <= found.done

    def test_a_server_that_hangs_up_is_told(self, tmp_path: Path) -> None:
        with closing_server() as address:
            found = type(self).run(load_of(tmp_path, address, (b"anna",), seconds=30.0), lambda _: None)
        assert found.lost == 3 and not found.is_clean

    def test_a_silent_server_ends_in_time(self, tmp_path: Path) -> None:
        with silent_server() as address:
            found = type(self).run(load_of(tmp_path, address, (b"anna",), seconds=0.2), lambda _: None)
        assert found.done == 0 and found.unanswered == 3

    def test_nobody_there_is_a_temporary_failure(self, tmp_path: Path) -> None:
        with pytest.raises(TemporaryError, match="No such file"):
            type(self).run(load_of(tmp_path, "unix:/tmp/colocroute-nobody", (b"anna",)), lambda _: None)
