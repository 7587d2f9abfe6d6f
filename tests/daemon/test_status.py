"""What `status` makes of the mirror, the pulse and the published files; the exit codes are the command's."""

import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from colocroute.config import Config
from colocroute.daemon import build, runtime
from colocroute.daemon.status import gather
from colocroute.errors import StoreError
from colocroute.store.meta import Held
from tests.lab.held import configured, holds
from tests.vectors import company_entries


@pytest.fixture
def config(tmp_path: Path) -> Config:
    path = configured(tmp_path, stale_after="1m")
    holds(path, company_entries())
    return build.load(path)


def published(config: Config, **fields: Any) -> dict[str, Any]:
    runtime.publish(build.store_path(config), runtime.REPLICATOR_FILE, fields)
    return gather(config)


def wall(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def update(config: Config, **meta: Any) -> None:
    with build.open_mirror(config, writable=True) as mirror, mirror.transaction(time.time()) as txn:
        txn.update_meta(**meta)


def contact(config: Config, ago: float) -> None:
    with build.open_mirror(config, writable=True) as mirror:
        mirror.pulse.touch(time.clock_gettime(time.CLOCK_BOOTTIME) - ago)


def test_since_when_depends_on_the_state(config: Config) -> None:
    now = time.time()
    assert abs(wall(published(config)["since"]) - now) < 60, "as long as nobody says better: the refresh"
    assert wall(published(config, alive_since=1e9)["since"]) == 1e9
    contact(config, ago=100)
    stale = gather(config)
    assert stale["state"] == "stale"
    assert abs(wall(stale["since"]) - (now - 100 + 60)) < 20
    assert abs(wall(stale["directory"]["last_contact"]) - (now - 100)) < 20
    update(config, held=Held(1.1e9, "too much", 5))
    assert wall(gather(config)["since"]) == 1.1e9


def test_an_empty_mirror_has_been_so_since_the_start(tmp_path: Path) -> None:
    config = build.load(configured(tmp_path))
    assert gather(config)["since"] is None
    build.store_path(config).mkdir()
    assert wall(published(config, started=1e9)["since"]) == 1e9


def test_the_lag_is_how_far_the_cookie_is_behind(config: Config) -> None:
    update(config, cookie=b"rid=000,csn=20261124000000.000000Z#000000#000#000000")
    assert gather(config)["directory"]["lag"] is None
    directory = published(config, position="20261124000007.000000Z#000000#000#000000")["directory"]
    assert directory["lag"] == 7
    assert directory["cookie"].startswith("rid=000,csn=")


def test_the_session_is_the_replicators_word(config: Config) -> None:
    assert gather(config)["directory"]["uri"] == config.directory.uri[0]
    directory = published(
        config, uri="ldapi:///", mode="poll", connected=True, last_error="x", warnings=["y"]
    )["directory"]
    assert (directory["uri"], directory["mode"]) == ("ldapi:///", "poll")
    assert (directory["last_error"], directory["warnings"]) == ("x", ["y"])
    assert not directory["connected"], "nobody is, if nothing runs"


def test_a_mirror_that_is_lost_is_no_live_one(config: Config) -> None:
    (build.store_path(config) / "data.mdb").unlink()
    with pytest.raises(StoreError, match="the mirror should be here and cannot be read"):
        gather(config)


def test_an_edited_schema_is_told_from_an_empty_mirror(config: Config, tmp_path: Path) -> None:
    path = tmp_path / "colocroute.toml"
    path.write_text(path.read_text().replace("[schema]", '[schema]\nlogin = "cn"'))
    edited = gather(build.load(path))
    assert edited["state"] == "empty"
    assert edited["directory"]["warnings"] == [build.OTHERS_MIRROR]
    assert gather(config)["directory"]["warnings"] == []
