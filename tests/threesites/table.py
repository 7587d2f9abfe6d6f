"""The table of a run: one row for each scenario, the two ways of asking side by side.

Owns the columns and the page of documentation around them.  Pure.
"""

from collections.abc import Mapping, Sequence

import msgspec

from tests.threesites.run import Result, Scenario

COLOCROUTE, LDAP = "colocroute", "ldap"
PREFIXES = {COLOCROUTE: "", LDAP: "ldap: "}
NONE = "-"

_PAGE = """\
# Three sites, and what goes wrong

Three sites on one machine, each in a network namespace of its own: a slapd (central's is the provider), a
colocroute, a Postfix and a mailbox server, joined by lines that can be cut; and the outside. In each scenario
{messages} messages are sent over {seconds:.0f} s, from random sites and from outside, to random users, by any of
their addresses, in upper and lower case, with and without extension; one in five goes to two people, and some leave
the company. Each is accounted for, recipient by recipient. All times are short: Postfix tries again after 1 to 2 s,
a sender after 0.7 s, and an smtpd lives for 20 sessions.

- **lost**: refused as unknown, bounced, or gone. Required: 0.
- **twice**: duplicates, and **wrong**: mail in a mailbox of somebody else or at another site. Required: 0.
- **again**: copies that a server handed over again because it was stopped in between ([RFC 1047][]): no routing can
  prevent them.
- **leaked**: mails to the outside with an internal sub-domain in envelope or header. Required: 0.
- **retries**: how often a sender was told "later" (or met no server) and tried again.
- **waited**: the most mails that were waiting in queues at one time.
- **slowest**: seconds from the first attempt to the mailbox.

Beside it, the same scenarios with Postfix's own `ldap:` tables in colocroute's place: the same classes of
addresses, recipients validated, a filter for addresses and aliases, one for route addresses, one for transports
([the files](../tests/threesites/ldaptables.py)). They answer what the replica says at the moment, and cannot know
that it is wrong.

{table}

Measured on {date}, {cores} cores, Postfix {postfix}. To repeat it, as root (it takes about {minutes:.0f} minutes):

<!-- not run: it takes minutes; tests/threesites/test_threesites.py plays the same scenarios -->
```sh
{command}
```

`--help` tells how to run fewer messages or single scenarios; `make test` runs a small
version of it, `make test-long` one of this size.

[RFC 1047]: https://www.rfc-editor.org/rfc/rfc1047

## The scenarios

{scenarios}
"""


class Context(msgspec.Struct, frozen=True):
    """What the page says besides the numbers."""

    messages: int
    seconds: float
    date: str
    cores: int
    postfix: str
    minutes: float
    command: str


def table(scenarios: Sequence[Scenario], results: Mapping[str, Mapping[str, Result]]) -> str:
    """Markdown that can be read as it is; `results` by table type and scenario."""
    kinds = list(results)
    head = ["scenario"] + [f"{PREFIXES[kind]}{column}" for kind in kinds for column in _COLUMNS]
    rows = [
        [scenario.title, *(cell for kind in kinds for cell in _cells(results[kind].get(scenario.name)))]
        for scenario in scenarios
    ]
    widths = [max(len(row[index]) for row in [head, *rows]) for index in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(_line(row, widths) for row in [head, rule, *rows])


def page(context: Context, scenarios: Sequence[Scenario], results: Mapping[str, Mapping[str, Result]]) -> str:
    """The page of documentation."""
    told = [f"- **{scenario.title}**: {_sentence(scenario)}" for scenario in scenarios]
    fields = msgspec.structs.asdict(context)
    return _PAGE.format(table=table(scenarios, results), scenarios="\n".join(told), **fields)


_COLUMNS = ("lost", "twice", "again", "wrong", "leaked", "retries", "waited", "slowest")


def _cells(result: Result | None) -> list[str]:
    if result is None:
        return [NONE] * len(_COLUMNS)
    found = result.account
    return [
        f"{found.lost} of {found.recipients}",
        str(found.duplicated),
        str(found.again),
        str(found.misdelivered),
        str(found.leaked),
        str(found.retries),
        str(result.deferred),
        f"{found.slowest:.1f}",
    ]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = [
        cell.ljust(width) if index == 0 else cell.rjust(width)
        for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"| {' | '.join([first, *others])} |"


def _sentence(scenario: Scenario) -> str:
    return " ".join((scenario.play.__doc__ or "").split())
