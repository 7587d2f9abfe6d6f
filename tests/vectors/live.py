"""What each map answers about the company while the mirror is live, under its rules."""

from tests.vectors.vector import (
    ADDRESS_MAPS,
    DOMAIN_MAPS,
    FOREIGN_KEYS,
    UNUSABLE_KEYS,
    Vector,
    found,
    not_found,
    temp,
)
from tests.vectors.virtual_alias import VIRTUAL_ALIAS

VECTORS: list[Vector] = [
    *VIRTUAL_ALIAS,
    *found(
        "transport",
        {
            "anna@external.test.tux": "smtp:[10.2.0.1]",
            "Anna+X@External.Test.Tux": "smtp:[10.2.0.1]",
            "nobody@external.test.tux": "smtp:[10.2.0.1]",
            '"a b"@external.test.tux': "smtp:[10.2.0.1]",
            "external.test.tux": "smtp:[10.2.0.1]",
            "EXTERNAL.test.tux": "smtp:[10.2.0.1]",
            "anna@test.tux": "smtp:[10.2.0.1]",
            "anna+x@bücher.test": "smtp:[10.2.0.1]",
            "carla@test.tux": "smtp:[mail.paris.test.tux]:2525",
            "nobody@paris.test.tux": "smtp:[mail.paris.test.tux]:2525",
            "paris.test.tux": "smtp:[mail.paris.test.tux]:2525",
        },
    ),
    *not_found(
        "transport",
        (
            "bob@central.test.tux",
            "nobody@central.test.tux",
            "central.test.tux",
            "bob@test.tux",
            "nobody@second.test",
            "nobody@test.tux",
            "dora@test.tux",
            "test.tux",
            "second.test",
            "example.com",
            ".test.tux",
            "anna",
        ),
    ),
    *temp(
        "transport",
        (
            "mona@berlin.test.tux",
            "mona@test.tux",
            "berlin.test.tux",
            "nils@rome.test.tux",
            "nils@test.tux",
            "rome.test.tux",
            "olga@oslo.test.tux",
            "oslo.test.tux",
            "lena@lima.test.tux",
            "lima.test.tux",
            "team@test.tux",
            "erik@test.tux",
            "gina@test.tux",
            "hugo@test.tux",
        ),
    ),
]

for _map in ("virtual_mailbox", "local_recipient"):
    VECTORS += [
        *found(
            _map,
            {
                "bob@central.test.tux": "bob",
                "BOB@central.test.tux": "bob",
                "bob+x@central.test.tux": "bob",
                "jörg@central.test.tux": "Jörg",
                "sales@central.test.tux": "sales",
                "hugo@central.test.tux": "hugo",
            },
        ),
        *not_found(
            _map,
            (
                "anna@external.test.tux",
                "nobody@central.test.tux",
                "bob@test.tux",
                "nobody@test.tux",
                "hugo@external.test.tux",
                "dora@external.test.tux",
                "central.test.tux",
            ),
        ),
    ]

