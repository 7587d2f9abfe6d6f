"""Which package may know which: the table of the architecture, held against every import in `src`.

Imports count wherever they stand: in functions, under `TYPE_CHECKING`, by `import_module`.  Each rule is
shown to say no to a source made up for it.
"""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src"
ROOT = "colocroute"

# What each package may import of the others.  A package that is not here may not exist.
VALUES = {"model", "errors"}
MAY_IMPORT: dict[str, set[str]] = {
    "": set(),
    "model": set(),
    "errors": set(),
    "config": VALUES,
    "directory": VALUES,
    "store": VALUES,
    "routing": VALUES,
    "wire": VALUES,
    "replicate": VALUES | {"directory", "store"},
    "server": VALUES | {"wire"},
    "daemon": VALUES | {"", "config", "directory", "store", "routing", "replicate", "server"},
    "bench": VALUES | {"wire"},
    "cli": VALUES
    | {"", "bench", "config", "directory", "store", "routing", "wire", "replicate", "server", "daemon"},
    "__main__": {"cli"},
}

# Modules that may import one package more, and why.
EXCEPTIONS = {
    ("daemon.asking", "wire"): "`lookup --via daemon` is a client of the socketmap",
    ("server.listeners", "config"): "addresses are parsed once, with the units of the configuration",
    ("server.activation", "config"): "as server.listeners",
}

# Libraries with one importer.
SOLE_IMPORTER = {"lmdb": "store", "ldap3": "directory"}

# Packages without I/O, clock and logging, and all that they may import from outside.
PURE = {"model", "errors", "routing", "wire"}
PURE_LIBRARIES = {
    "abc", "bisect", "collections", "dataclasses", "enum", "functools", "idna", "ipaddress", "itertools",
    "math", "msgspec", "operator", "re", "string", "types", "typing", "unicodedata", "urllib.parse",
}  # fmt: skip
IMPURE_BUILTINS = {"open", "print", "input", "breakpoint"}

# Modules of `wire` that its codecs share; no other may be imported inside `wire`.
WIRE_SHARED = {"netstring", "stream", "text"}

# Packages that must not know sockets.
SOCKETLESS = {"config", "store"}


