"""Where mail for one address goes, and why: the steps of the resolution and the questions that Postfix asks.

Owns the story as a value.  Every answer in it comes from the map functions.  Pure: a view and the records of the
same moment come in; in which attribute a value stands is not in the mirror, and is asked for by a function.
Must not know the mirror, the directory, the terminal or clocks.

Limits: the questions are those of the wiring that `colocroute postconf` writes.  smtpd(8) also asks `transport`
for the address before it is rewritten, and keeps nothing of it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from typing import Any

import msgspec

from colocroute.model import Answer, Found, NotFound, Record, State, TempFail, User
from colocroute.routing import maps
from colocroute.routing.address import domain_of, fold, fold_domain, key_of, parse
from colocroute.routing.extension import split
from colocroute.routing.records import keys
from colocroute.routing.resolve import (
    How,
    Match,
    Question,
    owners_disagree,
    question,
    resolve_or_catch_all,
    route_of,
)
from colocroute.routing.topology import classify
from colocroute.routing.view import View

ROUNDS = 10  # of virtual_alias; two end it, as a route address has no alias

AT_RCPT = "smtpd at RCPT TO"
EXPANDING = "cleanup"
ROUTING = "trivial-rewrite for the queue manager"
AT_THE_SITE = "smtpd of that site"
TEMP = "TEMP "

IGNORED = {
    "foreign": "its domain is none of ours",
    "site": "in a site domain only route addresses count",
    "public": "a route address in a public domain does not count",
}


class Outcome(Enum):
    """What there is to say of the address as a whole."""

    FOUND = "found"
    NOT_FOUND = "not found"
    LATER = "cannot be said now"


class Step(msgspec.Struct, frozen=True):
    """One question of Postfix.  `answer` is the value, `NOTFOUND`, or `TEMP` with the reason."""

    map: str
    key: str
    answer: str
    asked_by: str


class Holder(msgspec.Struct, frozen=True):
    """An entry that has the address.  `role`: owner, disabled, or ignored (its value is not honoured)."""

    dn: str
    role: str
    routes: tuple[str, ...]


class Names(msgspec.Struct, frozen=True):
    """Attributes of the directory: that of the route, and that in which an entry (DN) has an address (key)."""

    route: str
    of_address: Callable[[str, str], str]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The whole way; texts are empty for what there is not.

    `dn` is the first of `entries`, owners before others.  `matched` says as what the address was found, and in
    which attribute of `dn`; `value` is the key that was found.
    """

    address: str
    outcome: Outcome
    summary: str = ""
    domain_class: str = ""
    dn: str = ""
    entries: tuple[Holder, ...] = ()
    matched: str = ""
    value: str = ""
    extension: str = ""
    route: str = ""
    site: str = ""
    nexthop: str = ""
    here: bool = False
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()


def explain(view: View, records: Iterable[Record], address: str, names: Names) -> Explanation:
    """Tells it; goes through all records once, to name entries, disabled ones too."""
    asked = question(view, address)
    empty = view.state is State.EMPTY
    match = None if asked is None or empty else _honoured(resolve_or_catch_all(view, asked), asked)
    steps = _questions(view, address)
    entries = () if empty else _holders(records, match, _wanted(view, address, match))
    told = Explanation(
        address=address,
        outcome=_outcome(steps, match),
        domain_class=asked.domain_class if asked else "foreign" if fold(address) else "",
        dn=entries[0].dn if entries else "",
        entries=entries,
        matched=_matched(match, entries, names),
        value=match.key if match else "",
        extension=match.extension if match else "",
        steps=steps,
        **_whereto(view, match),
    )
    return msgspec.structs.replace(
        told,
        summary=_summary(view, told),
        notes=tuple(_notes(view, told, match)),
    )


def _honoured(match: Match | None, asked: Question) -> Match | None:
    """The match, if mail can come of it: a route in a public domain is no address there, and smtpd refuses it."""
    counts = match is None or match.how is not How.ROUTE or asked.domain_class == "site"
    return match if counts else None


def _whereto(view: View, match: Match | None) -> dict[str, Any]:
    route = route_of(view, match) if match else ""
    if not route or isinstance(route, TempFail):
        return {}
    site = view.topology.sites[domain_of(route)]
    return {"route": route, "site": site.domain, "nexthop": site.nexthop, "here": site.here}


def _wanted(view: View, address: str, match: Match | None) -> frozenset[str]:
    """The keys by which an entry could have the address: as it is, and without its extension."""
    parsed = parse(address)
    if parsed is None:
        return frozenset()
    found = {key_of(parsed)}
    base, extension = split(parsed.local, view.rules.recipient_delimiter)
    if extension and (match is None or match.extension or match.how is How.CATCH_ALL):
        found.add(key_of(msgspec.structs.replace(parsed, local=base)))
    return frozenset(found)


def _holders(records: Iterable[Record], match: Match | None, wanted: frozenset[str]) -> tuple[Holder, ...]:
    owners = list(match.users) if match else []
    found = [
        Holder(record.dn, role, record.user.routes)
        for record in records
        if record.user is not None and (role := _role(record, record.user, owners, wanted))
    ]
    return tuple(sorted(found, key=lambda holder: holder.role != "owner"))


