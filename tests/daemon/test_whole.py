"""A view that can be walked, over one commit."""

from pathlib import Path

import pytest

from colocroute.daemon import build
from colocroute.daemon.whole import whole
from colocroute.errors import StoreError
from colocroute.model import State
from tests.lab.held import configured, holds
from tests.vectors import company_entries, company_records


def test_it_is_a_view_that_can_be_walked(tmp_path: Path) -> None:
    config = configured(tmp_path)
    holds(config, company_entries())
    with whole(build.load(config)) as view:
        assert view.state is State.LIVE
        assert view.topology.sites["central.test.tux"].here
        assert len(view.owners("team@test.tux")) == 2
        assert sorted(record.dn for record in view.records()) == sorted(
            record.dn for record in company_records()
        )
        assert "sales@central.test.tux" in view.keys("routes")


def test_where_there_is_no_mirror_there_is_nothing(tmp_path: Path) -> None:
    with whole(build.load(configured(tmp_path))) as view:
        assert view.state is State.EMPTY
        assert list(view.records()) == []
        assert list(view.keys("logins")) == []


def test_a_mirror_that_cannot_be_read_is_no_empty_one(tmp_path: Path) -> None:
    config = configured(tmp_path)
    holds(config, company_entries())
    (tmp_path / "store" / "data.mdb").write_bytes(b"rubbish" * 10_000)
    with pytest.raises(StoreError, match="should be here and cannot be read"), whole(build.load(config)):
        pass