def imports(name: str, source: str, modules: set[str]) -> Iterator[str]:
    """The modules that a module imports; `from package import name` is the module if there is one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                is_package = any(other.startswith(f"{name}.") for other in modules)
                above = name.split(".")[: name.count(".") + 1 - node.level + is_package]
                base = ".".join([*above, base] if base else above)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in modules else base
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            argument = node.args[0] if node.args else None
            literal = isinstance(argument, ast.Constant) and isinstance(argument.value, str)
            yield str(argument.value) if literal and isinstance(argument, ast.Constant) else "<computed>"


def violations(sources: Mapping[str, str]) -> list[str]:
    """What breaks the rules in these modules (dotted name: source), one line each."""
    modules = set(sources)
    graph = {name: sorted(set(imports(name, source, modules))) for name, source in sources.items()}
    found = [line for name in sorted(graph) for line in _wrong_imports(name, graph[name])]
    for name, source in sources.items():
        if _package(name) in PURE:
            found += [f"{name} calls {call}()" for call in sorted(_calls(source) & IMPURE_BUILTINS)]
    return found + _cycles(graph)


def _wrong_imports(name: str, targets: list[str]) -> Iterator[str]:
    package, here = _package(name), name.removeprefix(f"{ROOT}.")
    if package not in MAY_IMPORT:
        yield f"{name} is in a package that the table does not know"
        return
    for target in targets:
        other, top = _package(target), target.split(".")[0]
        wrong = f"{name} must not import {target}"
        if target == "<computed>":
            if package != "cli":
                yield wrong
        elif top == ROOT:
            allowed = other == package or other in MAY_IMPORT[package] or (here, other) in EXCEPTIONS
            inside_wire = package == other == "wire" and target.split(".")[-1] not in WIRE_SHARED
            if not allowed or inside_wire:
                yield wrong
        elif SOLE_IMPORTER.get(top, package) != package:
            yield f"{wrong}: {SOLE_IMPORTER[top]} is its sole importer"
        elif package in PURE and not {top, target} & PURE_LIBRARIES:
            yield f"{wrong}: {package} does no I/O"
        elif package in SOCKETLESS and top in ("socket", "ssl", "select", "selectors", "asyncio"):
            yield f"{wrong}: {package} knows no sockets"


def _cycles(graph: Mapping[str, list[str]]) -> list[str]:
    try:
        TopologicalSorter({name: [one for one in to if one != name] for name, to in graph.items()}).prepare()
    except CycleError as error:
        return ["import cycle: " + " -> ".join(error.args[1])]
    return []


def _package(name: str) -> str:
    """The part of the package a module of ours belongs to; empty for its `__init__`."""
    return name.split(".")[1] if name.startswith(f"{ROOT}.") else ""


def _calls(source: str) -> set[str]:
    return {
        node.func.id
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def read_sources() -> dict[str, str]:
    """Our modules by dotted name; a package by its own name."""
    found = {}
    for path in sorted((SRC / ROOT).rglob("*.py")):
        name = ".".join(path.relative_to(SRC).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path.read_text(encoding="utf-8")
    return found


def test_the_layers() -> None:
    assert violations(read_sources()) == []


def test_every_exception_is_needed() -> None:
    sources = read_sources()
    for (here, package), reason in EXCEPTIONS.items():
        name = f"{ROOT}.{here}"
        used = {_package(target) for target in imports(name, sources[name], set(sources))}
        assert package in used, f"{here} does not import {package} any more: {reason}"


SAYS_NO = [
    ("model", "import colocroute.errors", "model must not import colocroute.errors"),
    ("errors", "from colocroute import model", "must not import colocroute"),
    ("config.loader", "from colocroute.server import listeners", "must not import colocroute.server"),
    ("config.loader", "import socket", "config knows no sockets"),
    (
        "directory.client",
        "from colocroute.store.mirror import Mirror",
        "must not import colocroute.store.mirror",
    ),
    ("directory.client", "from colocroute.routing import maps", "must not import colocroute.routing"),
    ("store.mirror", "from colocroute.directory.events import Event", "must not import colocroute.directory"),
    ("store.mirror", "from colocroute.routing.view import View", "must not import colocroute.routing.view"),
    ("routing.maps", "from colocroute.wire import socketmap", "must not import colocroute.wire"),
    ("routing.maps", "from colocroute.store import mirror", "must not import colocroute.store"),
    ("wire.socketmap", "from colocroute.routing import maps", "must not import colocroute.routing"),
    (
        "wire.tcp_table",
        "from colocroute.wire.socketmap import Request",
        "must not import colocroute.wire.socket",
    ),
    ("replicate.apply", "from colocroute.wire import text", "must not import colocroute.wire"),
    ("replicate.apply", "import colocroute.server", "must not import colocroute.server"),
    ("server.worker", "from colocroute.directory import client", "must not import colocroute.directory"),
    ("server.worker", "from colocroute.routing import maps", "must not import colocroute.routing"),
    ("server.worker", "from colocroute.config import Config", "must not import colocroute.config"),
    ("daemon.build", "from colocroute.wire import text", "must not import colocroute.wire"),
    ("daemon.build", "from colocroute.cli import main", "must not import colocroute.cli"),
    ("server.worker", "import lmdb", "store is its sole importer"),
    ("daemon.build", "def f():\n    import ldap3", "directory is its sole importer"),
    ("cli.main", "from ldap3.core import exceptions", "directory is its sole importer"),
    ("routing.maps", "import logging", "routing does no I/O"),
    ("routing.maps", "import time", "routing does no I/O"),
    ("wire.text", "import socket", "wire does no I/O"),
    ("wire.text", "from os import path", "wire does no I/O"),
    ("wire.text", "import urllib.request", "wire does no I/O"),
    ("model", "from pathlib import Path", "model does no I/O"),
    ("errors", "import sys", "errors does no I/O"),
    ("routing.maps", "print('x')", "calls print()"),
    ("routing.maps", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import lmdb", "sole importer"),
    ("routing.maps", "import importlib\nimportlib.import_module('lmdb')", "sole importer"),
    (
        "daemon.build",
        "from importlib import import_module\nimport_module(name)",
        "must not import <computed>",
    ),
    ("routing.maps", "from ..wire import text", "must not import colocroute.wire"),
    ("routing", "from .maps import x\nfrom .. import server", "must not import colocroute"),
    ("newcomer.x", "", "a package that the table does not know"),
]


@pytest.mark.parametrize(("name", "source", "expected"), SAYS_NO)
def test_each_rule_says_no(name: str, source: str, expected: str) -> None:
    found = violations({ROOT: "", f"{ROOT}.{name}": source})
    assert any(expected in line for line in found), found


def test_what_is_allowed_is_allowed() -> None:
    sources = {
        "wire.text": "import re\nfrom urllib.parse import quote",
        "wire.socketmap": "from colocroute.wire import text\nfrom colocroute.errors import PeerError",
        "errors": "",
        "daemon.build": "from colocroute.store import mirror\nimport os, logging",
        "store.mirror": "import lmdb",
    }
    assert violations({ROOT: "", **{f"{ROOT}.{name}": source for name, source in sources.items()}}) == []


@pytest.mark.parametrize(
    "how", ["from colocroute.store import b", "import colocroute.store.b", "from . import b"]
)
def test_a_cycle_is_seen(how: str) -> None:
    sources = {
        ROOT: "",
        f"{ROOT}.store": "",
        f"{ROOT}.store.a": f"def f():\n    {how}",
        f"{ROOT}.store.b": "from colocroute.store.c import x",
        f"{ROOT}.store.c": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .a import f",
    }
    assert any(line.startswith("import cycle: ") for line in violations(sources))
