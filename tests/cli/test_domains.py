"""What `postconf` does with a mirror that is empty, of another configuration, or cannot be read: nothing."""

import os
from pathlib import Path

import pytest

from tests.lab.mailcompany import wire
from tests.lab.unwired import WIRINGS, edit, files, postconf, unwired


@pytest.fixture
def fresh(tmp_path: Path) -> tuple[Path, Path]:
    """A configuration, and the directory of an unwired Postfix."""
    return unwired(tmp_path)


@pytest.mark.parametrize("options", WIRINGS)
@pytest.mark.parametrize("change", ["/store", 'base = "dc=test'])
def test_nothing_is_applied_from_a_mirror_that_was_never_filled(
    fresh: tuple[Path, Path], capsys: pytest.CaptureFixture[str], options: tuple[str, ...], change: str
) -> None:
    """Whatever the wiring, some line names domains that the directory has.  A mirror of another base is none."""
    config, etc = fresh
    edit(config, change, f"{change}-other")
    before = files(etc)
    assert wire(config, etc, *options) == 75
    said = capsys.readouterr()
    assert "the mirror is empty" in said.err and "start the service" in said.err
    assert (said.out, files(etc)) == ("", before)


def test_lines_that_may_be_right_without_a_mirror_are_printed_with_a_warning(
    fresh: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config, etc = fresh
    edit(config, "/store", "/other")
    assert postconf(config, etc) == postconf(config, etc, "--no-rewriting") == 75
    assert capsys.readouterr().out == ""
    for options in WIRINGS[2:]:
        assert postconf(config, etc, *options) == 0
        said = capsys.readouterr()
        assert "transport_maps = " in said.out
        assert said.err.startswith("colocroute: warning: the mirror is empty: ")


@pytest.mark.parametrize("options", WIRINGS)
def test_a_mirror_that_cannot_be_read_is_no_empty_one(
    fresh: tuple[Path, Path], capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    config, etc = fresh
    data = config.parent / "store" / "data.mdb"
    data.write_bytes(b"rubbish" * 10_000)
    before = files(etc)
    assert wire(config, etc, *options) == postconf(config, etc, *options) == 75
    said = capsys.readouterr()
    assert said.err == f"colocroute: {data.parent}: the mirror should be here and cannot be read\n" * 2
    assert (said.out, files(etc)) == ("", before)


def test_a_mirror_that_may_not_be_read_says_why(
    fresh: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, etc = fresh
    monkeypatch.setattr(os, "access", lambda path, _: Path(path).name != "lock.mdb")
    assert postconf(config, etc, "--wiring", "maps") == 75
    assert "lock.mdb: not writable" in capsys.readouterr().err
