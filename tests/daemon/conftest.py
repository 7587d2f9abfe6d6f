"""A resolver over a real mirror."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from colocroute.daemon import build
from colocroute.daemon.resolver import Resolver
from colocroute.store.mirror import Mirror
from colocroute.store.snapshot import Snapshot
from tests.lab.held import configured
from tests.lab.resolving import STALE_AFTER, fill, now
from tests.vectors import RULES, company_entries


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    """A live mirror of the company."""
    with build.open_mirror(build.load(configured(tmp_path)), writable=True) as opened:
        fill(opened, company_entries())
        opened.pulse.touch(now())
        yield opened


@pytest.fixture
def resolver(mirror: Mirror) -> Resolver:
    return Resolver(mirror, RULES, STALE_AFTER)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[Snapshot]:
    """The snapshots that are taken from now on."""
    found: list[Snapshot] = []
    real = Mirror.snapshot

    def noted(mirror: Mirror) -> Snapshot:
        found.append(real(mirror))
        return found[-1]

    monkeypatch.setattr(Mirror, "snapshot", noted)
    return found
