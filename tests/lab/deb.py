"""The Debian package of this tree, built as `make deb` builds it or around a stub."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOME = "/usr/lib/colocroute"
EXAMPLES = "/usr/share/doc/colocroute/examples"


def run(*command: str | Path) -> str:
    """The output of a command that has to succeed, run in our tree."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def built(directory: Path) -> Path:
    """The package as `make deb` makes it; takes half a minute."""
    return Path(run("make", "deb", f"DIST={directory}").splitlines()[-1])


def stubbed(directory: Path, version: str) -> Path:
    """A package of the given version that has a stub for the program and its libraries."""
    (directory / "bundle" / "colocroute").mkdir(parents=True)
    (directory / "bundle" / "colocroute" / "__init__.py").write_text(f'__version__ = "{version}"\n')
    return Path(run(".ci/deb/pack", directory / "bundle", directory / "dist").strip())


def with_version(package: Path, version: str, directory: Path) -> Path:
    """The same package under another version."""
    run("dpkg-deb", "--raw-extract", package, directory / "tree")
    control = directory / "tree" / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^Version: .*", f"Version: {version}", control.read_text()))
    run("dpkg-deb", "--build", "--root-owner-group", directory / "tree", directory / "package.deb")
    return directory / "package.deb"
