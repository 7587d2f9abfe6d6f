"""Declarations read back from annotated structs."""

from typing import Annotated

import msgspec

from colocroute.config import kinds
from colocroute.config.setting import Setting, WrongValueError, declared, sections
from tests.config.files import all_declared


class First(msgspec.Struct, frozen=True):
    """A section."""

    number: Annotated[int, Setting(kinds.integer(0, 9), "A number.")] = 5
    name: Annotated[
        str, Setting(kinds.text("a name", "anna"), "A name.", required=True, example='"bert"')
    ] = ""


class Second(msgspec.Struct, frozen=True):
    """Another."""

    yes: Annotated[bool, Setting(kinds.flag(), "Whether.")] = True


class Whole(msgspec.Struct, frozen=True):
    first: First = First()
    second: Second = Second()


def test_sections_and_keys_are_in_order() -> None:
    assert list(sections(Whole)) == ["first", "second"]
    assert [item.name for item in all_declared(Whole)] == ["first.number", "first.name", "second.yes"]


def test_the_default_of_a_field_is_that_of_the_setting() -> None:
    number, name = declared(Whole, "first").values()
    assert (number.default, number.default_text) == (5, "5")
    assert (name.default, name.default_text) == ("", '"bert"')
    assert declared(Whole, "second")["yes"].default_text == "true"


def test_several_mistakes_are_one_error() -> None:
    error = WrongValueError("a", "b")
    assert (error.mistakes, str(error)) == (("a", "b"), "a; b")
