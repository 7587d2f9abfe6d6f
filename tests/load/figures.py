"""What a scenario found, as values: medians, tables, goals and plots.

Owns the arithmetic of repeated measurements: every subject is measured once in each round, in turn, so that
what disturbs the machine disturbs all alike.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence

import msgspec


class Table(msgspec.Struct):
    """Rows of text under a header."""

    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]] = ()


class Goal(msgspec.Struct, kw_only=True):
    """One goal of PERFORMANCE.md: what was wanted, what was reached, and why not more."""

    what: str
    goal: str
    figure: str
    reached: bool
    limit: str = ""


class Plot(msgspec.Struct, kw_only=True):
    """Lines over one axis: each of `lines` is a list of points (x, y)."""

    name: str
    title: str
    x: str
    y: str
    lines: dict[str, list[tuple[float, float]]]
    log_x: bool = True
    log_y: bool = False


class Section(msgspec.Struct, kw_only=True):
    """What one scenario found.  `text` says how it was measured."""

    name: str
    title: str
    text: str
    tables: list[Table] = []
    goals: list[Goal] = []
    plots: list[Plot] = []


Figures = dict[str, list[float]]


def interleaved(rounds: int, subjects: Mapping[str, Callable[[], float]]) -> Figures:
    """Measures every subject in every round, in turn."""
    found: Figures = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, measure in subjects.items():
            found[name].append(measure())
    return found


def median(values: list[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def ratio(above: list[float], below: list[float]) -> float:
    """The median of the ratios within each round."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True) if b)


def spread(values: list[float], digits: int = 0) -> str:
    """Median, with the least and the largest."""
    return f"{median(values):,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"
