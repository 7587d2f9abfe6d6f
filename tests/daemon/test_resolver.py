"""From the bytes of a request to an answer, over a real mirror that commits, ages and breaks."""

import errno
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from colocroute.daemon import build
from colocroute.daemon.resolver import Resolver
from colocroute.errors import StoreError
from colocroute.model import NOT_FOUND, Found, TempFail
from colocroute.routing import maps
from colocroute.routing.address import KEY_LIMIT
from colocroute.routing.view import Rules
from colocroute.store import environment, pulse
from colocroute.store.meta import Held
from colocroute.store.mirror import Mirror
from colocroute.store.snapshot import Snapshot
from tests.lab.daemon import wait_for
from tests.lab.held import configured
from tests.lab.resolving import ANNA, FAR, FOREIGN, KINDS, NOBODY, ROUTE, STALE_AFTER, fill, now
from tests.replicate.scripted import company, opened
from tests.vectors import RULES, company_entries

DOMAIN_MAPS = {"virtual_alias_domains", "virtual_mailbox_domains", "mydestination", "relay_domains"}


@contextmanager
def unreadable(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Whoever opens a snapshot in the block fails; the list has one number for each."""
    tried: list[int] = []

    def fail(_mirror: Mirror) -> Snapshot:
        tried.append(len(tried))
        raise StoreError("/some/store: Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(type(mirror), "snapshot", fail)
        yield tried


def test_any_bytes_have_an_answer(resolver: Resolver) -> None:
    assert resolver.answer(b"virtual_alias", ANNA) == ROUTE
    for key in (b"\xff@test.tux", b"", b"x" * (KEY_LIMIT + 1), b"x" * KEY_LIMIT + b"@test.tux", b"\x00"):
        for name in maps.MAPS:
            assert resolver.answer(name.encode(), key) == NOT_FOUND


@pytest.mark.parametrize("key", [ANNA, b"\xff", b"x" * (KEY_LIMIT + 1), FOREIGN])
def test_an_unknown_map_fails_whatever_the_key(resolver: Resolver, key: bytes) -> None:
    assert resolver.answer(b"nonsense", key) == TempFail("unknown map 'nonsense'")
    assert isinstance(resolver.answer(b"\xff\x00", key), TempFail)


def test_a_foreign_domain_opens_no_transaction(
    mirror: Mirror, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver.answer(b"virtual_alias", ANNA)
    with unreadable(mirror, monkeypatch) as tried:
        for name in maps.MAPS:
            for key in (FOREIGN, b"example.com", b"*", b"<>", b"@example.com", b"[1.2.3.4]"):
                assert name.endswith("_server") or resolver.answer(name.encode(), key) == NOT_FOUND
        assert resolver.policy({"sender": "a@example.com", "recipient": "b@example.org"}) == "DUNNO"
        assert not tried


def test_one_lookup_is_one_transaction(resolver: Resolver, taken: list[Snapshot]) -> None:
    resolver.answer(b"virtual_alias", ANNA)
    taken.clear()
    assert resolver.answer(b"recipient", b"anna+x@test.tux") == ROUTE
    assert len(taken) == 1


def test_no_transaction_is_left_open(mirror: Mirror, resolver: Resolver) -> None:
    for turn in range(1000):  # more than LMDB has slots for readers
        resolver.answer(b"virtual_alias", b"%d@test.tux" % turn)
        resolver.policy({"recipient": f"{turn}@test.tux"})
    assert resolver.answer(b"virtual_alias", ANNA) == ROUTE
    assert mirror.pulse.stamp() >= 0


def test_the_stamp_changes_with_a_commit(mirror: Mirror, resolver: Resolver) -> None:
    before = resolver.stamp()
    assert before == resolver.stamp() >= 0
    fill(mirror, [*company_entries(), KINDS[0]()])
    assert resolver.stamp() not in (before, -1)


def test_the_stamp_changes_with_the_state(mirror: Mirror, resolver: Resolver) -> None:
    stamps = [resolver.stamp()]
    mirror.pulse.touch(now() - STALE_AFTER - 1)
    stamps.append(resolver.stamp())
    with mirror.transaction(time.time()) as txn:
        txn.update_meta(held=Held(1.0, "too much", 50))
    stamps.append(resolver.stamp())
    assert len(set(stamps)) == 3
    assert min(stamps) >= 0


def test_nothing_may_be_kept_while_a_commit_is_in_progress(mirror: Mirror, resolver: Resolver) -> None:
    mirror.pulse.begin_commit(complete=True, held=False)
    assert resolver.stamp() < 0
    mirror.pulse.end_commit(topology=mirror.pulse.topology(), complete=True, held=False)
    assert resolver.stamp() >= 0


def test_nothing_may_be_kept_where_there_is_no_mirror(tmp_path: Path) -> None:
    with build.open_mirror(build.load(configured(tmp_path)), writable=False) as absent:
        resolver = Resolver(absent, RULES, STALE_AFTER)
        assert resolver.stamp() < 0
        assert isinstance(resolver.answer(b"virtual_alias", ANNA), TempFail)
        assert isinstance(resolver.answer(b"transport", FAR), TempFail)
        assert resolver.answer(b"virtual_alias", FOREIGN) == NOT_FOUND


def test_the_state_decides_who_may_be_denied(mirror: Mirror, resolver: Resolver) -> None:
    assert resolver.answer(b"virtual_alias", NOBODY) == NOT_FOUND
    mirror.pulse.touch(now() - STALE_AFTER - 1)
    assert isinstance(resolver.answer(b"virtual_alias", NOBODY), TempFail)
    assert resolver.answer(b"virtual_alias", ANNA) == ROUTE
    rejecting = Resolver(mirror, Rules(domains=RULES.domains, reject_when_stale=True), STALE_AFTER)
    assert rejecting.answer(b"virtual_alias", NOBODY) == NOT_FOUND


@pytest.mark.parametrize("name", sorted(maps.MAPS.keys() - DOMAIN_MAPS - {"generic"}))
def test_a_mirror_that_cannot_be_read_fails_for_now(
    name: str, mirror: Mirror, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver.answer(b"virtual_alias", ANNA)
    before = resolver.stamp()
    with unreadable(mirror, monkeypatch):
        said = [resolver.answer(name.encode(), key) for key in (ANNA, FAR)]
    assert TempFail("mirror unreadable: /some/store: Input/output error") in said
    assert resolver.stamp() != before


def test_generic_never_fails(mirror: Mirror, resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolver.answer(b"generic", FAR) == Found("anna@test.tux")
    before = resolver.stamp()
    with unreadable(mirror, monkeypatch):
        assert resolver.answer(b"generic", FAR) == NOT_FOUND
    assert resolver.stamp() != before, "what was said meanwhile must not be kept"
    assert resolver.answer(b"generic", FAR) == Found("anna@test.tux")


@pytest.mark.parametrize("known", [False, True])
def test_while_the_domains_cannot_be_read_nothing_is_denied(
    known: bool, mirror: Mirror, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    if known:
        resolver.answer(b"virtual_alias", ANNA)
        fill(mirror, [*company_entries(), KINDS[0]()])
    with unreadable(mirror, monkeypatch):
        for name, key in ((b"transport", FAR), (b"transport", b"x@new.test.tux"), (b"virtual_alias", ANNA)):
            assert isinstance(resolver.answer(name, key), TempFail)
        outsider = {"client_address": "192.0.2.1", "sender": FAR.decode()}
        assert resolver.policy(outsider).startswith("DEFER_IF_PERMIT ")
        assert resolver.answer(b"virtual_alias", FOREIGN) == NOT_FOUND
    assert resolver.answer(b"virtual_alias", ANNA) == ROUTE
    assert resolver.policy(outsider).startswith("REJECT 5.7.1 ")


def test_the_policy_knows_servers_and_trusted_networks(mirror: Mirror, tmp_path: Path) -> None:
    config = build.load(configured(tmp_path))
    policy = msgspec.structs.replace(config.policy, trusted=build.load(trusting(tmp_path)).policy.trusted)
    resolver = build.resolver(msgspec.structs.replace(config, policy=policy), mirror)
    asked = {"recipient": "anna@external.test.tux"}
    for client, allowed in (("10.1.0.1", True), ("192.0.2.7", True), ("192.0.3.7", False)):
        action = resolver.policy({**asked, "client_address": client})
        assert (action == "DUNNO") is allowed, (client, action)
    assert resolver.policy({"recipient": NOBODY.decode()}).startswith("REJECT 5.1.1 ")


def trusting(directory: Path) -> Path:
    path = configured(directory)
    path.write_text(path.read_text() + '[policy]\ntrusted = ["192.0.2.0/24"]\n')
    return path


def test_the_policy_defers_while_the_mirror_cannot_be_read(
    mirror: Mirror, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver.answer(b"virtual_alias", ANNA)
    with unreadable(mirror, monkeypatch):
        assert resolver.policy({"recipient": ANNA.decode()}).startswith("DEFER_IF_PERMIT ")


def test_what_could_not_be_stored_is_not_denied_even_if_the_operator_would(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, company(3))
        resolver = Resolver(mirror, Rules(domains=("test.tux",), reject_when_stale=True), stale_after=60.0)
        mirror.pulse.touch(0.0)
        assert resolver.answer(b"virtual_alias", NOBODY) == NOT_FOUND
        mirror.pulse.set(unwritable=True)
        assert isinstance(resolver.answer(b"virtual_alias", b"nobody@test.tux"), TempFail)


def test_a_mirror_that_cannot_be_opened_is_none_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    config = build.load(configured(tmp_path))
    with build.open_mirror(config, writable=True) as opened:
        fill(opened, company_entries())
        opened.pulse.touch(now())

    def fail(*_: object, **__: object) -> None:
        raise StoreError("/some/store: Permission denied")

    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(environment, "attach", fail)
        with pytest.raises(StoreError):
            build.open_mirror(config, writable=False)
        patch.setattr(pulse, "read_page", refuse)
        with pytest.raises(StoreError):
            build.open_mirror(config, writable=False)
        mirror = build.open_mirror(config, writable=False, patient=True)
        resolver = Resolver(mirror, RULES, STALE_AFTER)
        for _ in range(2):
            told = TempFail("mirror unreadable: /some/store: Permission denied")
            assert resolver.answer(b"virtual_alias", ANNA) == told
            assert resolver.answer(b"virtual_alias", FOREIGN) == NOT_FOUND
            assert resolver.policy({"recipient": "x@example.org"}) == "DUNNO"
    assert len(caplog.messages) == 2, "the pulse and the data, once each"
    wait_for(lambda: resolver.answer(b"virtual_alias", ANNA) == ROUTE, "the mirror that can be opened now")
    mirror.close()
