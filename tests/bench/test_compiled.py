"""The generator in C: made when it is needed, and the same figures as the one in Python."""

import os
from pathlib import Path

import pytest

from colocroute.bench import compiled
from colocroute.bench.load import Load, Progress, Result
from colocroute.errors import TemporaryError, UsageError
from tests.bench.contract import GeneratorContract
from tests.bench.results import counted, load_of
from tests.lab.serving import FakeAnswering, serving


def _run(load: Load, progress: Progress) -> Result:
    return compiled.run(compiled.build(), load, progress)


class TestCompiled(GeneratorContract):
    """See `GeneratorContract`."""

    run = staticmethod(_run)


def test_it_is_compiled_once(tmp_path: Path) -> None:
    program = compiled.build(directory=tmp_path / "cache")
    made = program.stat()
    assert compiled.build(directory=tmp_path / "cache") == program
    assert program.stat() == made
    assert list(program.parent.iterdir()) == [program]
    assert program.parent.stat().st_mode & 0o077 == 0


def test_the_cache_is_where_the_user_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/anna")
    assert compiled.cache_directory() == Path("/var/cache/anna/colocroute")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/anna")
    assert compiled.cache_directory() == Path("/home/anna/.cache/colocroute")


def test_without_a_compiler_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(compiled.CompilerError, match="no C compiler"):
        compiled.build(directory=tmp_path / "cache")


def test_what_the_compiler_refuses_is_said_and_not_kept(tmp_path: Path) -> None:
    (tmp_path / "bad.c").write_text("int main( {")
    with pytest.raises(compiled.CompilerError, match=r"cc failed: .*error"):
        compiled.build(tmp_path / "bad.c", tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(compiled.CompilerError, match="Not a directory"):
        compiled.build(directory=tmp_path / "file" / "cache")


def test_a_cache_below_nothing_is_not_taken_for_a_missing_compiler(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    with pytest.raises(compiled.CompilerError, match=r"link.*: (File exists|No such file)"):
        compiled.build(directory=tmp_path / "link")
    with pytest.raises(compiled.CompilerError, match=r"^/proc/colocroute/cache: No such file"):
        compiled.build(directory=Path("/proc/colocroute/cache"))


def test_a_compiler_that_cannot_be_run_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cc").write_text("")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(compiled.CompilerError, match=r"^cc: Permission denied"):
        compiled.build(directory=tmp_path / "cache")


def test_a_program_that_must_not_be_run_where_it_is_kept_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a file system mounted noexec, where access(2) says no to root too."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(compiled.CompilerError, match=r"cache/load-\w+ cannot be run .*noexec"):
        compiled.build(directory=tmp_path / "cache")


def test_without_a_home_there_is_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")  # as without HOME and a passwd entry

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", nobody)
    with pytest.raises(compiled.CompilerError, match="no home directory"):
        compiled.build()


def _limited(tmp_path: Path, limit: str) -> Result:
    """Twenty connections under an `ulimit`."""
    with serving(FakeAnswering()) as served:
        load = load_of(tmp_path, f"unix:{served.address}", (b"anna",), connections=20)
        prefix = ("sh", "-c", f'ulimit {limit}; exec "$@"', "sh")
        program = compiled.build()
        return counted(lambda load, progress: compiled.run(program, load, progress, prefix), load)


def test_as_many_descriptors_as_the_system_gives_are_used(tmp_path: Path) -> None:
    assert _limited(tmp_path, "-Sn 12").is_clean


def test_no_descriptors_are_left_is_said(tmp_path: Path) -> None:
    with pytest.raises(TemporaryError, match=r": Too many open files$"):
        _limited(tmp_path, "-n 12")


def test_a_program_that_fails_is_an_error_with_its_words(tmp_path: Path) -> None:
    load = load_of(tmp_path, "unix:/x", (b"anna",))
    program = tmp_path / "program"
    for code, error in ((os.EX_USAGE, UsageError), (os.EX_TEMPFAIL, TemporaryError), (9, TemporaryError)):
        program.write_text(f"#!/bin/sh\necho unix:/x: because >&2\nexit {code}\n")
        program.chmod(0o700)
        with pytest.raises(error, match=r"^unix:/x: because$"):
            compiled.run(program, load, lambda _: None)


def test_requests_that_are_cut_short_are_refused(tmp_path: Path) -> None:
    load = load_of(tmp_path, "unix:/x", (b"anna",))
    load.requests.write_bytes(load.requests.read_bytes()[:-1])
    with pytest.raises(UsageError, match="cut short"):
        _run(load, lambda _: None)
