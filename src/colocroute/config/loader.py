"""The configuration file, read and judged as a whole.

Owns `load`: a file is a `Config`, or a `ConfigError` that lists every mistake in it.  What takes knowledge of
other layers (is this an LDAP filter, is this the name of a map) is checked by functions handed in.  Limit:
the line of a key is found by reading the file as lines, which a multi-line string can mislead; then a wrong
line is named.
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import msgspec

from colocroute.config.kinds import shown
from colocroute.config.rules import Mistake, broken_rules
from colocroute.config.setting import Declared, WrongValueError, declared, sections
from colocroute.config.settings import Config
from colocroute.config.sources import PRESETS
from colocroute.errors import ConfigError

DEFAULT_PATH = Path("/etc/colocroute/colocroute.toml")
# A configuration has a few kilobytes; more is another file named by mistake.
MAX_BYTES = 1_000_000

Check = Callable[[str], None]
"""Raises `ValueError` with what is wrong with a value."""

_HEADER = re.compile(r"\s*\[\s*([\w-]+)\s*\]")
_KEY = re.compile(r"""\s*["']?([\w-]+)["']?\s*(?:\.\s*["']?([\w-]+)["']?\s*)?[=.]""")


def load(path: Path, checks: dict[str, Check] | None = None, *, for_service: bool = False) -> Config:
    """The configuration in the file at `path`.

    `checks` has more checks by `section.key`: each is called with the value (of a list or table, with each
    element or key), once it is of the right type.  `for_service`: the files that it names are needed too.

    :raises ConfigError: with one line for each mistake.
    """
    text = _read(path)
    document = _document(path, text)
    config, mistakes = _parse(document, checks or {})
    wrong = {mistake.name for mistake in mistakes}
    mistakes += broken_rules(config, wrong, for_service=for_service)
    if mistakes:
        raise ConfigError(_sorted_lines(mistakes, text))
    return config


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError([f"{path}: cannot be read: {reason}"]) from None
    if len(data) > MAX_BYTES:
        raise ConfigError([f"{path}: more than {MAX_BYTES} bytes, this is not a configuration file"])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{path}: not UTF-8: byte 0x{data[error.start]:02x} (line {line})"]) from None


def _document(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError([f"{path}: not TOML: too deeply nested"]) from None
    except ValueError as error:
        raise ConfigError([f"{path}: not TOML: {error}"]) from None


def _parse(document: dict[str, Any], checks: dict[str, Check]) -> tuple[Config, list[Mistake]]:
    """The configuration as far as it can be used, and what cannot."""
    known = sections(Config)
    mistakes = [Mistake(name, _unknown_section(name)) for name in document if name not in known]
    parsed = {}
    for name, struct in known.items():
        raw = document.get(name, {})
        if not isinstance(raw, dict):
            mistakes.append(Mistake(name, f"{shown(raw)} is not a section, write [{name}]"))
            raw = {}
        values, wrong = _section(name, raw, checks)
        mistakes += wrong
        base = PRESETS[values["preset"]] if "preset" in values else struct()
        parsed[name] = msgspec.structs.replace(base, **values)
    return msgspec.structs.replace(Config(), **parsed), mistakes


def _section(
    section: str, raw: dict[str, Any], checks: dict[str, Check]
) -> tuple[dict[str, Any], list[Mistake]]:
    settings = declared(Config, section)
    values: dict[str, Any] = {}
    mistakes = [
        Mistake(item.name, f"is missing, {_expected(item)}")
        for key, item in settings.items()
        if item.setting.required and key not in raw
    ]
    for key, value in raw.items():
        item = settings.get(key)
        if item is None:
            mistakes.append(Mistake(f"{section}.{key}", _unknown_key(section, key)))
            continue
        try:
            values[key] = item.setting.kind.parse(value)
        except ValueError as error:
            texts = error.mistakes if isinstance(error, WrongValueError) else (str(error),)
            mistakes += [Mistake(item.name, f"{text}, {_expected(item)}") for text in texts]
            continue
        if item.name in checks:
            mistakes += _checked(item.name, values[key], checks[item.name])
    return values, mistakes


def _checked(name: str, value: Any, check: Check) -> Iterator[Mistake]:
    for part in [value] if isinstance(value, str) else value:
        try:
            check(part)
        except ValueError as error:
            yield Mistake(name, str(error))


def _expected(item: Declared) -> str:
    return f"expected {item.setting.kind.expects}"


def _unknown_section(name: str) -> str:
    for section in sections(Config):
        if name in declared(Config, section):
            return f"unknown section, the key {name} belongs in [{section}]"
    return f"unknown section{_nearest(name, sections(Config))}"


def _unknown_key(section: str, key: str) -> str:
    near = _nearest(key, declared(Config, section))
    for other in sections(Config):
        if not near and key in declared(Config, other):
            return f"unknown key, it belongs in [{other}]"
    return f"unknown key{near}"


def _nearest(name: str, names: Collection[str]) -> str:
    near = difflib.get_close_matches(name, names, 1)
    return f", did you mean {near[0]}?" if near else ""


def _line_numbers(text: str) -> dict[str, int]:
    """The lines where sections and keys first stand, by `section` and `section.key`."""
    lines: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            section = header[1]
            lines.setdefault(section, number)
        elif key := _KEY.match(line):
            parts = [part for part in (section, key[1], key[2]) if part]
            lines.setdefault(".".join(parts[:2]), number)
    return lines


def _sorted_lines(mistakes: list[Mistake], text: str) -> list[str]:
    """One line of text for each mistake, in the order of the file, what is not in it last."""
    lines = _line_numbers(text)
    mistakes = sorted(mistakes, key=lambda mistake: lines.get(mistake.name, len(text)))
    places = [f" (line {lines[mistake.name]})" if mistake.name in lines else "" for mistake in mistakes]
    return [f"{mistake.name}: {mistake.text}{place}" for mistake, place in zip(mistakes, places, strict=True)]
