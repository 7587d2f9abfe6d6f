"""What the documentation names is there: the tests of the failure table, the functions of the architecture."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FAILURE = (ROOT / "docs" / "failure.md").read_text(encoding="utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")

NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)(?:\[(\w+)\])?`")
# A row says what breaks, what is answered, what mail sees, what the operator sees, what shows it.
COLUMNS = 5


def rows(text: str) -> list[list[str]]:
    """The cells of every table row, without headings, rulers and captions (a row with its first cell only)."""
    lines = [line.strip().strip("|") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.split("|")] for line in lines]
    return [row for row in cells if any(row[1:]) and not set(row[0]) <= set("-")]


def missing(text: str) -> list[str]:
    """The named tests that do not exist."""
    found = []
    for path, name, parameter in NAMED_TEST.findall(text):
        file = ROOT / path
        source = file.read_text(encoding="utf-8") if file.is_file() else ""
        package = source + "".join(each.read_text(encoding="utf-8") for each in file.parent.glob("*.py"))
        if f"def {name}(" not in source or (parameter and f'"{parameter}"' not in package):
            found.append(f"{path}::{name}" + (f"[{parameter}]" if parameter else ""))
    return found


def test_every_test_of_the_failure_table_exists() -> None:
    assert missing(FAILURE) == []


def test_one_that_does_not_exist_is_found() -> None:
    there = "tests/test_reference_docs.py::test_one_that_does_not_exist_is_found"
    assert missing(f"`{there}` `{there}2`") == [f"{there}2"]
    assert missing("`tests/no/test_such.py::test_x`") == ["tests/no/test_such.py::test_x"]


def test_every_row_of_the_failure_table_is_whole_and_names_a_test() -> None:
    heading, *body = rows(FAILURE)
    assert len(heading) == COLUMNS
    for row in body:
        assert len(row) == COLUMNS and all(row), row
        assert NAMED_TEST.search(row[-1]), row


@pytest.mark.parametrize("name", re.findall(r"(?m)^\| \d \| `(colocroute\.[\w.]+)`", ARCHITECTURE))
def test_the_functions_of_the_architecture_exist(name: str) -> None:
    *path, function = name.split(".")
    owner: object = None
    for depth in range(len(path), 0, -1):
        try:
            owner = importlib.import_module(".".join(path[:depth]))
        except ModuleNotFoundError:
            continue
        for attribute in path[depth:]:
            owner = getattr(owner, attribute)
        break
    assert callable(getattr(owner, function))


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:src|tests)/[\w./]+)`", ARCHITECTURE))))
def test_the_files_of_the_architecture_exist(path: str) -> None:
    assert (ROOT / path).exists()
