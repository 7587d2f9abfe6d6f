"""Which site a server's name belongs to."""

import pytest

from colocroute.cli.serverhosts import ServerHosts
from colocroute.routing.view import Site

SITES = {
    domain: Site(domain, nexthop, "", here=False)
    for domain, nexthop in {
        "central.test.tux": "smtp:[10.1.0.1]",
        "external.test.tux": "smtp:[mx.example.net]:25",
        "paris.external.test.tux": "smtp:[mx.example.net]:26",
        "rome.test.tux": "",
    }.items()
}


@pytest.mark.parametrize(
    ("server", "sites"),
    [
        ("imap.central.test.tux", {"central.test.tux"}),
        ("Central.Test.Tux.", {"central.test.tux"}),
        ("imaps://imap.central.test.tux:993/", {"central.test.tux"}),
        ("imap.paris.external.test.tux", {"paris.external.test.tux"}),
        ("10.1.0.1", {"central.test.tux"}),
        ("10.1.0.1:143", {"central.test.tux"}),
        ("MX.example.net", {"external.test.tux", "paris.external.test.tux"}),
        ("imap.test.tux", set()),
        ("localhost", set()),
        ("", set()),
        ("a b / c", set()),
        ("xcentral.test.tux", set()),
    ],
)
def test_the_sites_of_a_server(server: str, sites: set[str]) -> None:
    assert ServerHosts(SITES).sites_of(server) == sites
