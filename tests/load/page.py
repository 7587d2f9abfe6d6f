"""The page `docs/performance.md`: every figure on it comes from one run of `python -m tests.load`."""

from pathlib import Path

from tests.load.figures import Goal, Section, Table

HEAD = """\
# Speed

Written by `{command} --markdown docs/performance.md`; no figure here was typed. Only ratios within one run
count: {machine}.
{run}

Each subject is measured in every round, all in turn; a figure is the median of {rounds} rounds, with the least
and the largest in brackets, a ratio the median of the ratios of the rounds; plots over connections are of one
round. `tests/load/floor.c` is the floor: a server in C that gives every request the same reply.

## Goals
"""


def write(sections: list[Section], plots: dict[str, Path], head: dict[str, str], page: Path) -> None:
    """Writes the page; `plots` are the files of the plots by their names."""
    lines = [HEAD.format(**head)]
    goals = [(goal, section) for section in sections for goal in section.goals]
    lines += _table(
        Table(
            ("what", "goal", "figure", "reached", "command"),
            [_row(goal, section, head["command"]) for goal, section in goals],
        )
    )
    missed = [goal for goal, _ in goals if not goal.reached]
    if missed:
        lines += ["", "### What is missed, and why", ""]
        lines += [f"- **{goal.what}** ({goal.figure}): {goal.limit or 'see below'}." for goal in missed]
    for section in sections:
        lines += ["", f"## {section.title}", "", section.text]
        for table in section.tables:
            lines += ["", *_table(table)]
        for plot in section.plots:
            if plot.name in plots:
                path = plots[plot.name].relative_to(page.parent.resolve())
                lines += ["", f"![{plot.title}]({path})"]
    page.write_text("\n".join(lines) + "\n")


def _row(goal: Goal, section: Section, command: str) -> tuple[str, ...]:
    reached = "yes" if goal.reached else "**no**"
    return goal.what, goal.goal, f"**{goal.figure}**", reached, f"`{command} --only {section.name}`"


def _table(table: Table) -> list[str]:
    lines = ["| " + " | ".join(row) + " |" for row in (table.header, *table.rows)]
    return [lines[0], "|" + "---|" * len(table.header), *lines[1:]]
