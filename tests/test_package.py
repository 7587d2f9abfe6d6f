"""What is committed is enough: a fresh clone imports nothing that is missing, and the wheel has all its files.

Looks at the commit, not at the working tree: a file that somebody forgot to add is what this is about.
"""

import ast
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("colocroute", "tests", "fuzz", "bench")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the commit."""
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True).stdout
    place = tmp_path_factory.mktemp("clone")
    subprocess.run(["tar", "--extract", "--directory", str(place)], input=archive, check=True)
    return place


@pytest.fixture(scope="module")
def wheel(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the commit."""
    place = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(place)],
        cwd=clone,
        capture_output=True,
        check=True,
    )
    (built,) = place.glob("*.whl")
    return built


def missing_modules(clone: Path) -> Iterator[str]:
    """Modules of ours that some file imports and the tree does not have."""
    for path in sorted(clone.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in names:
                if name.split(".")[0] in OURS and not is_there(clone, name):
                    yield f"{path.relative_to(clone)} imports {name}"


def is_there(clone: Path, module: str) -> bool:
    place = (clone / "src" if module.startswith("colocroute") else clone).joinpath(*module.split("."))
    return place.is_dir() or place.with_suffix(".py").is_file()


def test_a_clone_imports_nothing_that_is_not_in_it(clone: Path) -> None:
    assert not list(missing_modules(clone))


def test_what_is_missing_is_found(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("import colocroute.none\nfrom tests.none import y\nimport os, fuzz\n")
    assert list(missing_modules(tmp_path)) == [
        "x.py imports colocroute.none",
        "x.py imports tests.none",
        "x.py imports fuzz",
    ]


def test_the_wheel_has_every_file_of_the_package(clone: Path, wheel: Path) -> None:
    source = clone / "src"
    ours = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    assert {"colocroute/py.typed", "colocroute/daemon/demo.ldif"} <= ours
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert ours <= names
        info = {name.partition("/")[2] for name in names - ours}
        assert info == {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}
        (points,) = (archive.read(name).decode() for name in names if name.endswith("entry_points.txt"))
    assert "colocroute = colocroute.cli.main:run" in points


def test_the_wheel_works_without_the_sources(wheel: Path, tmp_path: Path) -> None:
    code = (
        "import colocroute.cli.main as frame\n"
        "from colocroute.daemon import build, demo, live\n"
        "with demo.prepared() as prepared:\n"
        "    assert live.read_directory(build.load(prepared.path))\n"
        "    code = frame.main(['lookup', '-c', str(prepared.path), '--via', 'directory', 'anna@test.tux'])\n"
        "print(frame.__file__, code)\n"
    )
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == f"anna@external.test.tux\n{tmp_path}/colocroute/cli/main.py 0\n", done.stderr
