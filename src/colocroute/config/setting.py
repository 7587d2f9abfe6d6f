"""The declaration of one setting, from which parser, defaults, help and reference are all derived.

Owns `Setting` and `Kind`, and how a section (a frozen struct whose fields are annotated with settings) is
read back into declarations.  Knows no particular key.  A field's default is the setting's default.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Generic, TypeVar, get_type_hints

import msgspec

T = TypeVar("T")


class WrongValueError(ValueError):
    """A value that cannot be used: `mistakes` says what is wrong, one line each."""

    def __init__(self, *mistakes: str) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


class Kind(msgspec.Struct, Generic[T], frozen=True):
    """A type of value: `expects` says what would be right.

    `parse` takes what TOML gave and raises `ValueError` with what is wrong (`WrongValueError` for several
    mistakes); `show` gives the TOML text of a value, so that `parse(toml(show(v))) == v`.
    """

    expects: str
    parse: Callable[[object], T]
    show: Callable[[T], str]


class Setting(msgspec.Struct, frozen=True):
    """What a key means: its kind and its help, Markdown on one line.

    A `required` setting has no default: its field's default stands for absence, and `example`, the TOML text
    of a value, takes its place in the documentation.
    """

    kind: Kind[Any]
    help: str
    required: bool = False
    example: str = ""


class Declared(msgspec.Struct, frozen=True):
    """A setting in its place; `default` is the parsed value."""

    section: str
    key: str
    default: object
    setting: Setting

    @property
    def name(self) -> str:
        """`section.key`."""
        return f"{self.section}.{self.key}"

    @property
    def default_text(self) -> str:
        """The default as TOML text, or the example if there is no default."""
        return self.setting.example if self.setting.required else self.setting.kind.show(self.default)


@cache
def sections(config: type[msgspec.Struct]) -> dict[str, type[msgspec.Struct]]:
    """The sections of a configuration by name, in order."""
    return get_type_hints(config)


@cache
def declared(config: type[msgspec.Struct], section: str) -> dict[str, Declared]:
    """The settings of one section by key, in order."""
    struct = sections(config)[section]
    hints = get_type_hints(struct, include_extras=True)
    empty = struct()
    return {
        field.name: Declared(
            section, field.name, getattr(empty, field.name), hints[field.name].__metadata__[0]
        )
        for field in msgspec.structs.fields(struct)
    }
