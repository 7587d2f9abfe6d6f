"""What `postconf` does with a mirror that is empty, of another configuration, or cannot be read: nothing.

And the forms of a domain; what a real Postfix makes of them: tests/system/test_postconf_idn.py.
"""

import os
import subprocess
from pathlib import Path

import pytest

from colocroute.cli.domains import all_forms, forms
from tests.lab.daemon import COMMAND
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


@pytest.mark.parametrize(
    ("domain", "national"),
    [
        ("xn--mller-kva.tux", "müller.tux"),
        ("xn--e1afmkfd.xn--p1ai", "пример.рф"),
        ("xn--mller-kva.xn--99999999999.tux", "müller.xn--99999999999.tux"),
    ],
)
def test_a_domain_is_listed_in_both_forms(domain: str, national: str) -> None:
    assert forms(domain) == (domain, national)


@pytest.mark.parametrize(
    "domain",
    [
        "test.tux",
        "xn--99999999999.tux",
        "xn--.tux",
        "xn--abc-.tux",
        pytest.param("xn--strae-oqa.tux", id="Postfix takes it for strasse.tux"),
    ],
)
def test_or_as_it_is(domain: str) -> None:
    assert forms(domain) == (domain,)


def test_the_forms_of_one_domain_stand_together() -> None:
    assert all_forms(["xn--mller-kva.tux", "a.tux", "zeta.tux"]) == [
        "a.tux",
        "xn--mller-kva.tux",
        "müller.tux",
        "zeta.tux",
    ]


@pytest.mark.parametrize("locale", [{"PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "latin-1"}])
def test_lines_are_utf_8_in_every_locale(fresh: tuple[Path, Path], locale: dict[str, str]) -> None:
    config, etc = fresh
    edit(config, '"test.tux"', '"test.tux", "müller.tux"')
    wanted = "virtual_alias_domains = test.tux, xn--mller-kva.tux, müller.tux\n".encode()
    for options in ([], ["--apply"], ["--apply"]):
        command = [*COMMAND, "postconf", "-c", str(config), "--config-dir", str(etc), *options]
        files(etc)  # are old now, or Postfix would wait
        done = subprocess.run(
            command,
            env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", **locale},
            capture_output=True,
            check=True,
        )
        assert wanted in done.stdout or done.stdout == b"nothing to change\n"
    assert done.stdout == b"nothing to change\n"
    assert wanted in (etc / "main.cf").read_bytes()
