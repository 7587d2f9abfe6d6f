"""What a page of the documentation shows: examples in fences, commands, links.

Owns the little of Markdown that our pages use, and the marker of an example that is not run: an HTML comment
`<!-- not run: reason -->` on the line before its fence.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import msgspec

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\S*)\s*$")
_MARKER = re.compile(r"^ *<!-- not run:(?P<reason>.*)-->\s*$")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_INLINE = re.compile(r"`([^`]+)`")
_HEADING = re.compile(r"(?m)^#{1,6} +(.*?)\s*$")
_OPERATORS = re.compile(r"[|;&()<>]+")


class Example(msgspec.Struct, frozen=True):
    """A fenced block: `line` is that of its fence, `reason` why it is not run, None if it is."""

    line: int
    language: str
    text: str
    reason: str | None


class Page(msgspec.Struct, frozen=True):
    """One file; `prose` is its text without the fenced blocks, `faults` are wrong fences and markers."""

    path: Path
    prose: str
    examples: list[Example]
    faults: list[str]

    def inline(self) -> Iterator[str]:
        """What stands between backticks in the prose."""
        yield from (match.replace("\n", " ") for match in _INLINE.findall(self.prose))

    def links(self) -> Iterator[str]:
        """The targets of its links."""
        yield from _LINK.findall(_INLINE.sub("", self.prose))

    def anchors(self) -> set[str]:
        """What a link may name after `#`: GitHub's form of the headings."""
        return {anchor(heading) for heading in _HEADING.findall(self.prose)}


def anchor(heading: str) -> str:
    """The name of a heading in links."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def page(path: Path, text: str) -> Page:
    """Takes a page apart."""
    prose: list[str] = []
    examples: list[Example] = []
    faults: list[str] = []
    marker: re.Match[str] | None = None
    start, block, fence = 0, list[str](), None
    for number, line in enumerate(text.splitlines(), 1):
        edge = _FENCE.match(line)
        if fence is not None:
            if edge is None:
                block.append(line.removeprefix(fence["indent"]))
                continue
            reason = marker["reason"].strip() if marker else None
            examples.append(Example(start, fence["language"], "\n".join(block) + "\n", reason))
            fence, marker, block = None, None, []
            continue
        if edge is not None:
            fence, start = edge, number
            continue
        if marker is not None:
            faults.append(f"{path}:{number}: the marker above stands before no example")
        marker = _MARKER.match(line)
        if marker is not None and not marker["reason"].strip():
            faults.append(f"{path}:{number}: a marker without a reason")
        prose.append(line)
    if fence is not None:
        faults.append(f"{path}:{start}: the fence is never closed")
    return Page(path, "\n".join(prose), examples, faults)


def commands(text: str) -> Iterator[list[str]]:
    """The simple commands of some shell text, as words; a prompt is dropped.  Raises `ValueError` for a quote."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line.removeprefix("$ ").removeprefix("# "), posix=True, punctuation_chars=True)
        words.whitespace_split = True
        words.commenters = "#"
        command: list[str] = []
        redirected = False
        for word in words:
            if _OPERATORS.fullmatch(word):
                redirected = word[-1] in "<>"
                if not redirected and command:
                    yield command
                    command = []
            elif redirected:
                redirected = False
            else:
                command.append(word)
        if command:
            yield command
