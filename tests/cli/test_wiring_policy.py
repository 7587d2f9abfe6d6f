"""Our entry among the restrictions of the operator."""

import pytest

from colocroute.cli import wiring_policy
from colocroute.cli.wiring_policy import RESTRICTIONS, without_policy

OLD, NEW = "inet:127.0.0.1:2527", "unix:colocroute/policy.sock"
THEIRS = "check_policy_service { inet:127.0.0.1:10023, timeout=10s, default_action=DEFER_IF_PERMIT }, permit"
PUBLIC = ("test.tux", "xn--mller-kva.tux")
DOMAINS = r"test\.tux|xn--mller-kva\.tux|müller\.tux"
EXISTING = f"check_recipient_access regexp:{{{{/@({DOMAINS})$$/ reject_unlisted_recipient}}}}, "


def with_policy(restrictions: str, endpoint: str, public: tuple[str, ...] = PUBLIC) -> str:
    return wiring_policy.with_policy(restrictions, endpoint, public)


def test_where_nothing_is_set() -> None:
    assert with_policy("", OLD).endswith(f" }}, {RESTRICTIONS}")


@pytest.mark.parametrize("theirs", [RESTRICTIONS, THEIRS])
def test_a_changed_listener_replaces_ours_and_nothing_else(theirs: str) -> None:
    before = with_policy(theirs, OLD)
    after = with_policy(before, NEW)
    assert OLD not in after
    assert after == before.replace(OLD, NEW) == with_policy(theirs, NEW)
    assert with_policy(after, NEW) == after


def test_what_the_operator_made_of_ours_stays() -> None:
    edited = f"permit_mynetworks, {with_policy('permit', OLD)}".replace("timeout=10s", "timeout=30s")
    assert with_policy(edited, OLD) == edited
    assert with_policy(edited, NEW) == edited.replace(OLD, NEW)


def test_an_entry_of_the_operator_for_our_service_is_enough() -> None:
    own = f"check_policy_service {OLD}, permit"
    assert with_policy(own, OLD) == own


@pytest.mark.parametrize("theirs", [RESTRICTIONS, THEIRS])
def test_ours_is_taken_out(theirs: str) -> None:
    assert without_policy(with_policy(theirs, OLD)) == theirs
    assert without_policy(theirs) == theirs


def test_ours_in_the_middle_is_taken_out() -> None:
    entry = with_policy("permit", OLD).removesuffix(", permit")
    assert without_policy(f"permit_mynetworks, {entry}, reject") == "permit_mynetworks, reject"
    assert without_policy(f"permit_mynetworks, {entry}") == "permit_mynetworks"


def test_public_addresses_are_looked_at_before_and_routes_after() -> None:
    assert with_policy("permit", OLD).startswith(f"{EXISTING}check_policy_service {{ {OLD}, ")
    assert "unlisted" not in with_policy("permit", OLD, ())


@pytest.mark.parametrize(
    "before", ["", "permit_mynetworks, ", "check_recipient_access hash:/etc/postfix/own,\n  "]
)
def test_an_entry_after_all_recipients_were_looked_at_is_rewritten(before: str) -> None:
    ours = with_policy("reject_unlisted_recipient, permit", OLD)
    older = f"{before}reject_unlisted_recipient,\n  {ours.removeprefix(EXISTING)}"
    assert with_policy(older, OLD) == f"{before}{ours}"
    assert without_policy(older) == f"{before}reject_unlisted_recipient, permit"


def test_other_public_domains_are_taken_up() -> None:
    older = f"permit_mynetworks, {with_policy('permit', OLD, ('test.tux',))}"
    assert with_policy(older, OLD) == f"permit_mynetworks, {with_policy('permit', OLD)}"
    assert with_policy(older, OLD, ()) == f"permit_mynetworks, {with_policy('permit', OLD, ())}"


def test_tables_of_the_operator_stay() -> None:
    theirs = r"check_recipient_access regexp:{{/@(a\.example)$$/ reject}}, "
    ours = with_policy("permit", OLD)
    assert with_policy(f"{theirs}{ours}", NEW) == f"{theirs}{ours.replace(OLD, NEW)}"
