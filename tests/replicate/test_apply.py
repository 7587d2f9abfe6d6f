"""Refreshes and batches against a real mirror: what is committed, what is refused, what comes back."""

import gc
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from colocroute.directory.events import Cookie, Delete, Event, Present, RefreshKind, Upsert
from colocroute.errors import DirectoryError
from colocroute.model import Entry, State, UserEntry
from colocroute.replicate.apply import GARBAGE, RefusedError
from colocroute.replicate.guard import GuardRules
from tests.replicate.scripted import (
    applier,
    company,
    cookie,
    deletes,
    entry_id,
    fill,
    opened,
    refresh,
    routes,
    site,
    user,
)

NOW = 1000.0


def mute(number: int, *, enabled: bool = True) -> Entry:
    """User `number` as seen by somebody who may not read its addresses."""
    whole = user(number)
    return Entry(
        whole.id, whole.dn, UserEntry(routes=whole.user.routes if whole.user else (), enabled=enabled)
    )


def test_first_refresh_fills_the_mirror_with_its_cookie(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        assert fill(mirror, company(5)) == 7
        with mirror.snapshot() as snapshot:
            meta = snapshot.meta()
        assert (meta.complete, meta.cookie, meta.here) == (True, cookie(1), ("central.test.tux",))
        assert routes(mirror, "user3") == ["user3@external.test.tux"]


def test_an_entry_told_twice_in_the_first_refresh_counts_as_told_last(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, [*company(3), user(1, "paris")])
        assert routes(mirror, "user1") == ["user1@paris.test.tux"]


@pytest.mark.parametrize("fails", [False, True])
def test_the_garbage_collector_looks_seldom_only_while_a_refresh_runs(tmp_path: Path, fails: bool) -> None:
    usual = gc.get_threshold()

    def events() -> Iterator[Event]:
        assert gc.get_threshold() == (GARBAGE, *usual[1:])
        yield from refresh([] if fails else company(1))[1:]

    with opened(tmp_path) as mirror, pytest.raises(DirectoryError) if fails else nullcontext():
        applier(mirror).refresh(events(), NOW, "test", full=True)
    assert gc.get_threshold() == usual


def test_deleted_while_the_first_refresh_runs(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        events = refresh(company(3), 1, RefreshKind.COMPLETE, Delete((entry_id(1), entry_id(77))))
        applier(mirror).refresh(iter(events[1:]), NOW, "test", full=True)
        assert routes(mirror, "user1") == []
        assert routes(mirror, "user2")


@pytest.mark.parametrize(
    ("kind", "left"),
    [(RefreshKind.COMPLETE, False), (RefreshKind.PRESENT, True), (RefreshKind.DELETE, True)],
)
def test_what_the_end_of_a_refresh_means_for_the_unmentioned(
    tmp_path: Path, kind: RefreshKind, left: bool
) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, company(5))
        mentioned = [site("central", 1), site("external", 2), user(0), user(1), user(2)]
        present = Present((entry_id(3),))
        events = (
            refresh(mentioned, 2, kind, present)
            if kind is RefreshKind.PRESENT
            else refresh(mentioned, 2, kind)
        )
        applier(mirror).refresh(iter(events[1:]), NOW, "test", full=False)
        assert bool(routes(mirror, "user3")) is left
        assert bool(routes(mirror, "user4")) is (kind is RefreshKind.DELETE)


def test_a_refresh_without_a_cookie_keeps_the_old_one(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, company(2))
        applier(mirror).refresh(iter(refresh([], None, RefreshKind.DELETE)[1:]), NOW, "test", full=False)
        with mirror.snapshot() as snapshot:
            assert snapshot.meta().cookie == cookie(1)


def test_an_emptied_directory_is_refused_and_nothing_changes(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, company(3))
        with pytest.raises(RefusedError) as refused:
            fill(mirror, [])
        assert refused.value.held.would_remove == 5
        assert routes(mirror, "user1") == ["user1@external.test.tux"]
        with mirror.snapshot() as snapshot:
            assert snapshot.meta().cookie == cookie(1)


def test_losing_all_sites_is_refused_however_small_the_company(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, [site("central", 1), user(1), user(2)])
        with pytest.raises(RefusedError, match="all 1 sites"):
            fill(mirror, [user(1), user(2)])


def test_held_survives_and_an_approval_ends_it(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, company(300))
        with pytest.raises(RefusedError) as refused:
            fill(mirror, company(200))
        applier(mirror).hold(refused.value.held, NOW)
        assert mirror.pulse.state(0.0, 1e9) is State.HELD
    with opened(tmp_path) as mirror:
        assert mirror.pulse.state(0.0, 1e9) is State.HELD
        mirror.request_accept(100)
        fill(mirror, company(200))
        assert routes(mirror, "user250") == []
        with mirror.snapshot() as snapshot:
            assert (snapshot.meta().held, snapshot.meta().accept) == (None, 0)


def test_an_approval_covers_no_more_than_was_shown(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, company(300))
        mirror.request_accept(100)
        with pytest.raises(RefusedError):
            fill(mirror, company(150))


@pytest.mark.parametrize(("approved", "kept"), [(100, 100), (99, 0)])
def test_an_approval_given_while_a_refresh_is_refused_is_kept_if_it_fits(
    tmp_path: Path, approved: int, kept: int
) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, company(300))
        with pytest.raises(RefusedError) as refused:
            fill(mirror, company(200))
        mirror.request_accept(approved)
        applier(mirror).hold(refused.value.held, NOW)
        with mirror.snapshot() as snapshot:
            assert snapshot.meta().accept == kept


