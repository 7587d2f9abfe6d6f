"""The generator in Python."""

import resource
from pathlib import Path

from hypothesis import given, strategies

from colocroute.bench import pure
from tests.bench.contract import GeneratorContract
from tests.bench.results import counted, load_of
from tests.lab.serving import FakeAnswering, serving


class TestPure(GeneratorContract):
    """See `GeneratorContract`."""

    run = staticmethod(pure.run)


@given(strategies.integers(0, 1 << 62))
def test_a_bucket_begins_less_than_a_percent_below_all_in_it(latency: int) -> None:
    start = pure.bucket_start(latency)
    assert start <= latency < start * 1.01 + 1
    assert pure.bucket_start(start) == start


def test_as_many_descriptors_as_the_system_gives_are_used(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with serving(FakeAnswering()) as served:
        load = load_of(tmp_path, f"unix:{served.address}", (b"anna",), connections=150)
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
        try:
            found = counted(pure.run, load)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert found.is_clean
