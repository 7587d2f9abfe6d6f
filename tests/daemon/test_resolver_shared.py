"""Lookups under one stamp share a transaction, and never longer than it holds."""

import pytest

from colocroute.daemon.resolver import Resolver
from colocroute.errors import StoreError
from colocroute.model import NOT_FOUND, Entry, Found, TempFail, UserEntry
from colocroute.store.mirror import Mirror
from colocroute.store.snapshot import Snapshot
from tests.lab.resolving import ANNA, FOREIGN, KINDS, NOBODY, ROUTE, STALE_AFTER, fill, now
from tests.vectors import company_entries


def test_lookups_under_one_stamp_share_a_transaction(resolver: Resolver, taken: list[Snapshot]) -> None:
    resolver.answer(b"virtual_alias", ANNA)
    taken.clear()
    stamp = resolver.stamp()
    for key in (FOREIGN, ANNA, NOBODY, b"anna+x@test.tux", ANNA):
        resolver.answer(b"virtual_alias", key, stamp)
        assert resolver.holds(stamp)
    assert len(taken) == 1
    resolver.rest()
    assert resolver.answer(b"virtual_alias", ANNA, stamp) == ROUTE
    assert len(taken) == 2


def test_nothing_is_shared_without_a_stamp(resolver: Resolver, taken: list[Snapshot]) -> None:
    resolver.answer(b"virtual_alias", ANNA)
    taken.clear()
    for _ in range(3):
        assert resolver.answer(b"virtual_alias", ANNA) == ROUTE
    assert len(taken) == 3


def test_a_shared_transaction_ends_with_its_stamp(mirror: Mirror, resolver: Resolver) -> None:
    before = resolver.stamp()
    assert resolver.answer(b"virtual_alias", b"new@test.tux", before) == NOT_FOUND
    new = UserEntry(("new@test.tux",), ("new@external.test.tux",))
    fill(mirror, [*company_entries(), Entry(b"new", "cn=new", new)])
    after = resolver.stamp()
    assert resolver.answer(b"virtual_alias", b"new@test.tux", after) == Found("new@external.test.tux")
    mirror.pulse.touch(now() - STALE_AFTER - 1)
    assert isinstance(resolver.answer(b"virtual_alias", NOBODY, resolver.stamp()), TempFail)


def test_what_a_commit_overtakes_is_not_shared(mirror: Mirror, resolver: Resolver) -> None:
    stamp = resolver.stamp()
    fill(mirror, [*company_entries(), KINDS[0]()])
    assert resolver.answer(b"virtual_alias", ANNA, stamp) == ROUTE
    assert not resolver.holds(stamp)
    mirror.pulse.begin_commit(complete=True, held=False)
    assert not resolver.holds(stamp)


def test_a_shared_transaction_does_not_outlive_a_failure(
    resolver: Resolver, taken: list[Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp = resolver.stamp()
    resolver.answer(b"virtual_alias", ANNA, stamp)

    def fail(_snapshot: Snapshot, _key: bytes) -> bytes:
        raise StoreError("/some/store: Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Snapshot, "direct_owner", fail)
        assert isinstance(resolver.answer(b"virtual_alias", ANNA, stamp), TempFail)
        assert not resolver.holds(stamp)
    taken.clear()
    assert resolver.answer(b"virtual_alias", ANNA, resolver.stamp()) == ROUTE
    assert len(taken) == 1


def test_an_empty_mirror_says_nothing_the_short_way(mirror: Mirror, resolver: Resolver) -> None:
    assert resolver.answer(b"virtual_alias", ANNA) == ROUTE
    mirror.pulse.set(complete=False)
    assert isinstance(resolver.answer(b"virtual_alias", ANNA, resolver.stamp()), TempFail)
