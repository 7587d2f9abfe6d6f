"""The company's mail under every trouble: nothing is lost, duplicated, misdelivered or shown outside.

One laboratory for all scenarios, each of which leaves it in order.
"""

from collections.abc import Iterator
from smtplib import SMTP

import pytest

from tests.lab.company import SITES
from tests.threesites.lab import Lab, lab
from tests.threesites.network import OUTSIDE
from tests.threesites.run import Scenario, play
from tests.threesites.scenarios import SCENARIOS
from tests.threesites.site import NOBODY, Site

MESSAGES = 36
LONG_MESSAGES = 300
EACH = [pytest.param(each, id=each.name) for each in SCENARIOS]
WITH_LDAP = [pytest.param(each, id=each.name) for each in SCENARIOS if not each.own]
LDAP_LOSES = {"emptied", "rebuilt", "moved", "created", "unheard"}
"""Where the comparison shows what colocroute is for."""


@pytest.fixture(scope="module")
def company() -> Iterator[Lab]:
    with lab() as running:
        yield running


@pytest.fixture(scope="module")
def company_with_ldap_tables() -> Iterator[Lab]:
    with lab(ldap_tables=True) as running:
        yield running


def test_the_sites_are_configured_alike(company: Lab) -> None:
    """But for the directories of their files, for they share a file system, and the name of the host.

    The lines of main.cf are in the order in which postconf(1) happens to write them.
    """

    def common(site: Site, text: str) -> tuple[str, ...]:
        text = text.replace(site.slapd.ldapi, "ldapi:///").replace(str(site.directory), "")
        return tuple(sorted(text.replace(f"{site.name}-mx.", "mx.").splitlines()))

    sites = company.sites.values()
    assert len({common(site, site.service.config.read_text()) for site in sites}) == 1
    assert len({common(site, (site.postfix.config / "main.cf").read_text()) for site in sites}) == 1


@pytest.mark.parametrize("server", SITES)
def test_strangers_are_told_no(company: Lab, server: str) -> None:
    """Neither who does not exist nor an internal domain can be written to from outside."""
    user = company.people[0]
    assert reply(company, server, user.mail).startswith("250")
    assert reply(company, server, NOBODY).startswith("550 5.1.1")
    assert reply(company, server, user.route).startswith("554 5.7.1")


def reply(company: Lab, server: str, recipient: str) -> str:
    """What a site's server says to a stranger who wants to write to this address."""
    with (
        company.network.inside(OUTSIDE),
        SMTP(company.post.servers[server], 25, "stranger.example") as session,
    ):
        session.ehlo()
        session.mail("stranger@example.org")
        code, text = session.rcpt(recipient)
    return f"{code} {text.decode()}"


@pytest.mark.parametrize("scenario", EACH)
def test_scenario(company: Lab, scenario: Scenario) -> None:
    result = play(company, scenario, MESSAGES)
    assert result.good, "\n".join(result.notes)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("scenario", EACH)
def test_scenario_long(company: Lab, scenario: Scenario) -> None:
    result = play(company, scenario, LONG_MESSAGES)
    assert result.good, "\n".join(result.notes)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("scenario", WITH_LDAP)
def test_postfix_alone(company_with_ldap_tables: Lab, scenario: Scenario) -> None:
    result = play(company_with_ldap_tables, scenario, LONG_MESSAGES)
    assert not result.stuck
    assert bool(result.account.lost) == (scenario.name in LDAP_LOSES), "\n".join(result.notes)
