"""The company's mail under every trouble: nothing is lost, duplicated, misdelivered or shown outside.

One laboratory for all scenarios, each of which leaves it in order.
"""

from collections.abc import Iterator

import pytest

from tests.threesites.lab import Lab, lab
from tests.threesites.run import Scenario, play
from tests.threesites.scenarios import SCENARIOS

MESSAGES = 40


@pytest.fixture(scope="module")
def company() -> Iterator[Lab]:
    with lab() as running:
        yield running


@pytest.mark.parametrize("scenario", [pytest.param(each, id=each.name) for each in SCENARIOS])
def test_scenario(company: Lab, scenario: Scenario) -> None:
    result = play(company, scenario, MESSAGES)
    assert result.account.clean, "\n".join(result.account.notes)
    assert not result.stuck
