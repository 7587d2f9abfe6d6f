"""The manual pages: up to date, complete, and nothing that roff complains of."""

import importlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from colocroute import errors
from colocroute.cli import manual
from colocroute.cli.main import EPILOG, PACKAGE, VERBS, Parser, main
from colocroute.config import Config
from colocroute.config.setting import sections
from colocroute.daemon.asking import map_names
from tests.config.files import all_declared

MAN = Path(__file__).parents[2] / "docs" / "man"
PAGES = {"colocroute.8": manual.page8, "colocroute.toml.5": manual.page5}


def plain(page: str) -> str:
    """What a person reads, more or less."""
    return re.sub(r"\\f[BIR]|\\&", "", page).replace(r"\-", "-").replace(r"\e", "\\")


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_up_to_date(name: str) -> None:
    assert (MAN / name).read_text(encoding="utf-8") == PAGES[name](), "run: make docs"


def test_every_page_is_written() -> None:
    assert {path.name for path in MAN.iterdir()} == set(PAGES)


def test_writing(tmp_path: Path) -> None:
    manual.write(tmp_path)
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == {
        name: page() for name, page in PAGES.items()
    }


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_with_every_option(name: str) -> None:
    page = plain(manual.page8())
    assert f'.SS "{name}' in page
    part = page.split(f'.SS "{name}', 1)[1].split(".SS", 1)[0]
    parser = Parser(name, "", add_help=False)
    importlib.import_module(f"{PACKAGE}.{name}").configure(parser)
    for option in re.findall(r"--[a-z-]+", parser.format_help()):
        assert option in part


def test_every_shared_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    for option in re.findall(r"(?m)^  (-.*?)(?:  |$)", capsys.readouterr().out):
        for flag in re.findall(r"--?[a-z-]+", option):
            assert flag in plain(manual.page8())


def test_every_exit_code() -> None:
    told = {int(code) for code in re.findall(r"\b(\d+) (?=[a-z])", EPILOG.partition("exit codes:")[2])}
    assert {code for code, _ in manual.EXIT_CODES} == told
    assert {os.EX_USAGE, os.EX_CONFIG, os.EX_TEMPFAIL} < told
    assert "exit 64" in str(errors.UsageError.__doc__)


def test_every_map() -> None:
    assert all(name in plain(manual.page8()) for name in map_names())


def test_every_section_and_key() -> None:
    page = plain(manual.page5())
    for section in sections(Config):
        assert f'.SH "[{section}]"' in page
    for item in all_declared():
        assert f".TP\n{item.key}\n" in page
        assert item.default_text in page


@pytest.mark.parametrize("page", PAGES.values())
def test_roff_has_nothing_to_complain_of(page: object) -> None:
    if shutil.which("groff") is None:
        pytest.fail("groff is missing, install it with: apt-get install groff-base")
    assert callable(page)
    done = subprocess.run(
        ["groff", "-man", "-ww", "-z", "-Tutf8", "-k"],
        input=page(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("text", [".TH at the start", "'quoted at the start", "back\\slash", "a-b"])
def test_text_is_text(text: str) -> None:
    assert plain(manual._text(text)) == text
    assert manual._text(text)[0] not in ".'"