def _role(record: Record, user: User, owners: list[User], wanted: frozenset[str]) -> str:
    if user.enabled and user in owners:
        return "owner"
    enabled = msgspec.structs.replace(record, user=msgspec.structs.replace(user, enabled=True))
    folded = keys(record if user.enabled else enabled)
    if wanted.isdisjoint((*folded.addresses, *folded.routes)):
        return ""
    return "ignored" if user.enabled else "disabled"


def _matched(match: Match | None, entries: Sequence[Holder], names: Names) -> str:
    if match is None:
        return ""
    is_address = match.how in (How.ADDRESS, How.CATCH_ALL)
    attribute = names.of_address(entries[0].dn, match.key) if is_address else names.route
    return f"{match.how.value} ({attribute})"


class _Interview:
    """Postfix asking, in order; what several processes ask is told once."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.steps: dict[tuple[str, str], Step] = {}

    def ask(self, map_name: str, key: str, asked_by: str) -> Answer:
        answer = maps.answer(self._view, map_name, key)
        before = self.steps.get((map_name, key))
        by = f"{before.asked_by}, {asked_by}" if before else asked_by
        self.steps[map_name, key] = Step(map_name, key, _spelled(answer), by)
        return answer


def _questions(view: View, address: str) -> tuple[Step, ...]:
    """What Postfix asks, up to the answer that ends it."""
    postfix = _Interview(view)
    if fold(address) is not None and _is_taken(view, address, postfix):
        final = _expanded(address, postfix)
        if final and not isinstance(postfix.ask("transport", final, ROUTING), TempFail):
            site = view.topology.sites.get(domain_of(fold(final) or ""))
            if site and not site.here:
                postfix.ask("recipient", final, AT_THE_SITE)
    return tuple(postfix.steps.values())


def _is_taken(view: View, address: str, postfix: _Interview) -> bool:
    """Whether smtpd(8) accepts the recipient (`reject_unlisted_recipient`)."""
    answer = postfix.ask("virtual_alias", address, AT_RCPT)
    asked = question(view, address)
    if isinstance(answer, NotFound) and asked is not None:
        is_site = asked.domain_class == "site"
        return is_site and isinstance(postfix.ask("recipient", address, AT_RCPT), Found)
    return not isinstance(answer, TempFail)


def _expanded(address: str, postfix: _Interview) -> str:
    """The recipient in the end; empty if that cannot be said now."""
    for _ in range(ROUNDS):
        answer = postfix.ask("virtual_alias", address, EXPANDING)
        if isinstance(answer, TempFail):
            return ""
        if isinstance(answer, NotFound) or answer.value == address:
            break
        address = answer.value
    return address


def _spelled(answer: Answer) -> str:
    if isinstance(answer, Found):
        return answer.value
    return "NOTFOUND" if isinstance(answer, NotFound) else f"{TEMP}{answer.reason}"


def _outcome(steps: tuple[Step, ...], match: Match | None) -> Outcome:
    if any(step.answer.startswith(TEMP) for step in steps):
        return Outcome.LATER
    return Outcome.NOT_FOUND if match is None else Outcome.FOUND


def _summary(view: View, told: Explanation) -> str:
    address = told.address
    if told.outcome is Outcome.LATER:
        reasons = [step.answer.removeprefix(TEMP) for step in told.steps if step.answer.startswith(TEMP)]
        return f"Mail for {address} has to wait: {reasons[0]}"
    if told.outcome is Outcome.FOUND:
        if told.here:
            return f"Mail for {address} is for a mailbox here: {told.route}"
        return f"Mail for {address} goes to {told.route}, by {told.nexthop or 'what the DNS says'}"
    if told.domain_class == "foreign":
        return f"{domain_of(address)} is none of our domains: Postfix treats its mail as any other"
    if told.domain_class:
        return f"Nobody has {address}: smtpd refuses it"
    domain = fold_domain(address)
    if domain is None:
        return f"{address} is no address that mail could be delivered to"
    return f"{address} is no address but a {classify(view, domain)} domain"


def _notes(view: View, told: Explanation, match: Match | None) -> Iterator[str]:
    if match is not None:
        yield from _notes_on_owners(view, match)
    for holder in told.entries:
        if holder.role == "disabled":
            yield f"{holder.dn} has it but is disabled, which counts as if the entry were not there"
        elif holder.role == "ignored":
            yield f"{holder.dn} has it, to no effect: {IGNORED[told.domain_class]}"


def _notes_on_owners(view: View, match: Match) -> Iterator[str]:
    if len(match.users) > 1:
        differ = "with different routes, so nobody can tell who is meant"
        same = "with the same route"
        yield f"{len(match.users)} entries have it, {differ if owners_disagree(match.users) else same}"
    if match.how is How.CATCH_ALL:
        yield f"nobody has it; {match.key} takes what nobody else has in the domain"
    if match.how is How.FORMER:
        yield "it is a former route address: mail on its way to it follows to the current one"
    if match.extension:
        kept = "kept" if view.rules.propagate_extension else "dropped"
        yield f"nobody has it with the extension {match.extension}, which is {kept}"
