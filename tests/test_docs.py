"""The documentation does what it says: examples are run or parsed, commands and links lead somewhere.

An example that cannot be run says why in a comment before it (`tests.lab.documents`); it is parsed all the same.
"""

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from colocroute.cli import main as frame
from colocroute.daemon import build
from colocroute.directory.ldif import LdifReader
from colocroute.errors import ColocrouteError, UsageError
from tests.lab.documents import Example, Page, commands, page

ROOT = Path(__file__).parents[1]
PATHS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [page(path.relative_to(ROOT), path.read_text(encoding="utf-8")) for path in PATHS]

SHELL = ("sh", "console")
LANGUAGES = {*SHELL, "toml", "ldif", ""}
"""The last one is for pictures and parts of others' files."""

REQUIRED = {"directory": 'base = "dc=test,dc=tux"', "routing": 'domains = ["test.tux"]'}
FILE_KEY = re.compile(r'^(bind_password_file|ca_file) = "[^"]+"', re.MULTILINE)


def shell_faults(example: Example) -> Iterator[str]:
    """Commands of ours in a shell example that would not be understood."""
    try:
        words = list(commands(example.text))
    except ValueError as error:
        yield f"{error}: {example.text!r}"
        return
    for command in words:
        yield from command_faults(command, whole=True)


def command_faults(words: Sequence[str], *, whole: bool) -> Iterator[str]:
    """What is wrong with one command; one that is not `whole` may lack arguments."""
    name, *arguments = words
    if name.rpartition("/")[2] == "colocroute":
        fault = verb_fault(arguments, whole=whole)
        if fault:
            yield f"{' '.join(words)}: {fault}"
    elif name == "make":
        targets = [argument for argument in arguments if "=" not in argument and argument[0] != "-"]
        yield from (f"make {target}: no such target" for target in targets if target not in make_targets())
    elif name.rpartition("/")[2] in ("python", "python3") and arguments[:1] == ["-m"]:
        module = arguments[1]
        if importlib.util.find_spec(module) is None:
            yield f"python -m {module}: no such module"


def verb_fault(arguments: Sequence[str], *, whole: bool) -> str:
    """Why the command line would refuse these arguments, empty if it would not."""
    try:
        args = frame._frame_parser().parse_args(arguments)
        if args.help or args.verb is None or args.verb.isupper():
            return ""
        verb = frame._load(args.verb, frame.VERBS, frame.PACKAGE)
        frame._verb_parser(verb).parse_args(args.rest)
    except UsageError as error:
        if whole or "are required" not in str(error):
            return str(error)
        return verb_fault([*arguments, "something"], whole=True)
    except SystemExit:
        pass  # --help or --version
    return ""


