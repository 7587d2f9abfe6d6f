"""Where `bench` has its keys from."""

from pathlib import Path

import pytest

from colocroute.cli import benchkeys
from colocroute.config import load
from colocroute.daemon import build
from colocroute.errors import TemporaryError, UsageError
from colocroute.model import Entry, UserEntry
from tests.replicate import scripted


def config_with(directory: Path, users: int) -> Path:
    """A configuration whose mirror has so many users; none: no mirror."""
    path = directory / "colocroute.toml"
    path.write_text(
        '[directory]\nbase = "dc=test,dc=tux"\n[routing]\ndomains = ["test.tux"]\n'
        f'[store]\npath = "{directory}/store"\n[listen]\nsocketmap = ["unix:{directory}/s"]\n'
    )
    if users:
        mirror = build.open_mirror(build.load(path), writable=True)
        scripted.fill(mirror, scripted.company(users))
        mirror.close()
    return path


def test_the_keys_are_those_that_the_map_is_asked_for(tmp_path: Path) -> None:
    config = load(config_with(tmp_path, 20))
    addresses = {f"user{number}@test.tux".encode() for number in range(20)}
    routes = {f"user{number}@external.test.tux".encode() for number in range(20)}
    assert set(benchkeys.from_mirror(config, "virtual_alias", 100)) == addresses
    assert set(benchkeys.from_mirror(config, "transport", 100)) == routes
    assert set(benchkeys.from_mirror(config, "recipient", 100)) == addresses | routes
    assert benchkeys.from_mirror(config, "relay_domains", 100) == [b"external.test.tux"]
    assert benchkeys.from_mirror(config, "virtual_alias_domains", 100) == [b"test.tux"]


def test_no_more_than_the_limit_is_drawn_from_all_over(tmp_path: Path) -> None:
    drawn = benchkeys.from_mirror(load(config_with(tmp_path, 200)), "virtual_alias", 50)
    numbers = sorted(int(key[4:].partition(b"@")[0]) for key in drawn)
    assert 48 <= len(set(numbers)) <= 50 and numbers[-1] > 100  # the two sites may be among the 50


def test_a_catch_all_is_not_asked_for_by_its_own_name(tmp_path: Path) -> None:
    config = load(config_with(tmp_path, 0))
    user = UserEntry(("@test.tux", "info@test.tux"), routes=("info@external.test.tux",))
    mirror = build.open_mirror(config, writable=True)
    scripted.fill(mirror, [Entry(b"u" * 16, "cn=u", user=user)])
    mirror.close()
    assert benchkeys.from_mirror(config, "virtual_alias", 10) == [b"info@test.tux"]
    assert set(benchkeys.from_mirror(config, "recipient", 10)) == {
        b"info@test.tux",
        b"info@external.test.tux",
    }
    assert benchkeys.from_mirror(config, "virtual_alias_domains", 10) == [b"test.tux"]


def test_a_mirror_without_keys_is_a_temporary_failure(tmp_path: Path) -> None:
    with pytest.raises(TemporaryError, match="no keys for the map 'virtual_alias'"):
        benchkeys.from_mirror(load(config_with(tmp_path, 0)), "virtual_alias", 10)


def test_a_file_has_one_key_a_line(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_bytes(b"a@test.tux\r\n\nb c@test.tux")
    assert benchkeys.from_file(str(path)) == [b"a@test.tux", b"b c@test.tux"]
    path.write_bytes(b"\n\n")
    with pytest.raises(UsageError, match="no keys in it"):
        benchkeys.from_file(str(path))


@pytest.mark.parametrize("name", ["nothing", "."])
def test_a_file_that_cannot_be_read_is_wrong_usage(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"(No such file|Is a directory)"):
        benchkeys.from_file(str(tmp_path / name))


def test_standard_input_that_is_closed_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(UsageError, match="standard input is closed"):
        benchkeys.from_file("-")
