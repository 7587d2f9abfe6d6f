"""The company's mail under every trouble: nothing is lost, duplicated, misdelivered or shown outside.

One laboratory for all scenarios, each of which leaves it in order.
"""

from collections.abc import Iterator

import pytest

from tests.threesites.lab import Lab, lab
from tests.threesites.run import Scenario, play
from tests.threesites.scenarios import SCENARIOS

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
