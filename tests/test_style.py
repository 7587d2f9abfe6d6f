"""The shape of the code: short files and functions, a docstring for each module, a test file for each module.

Exceptions stand in the tables below, each with its reason; one that is not needed any more is an error too.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "colocroute"

FILE_LINES = 320
FUNCTION_LINES = 60
# Nine of ten functions in `src` are shorter than this.
MOST_FUNCTIONS_LINES = 40

# Files that may be longer, and why.
LONG_FILES: dict[str, str] = {}

# Modules without a test file of their own: where they are tested, and why there.
TESTED_ELSEWHERE: dict[str, tuple[str, str]] = {
    "model.py": ("tests/test_layers.py", "values without behaviour; everything uses them"),
    "errors.py": ("tests/test_layers.py", "exceptions without behaviour"),
    "directory/events.py": ("tests/directory/test_syncrepl.py", "an interface and its values"),
    "store/meta.py": ("tests/store/test_transaction.py", "values without behaviour"),
    "replicate/whereabouts.py": ("tests/daemon/test_here.py", "a value without behaviour"),
    "server/interfaces.py": ("tests/server/test_conversation.py", "interfaces and their values"),
}

_MUTE = re.compile(r"#\s*(?:type:\s*ignore(?:\[[^\]]*\])?|noqa(?::[A-Z0-9, ]+)?)\s*$")


def long_files(sources: dict[str, str]) -> list[str]:
    """Files over the limit and not in the table, and those in the table that are not over it."""
    lines = {name: source.count("\n") for name, source in sources.items()}
    found = [
        f"{name} has {count} lines, the limit is {FILE_LINES}"
        for name, count in lines.items()
        if count > FILE_LINES and name not in LONG_FILES
    ]
    return found + [f"{name} is not long any more" for name in LONG_FILES if lines[name] <= FILE_LINES]


def functions(sources: dict[str, str]) -> Iterator[tuple[str, int]]:
    """Name and number of lines of every function, decorators and docstring included."""
    for name, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                yield f"{name}:{node.lineno} {node.name}", node.end_lineno - first + 1


def long_functions(sources: dict[str, str]) -> list[str]:
    """Functions over the limit."""
    return [
        f"{name} has {count} lines, the limit is {FUNCTION_LINES}"
        for name, count in functions(sources)
        if count > FUNCTION_LINES
    ]


def without_docstring(sources: dict[str, str]) -> list[str]:
    """Modules that do not say what they own; an empty file owns nothing."""
    return [name for name, source in sources.items() if source and not ast.get_docstring(ast.parse(source))]


def muted_without_reason(sources: dict[str, str]) -> list[str]:
    """Lines that silence a checker and do not say why."""
    return [
        f"{name}:{number}"
        for name, source in sources.items()
        for number, line in enumerate(source.splitlines(), 1)
        if _MUTE.search(line)
    ]


def untested(modules: list[str], tests: set[str], elsewhere: dict[str, tuple[str, str]]) -> list[str]:
    """Modules (`x/y.py`) without `tests/x/test_y.py`, and entries of the table that are wrong."""
    found = []
    for module in modules:
        path = Path(module)
        own = f"tests/{path.parent / f'test_{path.name}'}"
        if module not in elsewhere and own not in tests:
            found.append(f"{module} has no {own}")
        if module in elsewhere and own in tests:
            found.append(f"{module} has {own}, take it off the table")
    for module, (other, _) in elsewhere.items():
        if module not in modules:
            found.append(f"{module} is on the table and does not exist")
        if other not in tests:
            found.append(f"{module} is tested in {other}, which does not exist")
    return found


def read_sources(*folders: str) -> dict[str, str]:
    """Our Python files by their path from the root."""
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}


EVERYTHING = read_sources("src", "tests", "fuzz")
OURS = read_sources("src")


def _assert_none(found: list[str]) -> None:
    assert not found, "\n".join(["", *found])


def test_files_are_short() -> None:
    _assert_none(long_files(EVERYTHING))


def test_functions_are_short() -> None:
    _assert_none(long_functions(EVERYTHING))
    lengths = sorted(count for _, count in functions(OURS))
    assert lengths[len(lengths) * 9 // 10] < MOST_FUNCTIONS_LINES


def test_modules_say_what_they_own() -> None:
    named = {name: source for name, source in EVERYTHING.items() if not Path(name).name.startswith("test_")}
    _assert_none(without_docstring(named))


def test_checkers_are_silenced_with_a_reason() -> None:
    _assert_none(muted_without_reason(EVERYTHING))


def test_tests_mirror_the_source() -> None:
    modules = [
        str(path.relative_to(PACKAGE))
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.name != "__init__.py" or any(functions({"": path.read_text(encoding="utf-8")}))
    ]
    _assert_none(untested(modules, set(read_sources("tests")), TESTED_ELSEWHERE))


def test_the_length_rules_say_no(monkeypatch: pytest.MonkeyPatch) -> None:
    assert long_files({"a.py": "\n" * FILE_LINES}) == []
    assert len(long_files({"a.py": "\n" * (FILE_LINES + 1)})) == 1
    function = "@x\ndef f():\n" + "    pass\n" * (FUNCTION_LINES - 2)
    assert long_functions({"a.py": function}) == []
    assert len(long_functions({"a.py": function + "    pass\n"})) == 1
    monkeypatch.setitem(LONG_FILES, "a.py", "for this test")
    assert long_files({"a.py": "\n" * (FILE_LINES + 1)}) == []
    assert long_files({"a.py": ""}) == ["a.py is not long any more"]


def test_the_other_rules_say_no() -> None:
    assert without_docstring({"a.py": "import os\n", "b.py": "", "c.py": '"""Owns c."""\n'}) == ["a.py"]
    silent = "x = 1  # type: ignore[misc]\ny = 2  # noqa: E501\nz = 3  # noqa: E501  # a table\n"
    assert muted_without_reason({"a.py": silent}) == ["a.py:1", "a.py:2"]


def test_the_mirror_rule_says_no() -> None:
    tests = {"tests/x/test_y.py", "tests/x/test_z.py"}
    assert untested(["x/y.py"], tests, {}) == []
    assert untested(["x/new.py"], tests, {}) == ["x/new.py has no tests/x/test_new.py"]
    assert untested(["x/new.py"], tests, {"x/new.py": ("tests/x/test_y.py", "why")}) == []
    wrong = {"x/y.py": ("tests/x/test_z.py", "why"), "x/old.py": ("tests/x/test_old.py", "why")}
    assert len(untested(["x/y.py"], tests, wrong)) == 3