def test_the_stream_commits_with_its_cookie(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, company(100))
        batch = [Upsert(user(1, "paris"), cookie(2)), *deletes([2], 3), Cookie(cookie(9))]
        assert applier(mirror).stream(batch, NOW) is None
        assert routes(mirror, "user1") == ["user1@paris.test.tux"]
        assert routes(mirror, "user2") == []
        with mirror.snapshot() as snapshot:
            assert snapshot.meta().cookie == cookie(9)
            assert [owner.routes for owner in snapshot.former_residents("user1@external.test.tux")] == [
                ("user1@paris.test.tux",)
            ]


def test_mass_deletion_one_by_one_trips_and_all_answer_again(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, company(100))
        held = None
        for number in range(30):
            held = held or applier(mirror).stream(deletes([number], number + 2), NOW + number)
        assert held is not None
        assert held.would_remove == 21
        assert all(routes(mirror, f"user{number}") for number in range(20))
        assert mirror.pulse.state(0.0, 1e9) is State.HELD
        with mirror.snapshot() as snapshot:
            assert snapshot.meta().cookie == b""


def test_deletions_further_apart_than_the_window_do_not_add_up(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, company(200))
        subject = applier(mirror, GuardRules(10, 20, window=60))
        for number in range(60):
            assert subject.stream(deletes([number], number + 2), NOW + number * 10) is None


def test_what_left_before_the_window_is_not_brought_back(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, company(200))
        subject = applier(mirror, GuardRules(10, 20, window=60))
        assert subject.stream(deletes(range(15), 2), NOW) is None
        held = subject.stream(deletes(range(15, 40), 3), NOW + 61)
        assert held is not None
        assert held.would_remove == 25
        assert routes(mirror, "user20")
        assert routes(mirror, "user1") == []


def test_refresh_and_stream_add_up_within_the_window(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, company(200))
        fill(mirror, company(182), NOW, 2)
        assert routes(mirror, "user190") == []
        held = applier(mirror).stream(deletes(range(8), 3), NOW + 1)
        assert held is not None
        assert routes(mirror, "user190"), "what the refresh removed within the window answers again too"


