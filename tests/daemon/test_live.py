"""The directory read past the mirror."""

from pathlib import Path

import pytest

from colocroute.daemon import build, here, live
from colocroute.errors import DirectoryError
from colocroute.model import State
from tests.lab.company import company_ldif
from tests.lab.held import configured
from tests.lab.slapd import Slapd
from tests.vectors import HERE, company_records


def test_every_record_as_the_mirror_would_keep_it(tmp_path: Path) -> None:
    config = build.load(configured(tmp_path))
    said = live.read_directory(config)
    assert sorted(said, key=lambda record: record.dn) == sorted(
        company_records(), key=lambda record: record.dn
    )
    assert not (tmp_path / "store").exists(), "nothing is written"


def test_it_is_live_and_knows_what_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    view = live.live_view(build.load(configured(tmp_path, here=list(HERE))))
    assert view.state is State.LIVE
    assert [domain for domain, site in view.topology.sites.items() if site.here] == list(HERE)
    assert len(view.owners("team@test.tux")) == 2
    monkeypatch.setattr(here, "FIND_SECONDS", 0.0)  # nobody is to ask the DNS
    view = live.live_view(build.load(configured(tmp_path, proxy_addresses=["10.2.0.1"])))
    assert [domain for domain, site in view.topology.sites.items() if site.here] == ["external.test.tux"]


def test_a_server_is_read_whole_and_left(tmp_path: Path) -> None:
    with Slapd(company_ldif(20)) as slapd:
        config = build.load(configured(tmp_path, uri=slapd.ldapi))
        view = live.live_view(config)
        assert len(view.owners("user7@test.tux")) == 1
        assert set(view.topology.sites) == {"central.test.tux", "external.test.tux", "paris.test.tux"}
    with pytest.raises(DirectoryError, match=slapd.ldapi):
        live.read_directory(config)
