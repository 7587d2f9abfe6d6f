"""What the maps answer about the company in other states of the mirror, and under other rules."""

import msgspec

from colocroute.model import State
from colocroute.routing.view import Rules
from tests.vectors.company import RULES
from tests.vectors.live import VECTORS
from tests.vectors.vector import (
    ADDRESS_MAPS,
    DOMAIN_MAPS,
    FOREIGN_KEYS,
    UNUSABLE_KEYS,
    Kind,
    Vector,
    encoded,
    found,
    not_found,
    temp,
)

_NEVER = [
    vector for vector in VECTORS if vector.key in {encoded(key) for key in (*UNUSABLE_KEYS, *FOREIGN_KEYS)}
]

_KNOWN = [vector for vector in VECTORS if vector.kind is Kind.FOUND or vector.map_name in DOMAIN_MAPS]
"""What a complete mirror knows, however old it is."""

_AGED = [
    *_NEVER,
    *_KNOWN,
    *not_found(
        "virtual_alias", ("anna@external.test.tux", "anna+x@external.test.tux", "test.tux", "@test.tux")
    ),
    *not_found("transport", ("bob@central.test.tux", "nobody@central.test.tux", "bob@test.tux", "test.tux")),
    *not_found("local_recipient", ("anna@external.test.tux", "anna@test.tux")),
    *not_found("relay_recipient", ("bob@central.test.tux",)),
    *not_found("generic", ("nobody@external.test.tux", "nobody@test.tux", "anna@test.tux")),
    *temp("virtual_alias", ("team@test.tux", "erik@test.tux")),
]

_ABSENT = [
    ("virtual_alias", "nobody@test.tux"),
    ("virtual_alias", "nobody+x@test.tux"),
    ("virtual_alias", "dora@test.tux"),
    ("virtual_alias", "nobody@external.test.tux"),
    ("transport", "nobody@test.tux"),
    ("virtual_mailbox", "nobody@central.test.tux"),
    ("virtual_mailbox", "nobody@test.tux"),
    ("local_recipient", "nobody@central.test.tux"),
    ("relay_recipient", "nobody@external.test.tux"),
    ("recipient", "nobody@test.tux"),
    ("recipient", "nobody@paris.test.tux"),
    ("sender_login", "nobody@test.tux"),
    ("imap_server", "nobody@test.tux"),
    ("imap_server", "nobody"),
    ("smtp_server", "nobody"),
]

_OURS = ("anna@test.tux", "nobody@test.tux", "nobody@bücher.test", "anna@external.test.tux", "x@a.b.test.tux")

STATE_VECTORS: dict[State, list[Vector]] = {
    State.STALE: [*_AGED, *(vector for name, key in _ABSENT for vector in temp(name, (key,)))],
    State.HELD: [*_AGED, *(vector for name, key in _ABSENT for vector in temp(name, (key,)))],
    State.EMPTY: [
        *_NEVER,
        *(vector for name in ADDRESS_MAPS if name != "generic" for vector in temp(name, _OURS)),
        *not_found("generic", _OURS),
        *not_found("virtual_alias", ("test.tux", "@test.tux", "external.test.tux")),
        *temp("transport", ("external.test.tux", "test.tux")),
        *temp("imap_server", ("anna",)),
        *found("virtual_alias_domains", {"Test.tux": "test.tux", "bücher.test": "xn--bcher-kva.test"}),
        *temp("virtual_alias_domains", ("external.test.tux",)),
        *(
            vector
            for name in ("relay_domains", "mydestination", "virtual_mailbox_domains")
            for vector in temp(name, ("external.test.tux", "a.b.test.tux", "test.tux", "bücher.test"))
        ),
        *not_found("relay_domains", ("second.test", "example.com", "tux", "nottest.tux")),
        *not_found("virtual_alias", ("anna@second.test",)),
    ],
}


def _rules(**changes: object) -> Rules:
    return msgspec.structs.replace(RULES, **changes)


RULE_VECTORS: list[tuple[Rules, list[Vector]]] = [
    (
        _rules(recipient_delimiter="+-"),
        [
            *found(
                "virtual_alias",
                {
                    "anna-x+y@test.tux": "anna-x+y@external.test.tux",
                    "anna+x-y@test.tux": "anna+x-y@external.test.tux",
                    "list-x@test.tux": "list-x@central.test.tux",
                    "ownerx+y@second.test": "postbox@central.test.tux",
                    "postmaster-x@test.tux": "list-x@central.test.tux",
                },
            ),
            *not_found(
                "virtual_alias",
                (
                    "owner-list@test.tux",
                    "OWNER-list@test.tux",
                    "owner-list+x@test.tux",
                    "list-request@test.tux",
                    "List-Request@test.tux",
                    "list+request-request@test.tux",
                    "mailer-daemon@test.tux",
                    "MAILER-DAEMON@test.tux",
                    "double-bounce@test.tux",
                    "-anna@test.tux",
                    "-request@test.tux",
                ),
            ),
        ],
    ),
    (
        _rules(recipient_delimiter=""),
        [
            *found(
                "virtual_alias",
                {
                    "anna@test.tux": "anna@external.test.tux",
                    "kim+special@test.tux": "kims+inbox@paris.test.tux",
                },
            ),
            *not_found("virtual_alias", ("anna+x@test.tux",)),
        ],
    ),
    (
        _rules(propagate_extension=False),
        found("virtual_alias", {"anna+x@test.tux": "anna@external.test.tux"}),
    ),
    (
        _rules(dns_fallback=True),
        [
            *not_found(
                "transport", ("mona@berlin.test.tux", "mona@test.tux", "rome.test.tux", "lima.test.tux")
            ),
            *found("transport", {"anna@test.tux": "smtp:[10.2.0.1]"}),
            *found("relay_domains", {"berlin.test.tux": "berlin.test.tux"}),
        ],
    ),
    (
        _rules(local_transport="lmtp:unix:private/lmtp"),
        found(
            "transport",
            {
                "bob@central.test.tux": "lmtp:unix:private/lmtp",
                "nobody@central.test.tux": "lmtp:unix:private/lmtp",
                "central.test.tux": "lmtp:unix:private/lmtp",
                "bob@test.tux": "lmtp:unix:private/lmtp",
                "anna@test.tux": "smtp:[10.2.0.1]",
            },
        ),
    ),
    (
        _rules(transports=("lmtp", "relay")),
        temp("transport", ("anna@external.test.tux", "carla@test.tux")),
    ),
]
