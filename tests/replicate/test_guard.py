"""The guard's arithmetic: each limit is shown saying no, and not saying it."""

import pytest

from colocroute.replicate.guard import GuardRules, Loss, refusal

RULES = GuardRules(max_shrink_percent=10, max_shrink_entries=20, window=600)


def loss(**changes: int) -> Loss:
    values = {
        "entries": 1000,
        "removed": 0,
        "removed_before": 0,
        "users": 990,
        "users_after": 990,
        "sites": 3,
        "sites_after": 3,
    }
    return Loss(**{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"removed": 0}, False),
        ({"removed": 100}, False),  # exactly the percentage
        ({"removed": 101}, True),
        ({"entries": 100, "removed": 20}, False),  # a fifth of a small company, but not more than 20 entries
        ({"entries": 100, "removed": 21}, True),
        ({"removed": 60, "removed_before": 60, "entries": 940}, True),  # adds up within the window
        ({"removed": 0, "removed_before": 500, "entries": 500}, False),  # nothing more is lost now
        ({"users": 2, "users_after": 0, "removed": 2, "entries": 5}, True),
        ({"users": 0, "users_after": 0}, False),
        ({"sites": 1, "sites_after": 0, "removed": 1, "entries": 5}, True),
    ],
)
def test_refusal(changes: dict[str, int], refused: bool) -> None:
    assert bool(refusal(RULES, loss(**changes))) is refused


def test_text_carries_the_numbers() -> None:
    text = refusal(RULES, loss(removed=500))
    assert "500 of 1000 entries (50.0 %)" in text
    assert "more than 10 %" in text


def test_an_approval_lets_through_what_was_shown_and_no_more() -> None:
    assert refusal(RULES, loss(removed=500, users_after=0), approved=500) == ""
    assert refusal(RULES, loss(removed=501), approved=500)
