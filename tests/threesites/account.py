"""The account of a run: for every recipient of every message, what became of it.

Owns the words: delivered (once, into a mailbox of the user, at a site where the user has one), lost, duplicated,
misdelivered, leaked.  Pure.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from email import message_from_bytes, policy

import msgspec

from tests.lab.company import DOMAIN, SITES
from tests.threesites.handover import repeated
from tests.threesites.messages import ID_HEADER
from tests.threesites.network import OUTSIDE
from tests.threesites.receiver import Arrival
from tests.threesites.sender import Fate

_ID = re.compile(rf"^{ID_HEADER}: (\S+)\s*$".encode(), re.MULTILINE)
_INTERNAL = re.compile(rf"\b({'|'.join(SITES)})\.{re.escape(DOMAIN)}\b", re.IGNORECASE)


class Account(msgspec.Struct):
    """Numbers of recipients, but for `messages`, `retries` (of senders) and `leaked` (mails that left)."""

    messages: int = 0
    recipients: int = 0
    delivered: int = 0
    retries: int = 0
    lost: int = 0
    duplicated: int = 0
    again: int = 0
    """Copies that a server passed on again because it was stopped (`handover`)."""
    misdelivered: int = 0
    leaked: int = 0
    slowest: float = 0.0
    """Seconds from the first attempt to send to the last delivery."""
    notes: list[str] = msgspec.field(default_factory=list)
    """One line for each recipient that did not get the message once, and for each leak."""

    @property
    def clean(self) -> bool:
        """Whether nothing went wrong."""
        return not (self.lost or self.duplicated or self.misdelivered or self.leaked)


def account(
    fates: Sequence[Fate],
    arrivals: Sequence[Arrival],
    homes: Mapping[str, Collection[str]],
    logs: Mapping[str, str] | None = None,
) -> Account:
    """Goes through all; `homes` are the sites where each user has, or had, a mailbox, `logs` Postfix's by site."""
    got: dict[str, list[Arrival]] = defaultdict(list)
    bounces: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        (got if arrival.sender else bounces)[message_id(arrival)].append(arrival)
    total = Account(messages=len(fates))
    copies = repeated(logs or {}, {message: len(each) for message, each in got.items()})
    for fate in fates:
        message = fate.message.id
        _settle(total, fate, got[message], bounces[message], homes, copies[message])
    _look_for_leaks(total, arrivals)
    return total


def _settle(
    total: Account,
    fate: Fate,
    got: Sequence[Arrival],
    bounces: Sequence[Arrival],
    homes: Mapping[str, Collection[str]],
    copies: int,
) -> None:
    message = fate.message
    wanted = {(uid, site) for uid in message.users for site in homes[uid]}
    wanted |= {(address, OUTSIDE) for address in message.foreign}
    counts: Counter[str] = Counter()
    for arrival in got:
        who = arrival.recipient if arrival.place == OUTSIDE else arrival.mailbox
        if (who, arrival.place) in wanted:
            counts[who] += 1
        else:
            total.misdelivered += 1
            total.notes.append(f"{message.id}: misdelivered to {arrival.recipient} at {arrival.place}")
    total.retries += fate.retries
    for who in sorted(message.users | message.foreign):
        total.recipients += 1
        if not counts[who]:
            total.lost += 1
            total.notes.append(f"{message.id}: {who} did not get it: {_reason(fate, bounces)}")
            continue
        total.delivered += 1
        again = min(counts[who] - 1, copies)
        copies -= again
        total.again += again
        if extra := counts[who] - 1 - again:
            total.duplicated += extra
            total.notes.append(f"{message.id}: {who} got it {extra + 1} times")
    if got:
        total.slowest = max(total.slowest, max(arrival.at for arrival in got) - fate.begun)


def _reason(fate: Fate, bounces: Sequence[Arrival]) -> str:
    if fate.refused:
        return f"refused, {fate.refused}"
    if not fate.accepted:
        return f"never accepted, {fate.last}"
    for bounce in bounces:
        text = bounce.content.decode("utf-8", "replace")
        status = re.search(r"Diagnostic-Code:.*(?:\n[ \t].*)*", text.replace("\r\n", "\n"))
        return "bounced, " + (" ".join(status.group().split()) if status else "reason unknown")
    return "accepted, and neither delivered nor bounced"


def _look_for_leaks(total: Account, arrivals: Sequence[Arrival]) -> None:
    for arrival in arrivals:
        if arrival.place != OUTSIDE:
            continue
        headers = message_from_bytes(arrival.content, policy=policy.default).items()
        shown = [arrival.sender, arrival.recipient, *(f"{name}: {value}" for name, value in headers)]
        if found := [text for text in shown if _INTERNAL.search(text)]:
            total.leaked += 1
            total.notes.append(f"leaked: {found[0]}")


def message_id(arrival: Arrival) -> str:
    """The id of the message that arrived, or that a bounce is about; empty if it is none of ours."""
    found = _ID.search(arrival.content)
    return found[1].decode() if found else ""
