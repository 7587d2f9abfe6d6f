"""The table of findings holds the codes of the contract."""

from colocroute.cli.finding import CODES, finding

CONTRACT = {
    "duplicate-owner",
    "route-without-transport",
    "bad-nexthop",
    "no-site-here",
    "foreign-address",
    "address-in-site-domain",
    "alias-loop",
    "no-route",
    "entrycsn-unreadable",
    "socket-unreachable",
    "imap-server-mismatch",
    "delimiter-mismatch",
}


def test_the_codes_of_the_contract_are_there() -> None:
    assert CODES.keys() >= CONTRACT


def test_level_and_remedy_are_those_of_the_code_unless_given() -> None:
    found = finding("no-route", "uid=x", "why")
    assert (found.level, found.code, found.subject, found.message) == ("error", "no-route", "uid=x", "why")
    assert found.remedy.startswith("give the entry a route")
    other = finding("no-route", "uid=x", "why", remedy="do", level="warning")
    assert (other.level, other.remedy) == ("warning", "do")
