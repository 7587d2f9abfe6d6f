"""What a quiet Postfix feels: one client that asks, waits for the answer and asks again.

The client is `postmap -q -`, so that Postfix's own way of asking is part of it.
"""

import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack

from tests.lab.company import Person
from tests.lab.postfix import Postfix
from tests.load import company, floors, ours
from tests.load.figures import Goal, Section, Table, interleaved, median, ratio, spread
from tests.load.lab import Lab

USERS, QUICK_USERS = 100_000, 10_000
LOOKUPS, QUICK_LOOKUPS = 20_000, 5_000
SLOW_LOOKUPS = 2_000  # of a table that takes ten times as long
HOT_KEYS = 100
FLOOR_GOAL, LDAP_GOAL = 0.45, 7.0


def run(lab: Lab) -> Section:
    """Seconds for each lookup, less what `postmap` takes to start."""
    users = QUICK_USERS if lab.quick else USERS
    lookups = QUICK_LOOKUPS if lab.quick else LOOKUPS
    with ExitStack() as stack:
        slapd = stack.enter_context(company.slapd(users))
        postfix, tables = stack.enter_context(company.tables(slapd, users))
        store = ours.filled(lab.work, users * ours.ADDRESSES_PER_USER)
        spinning = stack.enter_context(ours.serving(store))
        sleeping_store = ours.filled(lab.work / "sleeping", users * ours.ADDRESSES_PER_USER)
        sleeping = stack.enter_context(ours.serving(sleeping_store, spin="0us"))
        subjects: dict[str, Callable[[], float]] = {}
        for name, address in (
            ("ours", spinning.address),
            ('ours, spin = "0us"', sleeping.address),
            ("C floor, sleeping", stack.enter_context(floors.floor()).address),
        ):
            subjects[name] = _asking(postfix, f"socketmap:{address}:virtual_alias", lookups)
        for name, table in tables.items():
            subjects[name] = _asking(postfix, table, lookups if name == "lmdb:" else SLOW_LOOKUPS)
        found = interleaved(lab.rounds, subjects)
        # At the end and alone, because it takes a whole core from everybody.
        with floors.floor(spin=True) as floor:
            table = f"socketmap:{floor.address}:virtual_alias"
            found |= interleaved(lab.rounds, {"C floor, spinning": _asking(postfix, table, lookups)})
    return _section(found, users)


def _asking(postfix: Postfix, table: str, lookups: int) -> Callable[[], float]:
    """A measurement: microseconds of one lookup of a few keys again and again."""
    keys = "".join(f"{Person(number % HOT_KEYS).mail}\n" for number in range(lookups)).encode()
    one = keys[: keys.index(b"\n") + 1]
    command = ["postmap", "-c", str(postfix.config), "-q", "-", table]

    def seconds(text: bytes) -> float:
        started = time.monotonic()
        done = subprocess.run(command, input=text, capture_output=True, timeout=120, check=False)
        taken = time.monotonic() - started
        if done.stdout.count(b"\n") != text.count(b"\n"):
            raise AssertionError(f"{table}: not every key was found: {done.stderr.decode()}")
        return taken

    def measure() -> float:
        start = min(seconds(one), seconds(one))
        return max(0.0, seconds(keys) - start) / (lookups - 1)

    return measure


def _section(found: dict[str, list[float]], users: int) -> Section:
    in_us = {name: [1e6 * value for value in values] for name, values in found.items()}
    floor, ldap = found["C floor, sleeping"], found["ldap:"]
    to_floor, to_ldap = ratio(found["ours"], floor), ratio(ldap, found["ours"])
    least = median(found["C floor, spinning"]) / median(floor)
    middle = {name: median(values) for name, values in in_us.items()}
    above = median(found["ours"]) / median(found["C floor, spinning"])
    below = median(ldap) / median(found["C floor, spinning"])
    rows = [
        (name, spread(in_us[name], 1), f"{ratio(found[name], floor):.2f}")
        for name in found
        if "spinning" not in name
    ]
    rows.append(("C floor, spinning (measured after the others)", spread(in_us["C floor, spinning"], 1), ""))
    return Section(
        name="one_client",
        title="One client",
        text=f"`postmap -q -` with {HOT_KEYS} keys of {users:,} users again and again, nothing pinned.",
        tables=[Table(("table", "us for each lookup", "of the sleeping floor"), rows)],
        goals=[
            Goal(
                what="one client through `postmap -q -`, hot keys, beside the blocking floor",
                goal=f"at most {FLOOR_GOAL} x the C floor",
                figure=f"{to_floor:.2f} x",
                reached=to_floor <= FLOOR_GOAL,
                limit=(
                    f"a C server that polls for ever takes {least:.2f} x through `postmap`, we {above:.2f} x of "
                    "that. The goal counts on the price of waking a process on another core, which is low where "
                    "cores are busy or never halt"
                ),
            ),
            Goal(
                what="one client through `postmap -q -`, beside `ldap:`",
                goal=f"at least {LDAP_GOAL:g} x faster",
                figure=f"{to_ldap:.1f} x",
                reached=to_ldap >= LDAP_GOAL,
                limit=(
                    f"`ldap:` itself takes {middle['ldap:']:.0f} us with slapd on the same machine and nothing "
                    f"else to do; of our {middle['ours']:.0f} us, {middle['C floor, spinning']:.0f} are what a C "
                    f"server takes that polls for ever, {below:.1f} x faster than `ldap:`. "
                    "Only a table inside Postfix's own process would save the way through a socket"
                ),
            ),
        ],
    )
