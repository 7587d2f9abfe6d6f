"""The interface between routing and what holds the data."""

import pytest

from colocroute.routing.memory import MemoryView
from colocroute.routing.view import Rules, View
from tests.vectors import RULES


def test_the_rules_default_to_the_documented_configuration() -> None:
    assert Rules() == Rules(
        domains=(),
        recipient_delimiter="+",
        propagate_extension=True,
        local_transport="",
        transports=("smtp", "lmtp", "relay", "virtual", "local", "error", "retry", "discard", "uucp"),
        dns_fallback=False,
        reject_when_stale=False,
    )


def test_rules_cannot_change_under_a_view() -> None:
    with pytest.raises(AttributeError):
        RULES.recipient_delimiter = "-"  # type: ignore[misc]  # that it is refused is the test


def test_memory_is_a_view() -> None:
    view: View = MemoryView(rules=RULES)
    assert view.rules is RULES
