"""Copies that come of an interrupted handing over: a server that is stopped after it passed a mail on and before it
noted that passes it on again (RFC 1047).  No routing can prevent it, so it is told apart from a duplicate.

Owns the reading of Postfix's logs for it.  Its rule: a copy counts as such only if the logs have more mails taken
than mails noted as passed on.  Pure.  Limit: needs long queue ids, which are never used again.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping

from tests.threesites.messages import CLIENT

_TAKEN = re.compile(rf"postfix/cleanup\[\d+\]: (\w+): message-id=<([^@>]+)@{re.escape(CLIENT)}>")
_PASSED_ON = re.compile(r"postfix/\S+\[\d+\]: (\w+): to=<([^>]*)>,.* status=sent \((.*)\)")
_NEXT = re.compile(r"queued as (\w+)")


def repeated(logs: Mapping[str, str], arrived: Mapping[str, int]) -> Counter[str]:
    """How many copies of each message an interruption made; `arrived`: deliveries of each; `logs` by site."""
    taken: dict[str, set[tuple[str, str]]] = defaultdict(set)
    messages: dict[tuple[str, str], str] = {}
    passed_on: dict[str, dict[tuple[str, str, str], str]] = defaultdict(dict)
    for site, text in logs.items():
        for queue_id, message in _TAKEN.findall(text):
            taken[message].add((site, queue_id))
            messages[site, queue_id] = message
        for queue_id, recipient, reply in _PASSED_ON.findall(text):
            successor = _NEXT.search(reply)
            if message := messages.get((site, queue_id), ""):
                passed_on[message][site, queue_id, recipient] = successor[1] if successor else ""
    copies: Counter[str] = Counter()
    for message, mails in taken.items():
        noted = passed_on[message].values()
        # The first server has it from the sender, who passes it on once.
        between = len(mails) - 1 - len(set(filter(None, noted)))
        at_the_end = arrived.get(message, 0) - sum(1 for successor in noted if not successor)
        copies[message] = max(0, between) + max(0, at_the_end)
    return copies