VECTORS += [
    *found(
        "relay_recipient",
        {
            "anna@external.test.tux": "anna@external.test.tux",
            "Anna+X@external.test.tux": "anna@external.test.tux",
            "carla.r@paris.test.tux": "Carla.R@paris.test.tux",
            "ida q@external.test.tux": '"ida q"@external.test.tux',
            "mona@berlin.test.tux": "mona@berlin.test.tux",
            "lena@lima.test.tux": "lena@lima.test.tux",
        },
    ),
    *not_found(
        "relay_recipient",
        ("bob@central.test.tux", "nobody@external.test.tux", "dora@external.test.tux", "anna@test.tux"),
    ),
    *found(
        "recipient",
        {
            "anna@test.tux": "anna@external.test.tux",
            "anna+x@test.tux": "anna@external.test.tux",
            "a.smith@test.tux": "anna@external.test.tux",
            "anna@external.test.tux": "anna@external.test.tux",
            "anna+x@external.test.tux": "anna@external.test.tux",
            "bob@central.test.tux": "bob@central.test.tux",
            "nobody@second.test": "postbox@central.test.tux",
            "ida q@test.tux": '"ida q"@external.test.tux',
        },
    ),
    *not_found("recipient", ("nobody@test.tux", "nobody@external.test.tux", "dora@test.tux", "test.tux")),
    *temp("recipient", ("team@test.tux", "erik@test.tux", "fred@test.tux", "hugo@test.tux", "gina@test.tux")),
    *found(
        "generic",
        {
            "anna@external.test.tux": "anna@test.tux",
            "Anna+x@External.test.tux": "anna@test.tux",
            "bob@central.test.tux": "Bob.Builder@test.tux",
            "postbox@central.test.tux": "postbox@second.test",
            "sales@central.test.tux": "sales.one@test.tux",
            "ida q@external.test.tux": '"ida q"@test.tux',
            "pete@external.test.tux": "pete@test.tux",
            "mona@berlin.test.tux": "mona@test.tux",
            "hugo@external.test.tux": "hugo@test.tux",
        },
    ),
    *not_found(
        "generic",
        (
            "anna@test.tux",
            "nobody@test.tux",
            "nobody@external.test.tux",
            "team@test.tux",
            "nobody@second.test",
            "dora@external.test.tux",
            "external.test.tux",
        ),
    ),
    *found(
        "sender_login",
        {
            "anna@test.tux": "anna",
            "anna+x@test.tux": "anna",
            "anna@external.test.tux": "anna",
            "bob@test.tux": "bob,robert",
            "carla@test.tux": "Carla",
            "team@test.tux": "team1,team2",
            "sales@test.tux": "sales1,sales2",
            "sales@central.test.tux": "sales1,sales2",
            "erik@test.tux": "erik",
        },
    ),
    *not_found(
        "sender_login", ("nobody@test.tux", "nobody@second.test", "dora@test.tux", "nobody@paris.test.tux")
    ),
    *found(
        "imap_server",
        {
            "anna@test.tux": "imap.external.test.tux",
            "anna+x@test.tux": "imap.external.test.tux",
            "anna@external.test.tux": "imap.external.test.tux",
            "anna": "imap.external.test.tux",
            "ANNA": "imap.external.test.tux",
            "bob@test.tux": "localhost",
            "robert": "localhost",
            "carla": "localhost",
            "sales1": "imap1.test.tux",
            "sales.two@test.tux": "imap2.test.tux",
            "erik": "localhost",
        },
    ),
    *not_found("imap_server", ("nobody@test.tux", "nobody@second.test", "nobody", "dora", "test.tux")),
    *temp("imap_server", ("team@test.tux", "sales@test.tux", "sales@central.test.tux")),
    *found(
        "smtp_server",
        {"anna@test.tux": "smtp.external.test.tux", "anna": "smtp.external.test.tux", "bob": "localhost"},
    ),
    *not_found("smtp_server", ("nobody@test.tux", "nobody")),
    *temp("smtp_server", ("team@test.tux",)),
    *found(
        "virtual_alias_domains",
        {
            "test.tux": "test.tux",
            "Test.TUX": "test.tux",
            "test.tux.": "test.tux",
            "second.test": "second.test",
            "bücher.test": "xn--bcher-kva.test",
            "XN--BCHER-KVA.test": "xn--bcher-kva.test",
        },
    ),
    *not_found("virtual_alias_domains", ("external.test.tux", "central.test.tux", "tux", "example.com")),
    *found(
        "relay_domains",
        {
            f"{site}.test.tux": f"{site}.test.tux"
            for site in ("external", "paris", "berlin", "rome", "oslo", "lima")
        },
    ),
    *not_found("relay_domains", ("central.test.tux", "test.tux", "second.test", "new.test.tux", "gmail.com")),
]

for _map in ("virtual_mailbox_domains", "mydestination"):
    VECTORS += [
        *found(_map, {"central.test.tux": "central.test.tux", "Central.Test.Tux": "central.test.tux"}),
        *not_found(_map, ("external.test.tux", "berlin.test.tux", "test.tux", "example.com", "anna")),
    ]

for _map in ADDRESS_MAPS:
    VECTORS += [*not_found(_map, UNUSABLE_KEYS), *not_found(_map, FOREIGN_KEYS)]
for _map in DOMAIN_MAPS:
    VECTORS += [
        *not_found(_map, UNUSABLE_KEYS),
        *not_found(_map, FOREIGN_KEYS),
        *not_found(_map, ("x@test.tux",)),
    ]

VECTORS += temp("no_such_map", ("anna@test.tux", "*", "anna@example.com"))
