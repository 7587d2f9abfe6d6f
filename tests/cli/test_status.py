"""`status`: the fields that monitoring reads, the text that people read, and the exit code of both."""

import json
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from colocroute.cli.main import main
from colocroute.daemon import build, runtime
from colocroute.store.meta import Held
from tests.lab.daemon import COMMAND
from tests.lab.held import configured, holds
from tests.vectors import HERE, company_entries

NOBODY = 65534
HELD = Held(time.time(), "50 of 100 users would be gone", 50, ("uid=anna",))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A live mirror with the company, and no daemon."""
    path = configured(tmp_path, here=list(HERE))
    holds(path, company_entries())
    return path


def status(config: Path, capsys: pytest.CaptureFixture[str], code: int) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["status", "-c", str(config), "--json"]) == code
    out, err = capsys.readouterr()
    assert err == ""
    value: dict[str, Any] = json.loads(out)
    return value


def text(config: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    capsys.readouterr()
    main(["status", "-c", str(config)])
    return {line[:14].strip(): line[15:] for line in capsys.readouterr().out.splitlines()}


def hold(config: Path) -> None:
    with build.open_mirror(build.load(config), writable=True) as mirror, mirror.transaction(1.0) as txn:
        txn.update_meta(held=HELD)


def test_the_fields_of_the_contract(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    value = status(config, capsys, 1)
    assert value["daemon"] == "stopped"
    assert value["state"] == "live"
    assert set(value["directory"]) >= {
        "uri", "mode", "connected", "last_contact", "cookie", "last_error",
    }  # fmt: skip
    assert value["directory"]["connected"] is False
    assert value["entries"] >= value["users"] > 10
    assert value["addresses"] > value["users"]
    assert value["sites"] > 3
    assert value["generation"] >= 1
    assert value["guard"] == {"held": False, "would_remove": 0, "reason": ""}
    assert value["here"] == list(HERE)
    assert value["workers"] == []
    for key in ("since", "refreshed", "changed"):
        assert time.strptime(value[key], "%Y-%m-%dT%H:%M:%S+00:00")


def test_a_refresh_that_changes_nothing_is_no_change(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = status(config, capsys, 1)
    with build.open_mirror(build.load(config), writable=True) as mirror, mirror.transaction(2e9) as txn:
        txn.update_meta(refreshed=2e9)
    after = status(config, capsys, 1)
    assert after["refreshed"] == "2033-05-18T03:33:20+00:00"
    assert (after["changed"], after["generation"]) == (before["changed"], before["generation"])


def test_live_and_running_is_exit_0(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with build.open_mirror(build.load(config), writable=False) as mirror:
        store = build.store_path(build.load(config))
        lock = runtime.acquire(store)
        runtime.publish(store, runtime.SUPERVISOR_FILE, {"workers": [{"name": "worker-1", "pid": 7}]})
        runtime.publish(
            store,
            runtime.REPLICATOR_FILE,
            {"uri": "ldapi:///", "mode": "syncrepl", "connected": True, "alive_since": 1e9},
        )
        assert mirror.pulse.stamp() >= 0
    other = subprocess.run(
        [*COMMAND, "status", "-c", str(config)], capture_output=True, text=True, check=False
    )
    assert other.returncode == 0, other
    assert "workers        7\n" in other.stdout
    assert "directory      ldapi:/// (syncrepl), connected\n" in other.stdout
    assert "state          live since 2001-09-09T01:46:40+00:00\n" in other.stdout
    with pytest.raises(runtime.RunningError):
        runtime.acquire(store)
    os.close(lock)
    assert status(config, capsys, 1)["workers"] == [], "what a daemon that is gone has published is old"


def test_every_state_but_live_is_exit_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(tmp_path)
    lock = runtime.acquire(build.store_path(build.load(config)))
    value = status(config, capsys, 1)
    assert (value["state"], value["refreshed"], value["entries"], value["age"]) == ("empty", None, 0, None)
    holds(config, company_entries(), live=False)
    value = status(config, capsys, 1)
    assert (value["state"], value["directory"]["last_contact"]) == ("stale", None)
    hold(config)
    value = status(config, capsys, 1)
    assert value["state"] == "held"
    assert value["guard"] == {"held": True, "would_remove": 50, "reason": HELD.reason}
    os.close(lock)


def test_people_are_told_what_to_do(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = text(config, capsys)
    assert said["daemon"] == "stopped"
    assert said["here"] == ", ".join(HERE)
    assert said["workers"] == "none"
    assert said["position"] == "unknown"
    assert re.fullmatch(r"\d+, last change \S+T\S+", said["generation"])
    assert not {"HELD", "last error", "differences", "warning"} & said.keys()
    hold(config)
    with build.open_mirror(build.load(config), writable=True) as mirror, mirror.transaction(1.0) as txn:
        txn.update_meta(differences=3)
    runtime.publish(
        build.store_path(build.load(config)),
        runtime.REPLICATOR_FILE,
        {"last_error": "no route", "warnings": ["entryCSN is hidden"], "position": "20261124000000.000000Z"},
    )
    said = text(config, capsys)
    assert said["HELD"] == f"{HELD.reason}; see 'colocroute accept'"
    assert said["last error"] == "no route"
    assert said["differences"].startswith("3 entries")
    assert said["warning"] == "entryCSN is hidden"
    assert said["position"].startswith("20261124000000")


def test_without_a_mirror_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = text(configured(tmp_path), capsys)
    assert said["daemon"] == "stopped"
    assert said["state"] == "empty since ever"
    assert said["last contact"] == "none"
    assert said["generation"] == "0, last change never"
    assert said["here"] == "no site"


def test_a_bad_configuration_is_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "-c", str(tmp_path / "none.toml")]) == 78
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_mirror_that_cannot_be_read_is_not_live(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (build.store_path(build.load(config)) / "data.mdb").write_bytes(b"rubbish" * 10_000)
    assert main(["status", "-c", str(config)]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "daemon         stopped",
        "state          unknown, the mirror cannot be read",
    ]
    assert len(err.splitlines()) == 1
    assert err.startswith(f"colocroute: {config.parent}/store")
    assert main(["status", "--json", "-c", str(config)]) == 1
    out, err = capsys.readouterr()
    value = json.loads(out)
    assert err == f"colocroute: {value['error']}\n"
    assert (value["daemon"], value["state"], value["entries"], value["workers"]) == (
        "stopped", "unknown", None, [],
    )  # fmt: skip
    config.write_text(config.read_text().replace('store"', 'other"'))
    assert status(config, capsys, 1).keys() == value.keys(), "the fields are always the same"


def test_who_may_not_look_is_told_so(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(directory)
    holds(config, company_entries())
    config.chmod(0o644)
    store = build.store_path(build.load(config))
    store.chmod(0)
    user = os.geteuid()
    try:
        os.seteuid(user or NOBODY)  # permissions are nothing to root
        code = main(["status", "--json", "-c", str(config)])
    finally:
        os.seteuid(user)
        store.chmod(0o700)
    out, err = capsys.readouterr()
    value = json.loads(out)
    assert (code, value["daemon"], value["state"]) == (1, "unknown", "unknown")
    assert "Permission denied" in value["error"]
    assert err == f"colocroute: {value['error']}\n"
