"""Every fuzz target without atheris: its seeds and mutations of them, so that plain pytest exercises each.

The mutations are the same in every run (the generator's seed is the target's name); only how many of them
fit into the time depends on the machine.
"""

import importlib
import random
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

TARGETS = sorted(path.stem for path in (Path(__file__).parents[2] / "fuzz").glob("fuzz_*.py"))

# Seconds of mutations for each target, and the most of them.
SECONDS = 1.5
MOST = 3000


def test_there_are_targets() -> None:
    assert "fuzz_socketmap" in TARGETS


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(f"fuzz.{request.param}")


def test_a_target_states_its_invariant_and_has_its_functions(target: ModuleType) -> None:
    assert shortcomings(target) == []


def test_a_target_without_them_is_refused() -> None:
    bare = ModuleType("fuzz_bare", "Fuzzes.")
    assert len(shortcomings(bare)) == 5
    vars(bare).update(check=len, main=len, seeds=list, __doc__="Invariant: x.\n\nPermitted exceptions: none.")
    assert shortcomings(bare) == ["no seeds"]


def shortcomings(target: ModuleType) -> list[str]:
    """What a fuzz target lacks."""
    doc = target.__doc__ or ""
    lacks = [
        f"no {name}()" for name in ("check", "main", "seeds") if not callable(getattr(target, name, None))
    ]
    if not doc.startswith("Invariant: "):
        lacks.append("docstring does not open with 'Invariant: '")
    if "Permitted exceptions:" not in doc:
        lacks.append("docstring has no 'Permitted exceptions:', each with its reason, or none")
    if "no seeds()" not in lacks and not target.seeds():
        lacks.append("no seeds")
    return lacks


def test_seeds(target: ModuleType) -> None:
    for seed in target.seeds():
        target.check(seed)


def test_mutations(target: ModuleType) -> None:
    deadline = time.monotonic() + SECONDS
    for data in mutations(target.seeds(), target.__name__):
        try:
            target.check(data)
        except Exception as error:
            error.add_note(f"input: {data[:500]!r}")
            raise
        if time.monotonic() > deadline:
            break


def mutations(seeds: list[bytes], name: str) -> Iterator[bytes]:
    """Seeds with bytes flipped, dropped, doubled, swapped with another seed's, or cut."""
    dice = random.Random(name)
    for _ in range(MOST):
        data = bytearray(dice.choice(seeds))
        for _ in range(dice.choice((1, 1, 2, 4))):
            _mutate(data, dice, seeds)
        yield bytes(data)


def _mutate(data: bytearray, dice: random.Random, seeds: list[bytes]) -> None:
    at = dice.randrange(len(data) + 1)
    end = min(len(data), at + dice.choice((1, 1, 2, 8)))
    match dice.randrange(6):
        case 0:
            data[at:end] = dice.randbytes(end - at)
        case 1:
            del data[at:end]
        case 2:
            data[at:at] = data[at:end]
        case 3:
            other = dice.choice(seeds)
            start = dice.randrange(len(other) + 1)
            data[at:end] = other[start : start + dice.choice((1, 8, 64))]
        case 4:
            data[at:at] = dice.choice((b"\0", b"\xff", b"\n", b" ", b"%", b"0", b"9", b"@", b"\xc3", b"\x80"))
        case _:
            del data[at:]


@pytest.mark.parametrize("data", [b"1:a,x", b"3:a b,"])
def test_a_broken_invariant_fails(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The replay says no: with a decoder that drops bytes, the target fails."""
    target = importlib.import_module("fuzz.fuzz_socketmap")
    monkeypatch.setattr(
        target.socketmap, "_request", lambda payload: target.socketmap.Request(payload[:1], b"x")
    )
    with pytest.raises(AssertionError):
        target.check(data)
