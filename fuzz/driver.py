"""Runs a fuzz target under atheris.

Owns the corpus directory and the instrumentation; a target owns its invariant and has three functions:

    def seeds() -> list[bytes]        its test vectors
    def check(data: bytes) -> None    raises AssertionError when the invariant does not hold
    def main() -> None                driver.run(check, seeds)

A target's docstring opens with the invariant in one sentence, `Invariant: ...`, and lists after the words
`Permitted exceptions:` which may be raised, each with its reason.  `tests/fuzz/test_replay.py` replays every
target without atheris.

    python -m fuzz.fuzz_socketmap -max_total_time=60          corpus: fuzz/corpus/fuzz_socketmap
    python -m fuzz.fuzz_socketmap -max_total_time=60 DIR      corpus: DIR

What breaks the invariant is left beside the corpus, as `<corpus>-crash-<hash>`.
"""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path


def write_seeds(corpus: Path, seeds: list[bytes]) -> None:
    """Puts each seed into the corpus directory under the hash of its content."""
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        (corpus / hashlib.sha1(seed, usedforsecurity=False).hexdigest()).write_bytes(seed)


def run(check: Callable[[bytes], None], seeds: Callable[[], list[bytes]]) -> None:
    """Fuzzes `check` until libFuzzer's options (command line) end it; never returns."""
    import atheris  # only here: targets are replayed by pytest on machines that have no atheris

    arguments = sys.argv[1:]
    corpora = [argument for argument in arguments if not argument.startswith("-")]
    if not corpora:
        corpora = [str(Path(__file__).parent / "corpus" / Path(sys.argv[0]).stem)]
        arguments += corpora
    arguments.insert(0, f"-artifact_prefix={corpora[0]}-")
    write_seeds(Path(corpora[0]), seeds())
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], *arguments], check)
    atheris.Fuzz()
