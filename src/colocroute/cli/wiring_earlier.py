"""What an earlier wiring of ours set and this one does not: it gets Postfix's default again.

Owns which parameters these are.  Its rule: only a value that is exactly ours is taken back, and only where
main.cf still asks the map of the wiring that sets it; what an operator chose stays.  Pure.
"""

import re
from collections.abc import Iterator

from colocroute.cli.wiring_model import LATER, Installed, Parameter, Wanted

ALIASES, MAILBOXES = "virtual_alias_maps", "virtual_mailbox_maps"
RELAY_CODE, MAILBOX_CODE = "unknown_relay_recipient_reject_code", "unknown_virtual_mailbox_reject_code"

DEFAULTS = {
    RELAY_CODE: "550",
    MAILBOXES: "",
    MAILBOX_CODE: "550",
}
"""postconf(5), Postfix 3.7 to 3.12."""

LOOKED_AT = (ALIASES, *DEFAULTS)


def taken_back(wanted: Wanted, installed: Installed) -> Iterator[Parameter]:
    """The parameters that another wiring set."""
    earlier = installed.earlier
    if not wanted.rewriting and _asks(earlier.get(ALIASES, ""), "virtual_alias"):
        yield from _default(earlier, {RELAY_CODE: LATER})
    mailboxes = earlier.get(MAILBOXES, "")
    if not wanted.maps and _asks(mailboxes, "virtual_mailbox"):
        ours = {MAILBOX_CODE: LATER}
        if len(_words(mailboxes)) == 1:
            ours[MAILBOXES] = mailboxes
        yield from _default(earlier, ours)


def _default(earlier: dict[str, str], ours: dict[str, str]) -> Iterator[Parameter]:
    for name, value in ours.items():
        if earlier.get(name) == value:
            yield Parameter(name, DEFAULTS[name], "Postfix's default: the wiring of before needed another.")


def _asks(tables: str, map_name: str) -> bool:
    return any(re.fullmatch(rf"(proxy:)?socketmap:.+:{map_name}", word) for word in _words(tables))


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,]+", text) if word]