def make_targets() -> set[str]:
    """The targets that the Makefile names."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"(?m)^([a-z][\w-]*):", makefile))


def toml_faults(example: Example, directory: Path) -> Iterator[str]:
    """What the daemon says of a configuration; what every configuration needs is added, named files are made."""
    own = directory / "file"
    own.touch(mode=0o600)
    text = FILE_KEY.sub(lambda match: f'{match[1]} = "{own}"', example.text)
    for section, line in REQUIRED.items():
        if f"[{section}]" not in text:
            text += f"\n[{section}]\n{line}\n"
        elif line.partition(" ")[0] not in tomllib.loads(text)[section]:
            text = text.replace(f"[{section}]\n", f"[{section}]\n{line}\n")
    config = directory / "colocroute.toml"
    config.write_text(text, encoding="utf-8")
    try:
        build.load(config)
    except ColocrouteError as error:
        yield from str(error).splitlines()


def ldif_faults(example: Example) -> Iterator[str]:
    """What is wrong with an LDIF example; changes have no reader here, and are not looked into."""
    if "\nchangetype:" in example.text:
        return
    reader = LdifReader("example")
    try:
        if not [*reader.feed(example.text.encode()), *reader.finish()]:
            yield "no entry"
    except ColocrouteError as error:
        yield str(error)


def run_fault(example: Example, directory: Path) -> str:
    """What running a shell example says if it fails."""
    lines = [line.removeprefix("$ ") for line in example.text.splitlines()]
    if example.language == "console":
        lines = [line for line, raw in zip(lines, example.text.splitlines(), strict=True) if raw[:2] == "$ "]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(lines)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=directory,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )
    return "" if done.returncode == 0 else f"exit {done.returncode}: {done.stderr.strip()}"


def link_faults(one: Page, pages: Sequence[Page]) -> Iterator[str]:
    """Links to files and headings that do not exist."""
    known = {other.path: other for other in pages}
    for target in one.links():
        if re.match(r"[a-z]+:", target):
            continue
        file, _, heading = target.partition("#")
        place = Path(os.path.normpath(one.path.parent / file)) if file else one.path
        if not (ROOT / place).exists():
            yield f"{target}: no such file"
        elif heading and (place not in known or heading not in known[place].anchors()):
            yield f"{target}: no such heading"


def inline_faults(one: Page) -> Iterator[str]:
    """Commands of ours in the prose that would not be understood."""
    for text in one.inline():
        if re.match(r"(colocroute|make) ", text):
            yield from (fault for words in commands(text) for fault in command_faults(words, whole=False))


EXAMPLES = [
    pytest.param(one, example, id=f"{one.path}:{example.line}") for one in PAGES for example in one.examples
]


@pytest.mark.parametrize(("one", "example"), EXAMPLES)
def test_an_example_works(one: Page, example: Example, tmp_path: Path) -> None:
    assert example.language in LANGUAGES, f"{one.path}: what is {example.language!r}?"
    faults: list[str] = []
    if example.language in SHELL:
        faults += shell_faults(example)
        if example.reason is None:
            faults += filter(None, [run_fault(example, tmp_path)])
    elif example.language == "toml":
        faults += toml_faults(example, tmp_path)
    elif example.language == "ldif":
        faults += ldif_faults(example)
    assert not faults


@pytest.mark.parametrize("one", PAGES, ids=lambda one: str(one.path))
def test_a_page_leads_somewhere(one: Page) -> None:
    assert not [*one.faults, *link_faults(one, PAGES), *inline_faults(one)]


def test_a_reason_names_tests_that_exist() -> None:
    reasons = [example.reason for one in PAGES for example in one.examples if example.reason]
    named = [path for reason in reasons for path in re.findall(r"tests/[\w/]+\.py", reason)]
    assert named
    assert not [path for path in named if not (ROOT / path).exists()]


def test_the_readme_says_how_to_run_and_test() -> None:
    said = [
        words for example in PAGES[0].examples if example.language == "sh" for words in commands(example.text)
    ]
    assert ["make", "run"] in said
    assert ["make", "test"] in said


SAYS_NO = [
    ("sh", "colocroute lokup a@b", "did you mean lookup?"),
    ("sh", "/usr/bin/colocroute lookup --frobnicate a@b", "unrecognized arguments: --frobnicate"),
    ("sh", "cat x | colocroute lookup", "are required"),
    ("sh", "colocroute lookup a && make frobnicate", "make frobnicate: no such target"),
    ("sh", ".venv/bin/python -m tests.frobnicate", "no such module"),
    ("sh", "echo 'a", "No closing quotation"),
    ("toml", "[directory]\nbase = 3\n", "directory.base"),
    ("toml", "[routing]\ndomains = ['a.tux']\nx = 1\n", "routing.x: unknown key"),
    ("ldif", "dc=test", "line 1"),
    ("ldif", "# nobody", "no entry"),
]


@pytest.mark.parametrize(("language", "text", "why"), SAYS_NO)
def test_each_check_says_no(language: str, text: str, why: str, tmp_path: Path) -> None:
    example = Example(1, language, f"{text}\n", None)
    checks: dict[str, Callable[[Example], Iterator[str]]] = {
        "sh": shell_faults,
        "ldif": ldif_faults,
        "toml": partial(toml_faults, directory=tmp_path),
    }
    assert any(why in fault for fault in checks[language](example))


def test_what_is_right_passes(tmp_path: Path) -> None:
    text = """\
colocroute -c /x lookup --via daemon - <addresses.txt | sort   # a comment
$ colocroute status --json && diff <(colocroute dump) <(ssh other colocroute dump) >/dev/null
make fuzz SECONDS=5; colocroute --version
"""
    assert not list(shell_faults(Example(1, "sh", text, None)))
    incomplete = '[directory]\nca_file = "/x"\n[listen]\nsocketmap = ["unix:/x/map.sock"]\n'
    assert not list(toml_faults(Example(1, "toml", incomplete, None), tmp_path))


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("test -x $(command -v colocroute)", True),
        ("false; true", False),
        ("echo $x", False),
        ("false | cat", False),
    ],
)
def test_an_example_is_run(text: str, runs: bool, tmp_path: Path) -> None:
    assert (run_fault(Example(1, "sh", text, None), tmp_path) == "") is runs
    console = Example(1, "console", f"$ {text}\nwhatever it says\n", None)
    assert (run_fault(console, tmp_path) == "") is runs


def test_a_page_that_leads_nowhere() -> None:
    one = page(
        Path("docs/setup.md"),
        """\
# A heading: `with` code
[a](../README.md) [b](none.md) [c](#a-heading-with-code) [d](#none) [e](../README.md#none) [f](https://x/)
`colocroute lookup` `colocroute COMMAND --help` `colocroute lookup --none` `make none` `[g](none.md)`
<!-- not run: -->
```sh
x
```
<!-- not run: nothing follows -->

  ```toml
  a = 1
  ```
```
never closed
""",
    )
    assert [target for target, _, _ in (fault.partition(": ") for fault in link_faults(one, [*PAGES, one]))] == [
        "none.md", "#none", "../README.md#none",
    ]  # fmt: skip
    assert len(list(inline_faults(one))) == 2
    assert one.examples == [Example(5, "sh", "x\n", ""), Example(10, "toml", "a = 1\n", None)]
    assert [fault.split(":")[1] for fault in one.faults] == ["4", "9", "13"]