def test_accepted_removals_no_longer_count(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, company(300))
        mirror.request_accept(100)
        fill(mirror, company(200), NOW, 2)
        assert applier(mirror).stream(deletes(range(10), 3), NOW + 1) is None


def test_a_reload_under_new_ids_is_no_loss(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, company(100))
        renewed = [user(number, id_from=5000 + number) for number in range(100)]
        subject = applier(mirror)
        for index, entry in enumerate(renewed):
            assert subject.stream([Upsert(entry, cookie(index + 2))], NOW) is None
        for number in range(100):
            assert subject.stream(deletes([number], 200 + number), NOW) is None
        assert routes(mirror, "user7") == ["user7@external.test.tux"]


def test_differences_at_an_unmoved_cookie_are_counted(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, company(50))
        fill(mirror, [*company(49), user(1, "paris")], NOW, 1)
        with mirror.snapshot() as snapshot:
            assert snapshot.meta().differences == 2
        fill(mirror, company(50), NOW, 2)
        with mirror.snapshot() as snapshot:
            assert snapshot.meta().differences == 2


def test_the_domain_of_a_former_route_is_still_known(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, [site("central", 1), user(1, "closed"), user(2, "central")])
        assert applier(mirror).stream([Upsert(user(1, "central"), cookie(2))], NOW) is None
        with mirror.snapshot() as snapshot:
            assert "closed.test.tux" not in snapshot.route_domains()
            assert snapshot.former_domains() == ["closed.test.tux"]


@pytest.mark.parametrize("entries", [[], [site("central", 1), mute(1), mute(2)]])
def test_a_first_refresh_without_addresses_is_not_believed(tmp_path: Path, entries: list[Entry]) -> None:
    with opened(tmp_path) as mirror:
        with pytest.raises(DirectoryError, match="nobody has an address there yet"):
            fill(mirror, entries)
        assert mirror.pulse.state(0.0, 1e9) is State.EMPTY
        fill(mirror, company(1))
        assert routes(mirror, "user0")


def test_addresses_that_are_hidden_from_us_are_a_loss(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, company(60))
        hidden = [mute(number) for number in range(30)]
        with pytest.raises(RefusedError) as refused:
            fill(mirror, [*company(60), *hidden], NOW, 2)
        assert refused.value.held.would_remove == len(refused.value.held.entries) == 30
        assert refused.value.held.entries[3] == "uid=user3,dc=test,dc=tux"
        assert routes(mirror, "user3")


def test_all_addresses_hidden_is_refused_however_small_the_company(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, company(2))
        with pytest.raises(RefusedError, match="all 2 addresses would be gone"):
            fill(mirror, [site("central", 1), site("external", 2), mute(0), mute(1)], NOW, 2)


def test_addresses_hidden_in_the_stream_are_not_committed(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, company(60))
        muted = [Upsert(mute(number), cookie(2)) for number in range(30)]
        with pytest.raises(RefusedError) as refused:
            applier(mirror).stream([*deletes([50]), *muted], NOW)
        assert refused.value.held.would_remove == len(refused.value.held.entries) == 31
        assert refused.value.held.entries[:2] == ("uid=user50,dc=test,dc=tux", "uid=user0,dc=test,dc=tux")
        assert routes(mirror, "user3")


def test_disabled_users_are_no_loss(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, company(60))
        fill(mirror, [*company(60), *(mute(number, enabled=False) for number in range(30))], NOW, 2)
        assert routes(mirror, "user3") == []


def test_all_users_gone_of_whom_none_is_missed_can_be_accepted(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, [site("central", 1), mute(1, enabled=False), user(2)])
        fill(mirror, [site("central", 1), mute(1, enabled=False), mute(2, enabled=False)], NOW, 2)
        with pytest.raises(RefusedError):
            fill(mirror, [site("central", 1)], NOW, 3)
        mirror.request_accept(1)
        fill(mirror, [site("central", 1)], NOW, 3)
