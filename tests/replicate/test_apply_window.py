"""The guard's window is as long as it says, whatever is done to the wall clock meanwhile."""

from pathlib import Path

import pytest

from colocroute.routing.records import keys
from colocroute.store.mirror import Mirror
from tests.replicate.scripted import applier, company, deletes, fill, routes

NOW = 1000.0


@pytest.mark.parametrize("step", [-1e9, -86400.0, 660.0, 86400.0])
def test_a_step_of_the_wall_clock_does_not_move_the_window(tmp_path: Path, step: float) -> None:
    machine = [0.0]
    with Mirror(
        tmp_path, fingerprint="test", keys_of=keys, writable=True, clock=lambda: machine[0]
    ) as mirror:
        fill(mirror, company(300))
        subject = applier(mirror)
        assert subject.stream(deletes(range(28)), NOW) is None
        machine[0] += 601
        assert subject.stream(deletes(range(30, 50), 30), NOW) is None, "further apart than the window"
        machine[0] += 1
        held = subject.stream(deletes(range(60, 70), 60), NOW + step)
        assert held is not None
        assert (held.since, held.would_remove) == (NOW + step, 30)
        assert routes(mirror, "user30")
        assert routes(mirror, "user3") == []
