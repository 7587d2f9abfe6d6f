"""Configuration files for tests."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from colocroute.config import Config, load
from colocroute.config.setting import Declared, declared, sections
from colocroute.config.settings import Routing
from colocroute.config.sources import Directory
from colocroute.errors import ConfigError

REQUIRED = {"directory": 'base = "dc=test,dc=tux"', "routing": 'domains = ["test.tux"]'}
DEFAULTS = Config(directory=Directory(base="dc=test,dc=tux"), routing=Routing(domains=("test.tux",)))


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "colocroute.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def with_required(section: str, lines: str) -> str:
    """A file that is right but for `lines` in `section`."""
    sections = {**REQUIRED}
    given_key = lines.partition("=")[0].strip()
    if not sections.get(section, "").startswith(given_key + " "):
        lines = f"{sections.get(section, '')}\n{lines}"
    return "\n".join(f"[{name}]\n{body}" for name, body in {**sections, section: lines}.items())


def mistakes(tmp_path: Path, text: str | bytes) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text), for_service=True)
    assert all(line.isprintable() for line in caught.value.mistakes)
    return caught.value.mistakes


def all_declared(config: type[msgspec.Struct] = Config) -> Iterator[Declared]:
    """Every setting of a configuration, in order."""
    for section in sections(config):
        yield from declared(config, section).values()
