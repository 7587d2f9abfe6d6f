"""What several tests of commands share."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def directory() -> Iterator[Path]:
    """Short enough for a socket, and open to all."""
    path = Path(tempfile.mkdtemp(prefix="cr", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)
