"""The documentation that is written from the declarations."""

import re
from pathlib import Path

from colocroute.config import load
from colocroute.config.reference import INTRODUCTION, example, reference
from tests.config.files import DEFAULTS, all_declared, written

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text() == reference(), "run: make docs"


def test_the_example_with_everything_is_the_default(tmp_path: Path) -> None:
    assert load(written(tmp_path, example())) == DEFAULTS


def test_the_smallest_file_of_the_introduction_is_the_default(tmp_path: Path) -> None:
    (smallest,) = re.findall(r"```toml\n(.*?)```", INTRODUCTION, re.DOTALL)
    assert load(written(tmp_path, smallest)) == DEFAULTS


def test_every_key_is_explained() -> None:
    text = reference()
    for item in all_declared():
        assert f"| `{item.key}` |" in text
        assert item.setting.help.endswith(".")
        assert item.setting.kind.expects
