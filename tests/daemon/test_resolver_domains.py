"""Which domains a resolver takes for ours, over a real mirror that loses some and is emptied."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from colocroute.daemon import build
from colocroute.daemon.resolver import Resolver
from colocroute.model import NOT_FOUND, Answer, Entry, Found, SiteEntry, TempFail, UserEntry
from colocroute.replicate.apply import Applier
from colocroute.replicate.guard import GuardRules
from colocroute.replicate.whereabouts import Whereabouts
from colocroute.routing.records import record
from colocroute.store.mirror import Mirror
from tests.lab.held import configured
from tests.replicate.scripted import company, entry_id, refresh, site

INTERNAL, SECOND = "mail.internal", "second.test"
IDA, HOME, MOVED = "ida@second.test", "ida@mail.internal", "ida@external.test.tux"
TRANSPORT = Entry(entry_id(51), "cn=internal", site=SiteEntry((INTERNAL,), ("smtp:[10.9.0.1]",)))
ZONE = Entry(entry_id(52), "zoneName=second", domains=(SECOND,))
QUESTIONS = (
    ("virtual_alias", IDA),
    ("virtual_alias", HOME),
    ("virtual_alias", "nobody@second.test"),
    ("transport", HOME),
    ("transport", INTERNAL),
    ("transport", "x@new.second.test"),
    ("relay_domains", INTERNAL),
    ("mydestination", INTERNAL),
    ("relay_recipient", HOME),
    ("recipient", HOME),
)
FOREIGN = (
    ("virtual_alias", "x@example.com"),
    ("transport", "x@example.com"),
    ("transport", "x@internal"),
    ("relay_domains", "example.com"),
    ("virtual_alias_domains", "example.com"),
)


def ida(route: str = HOME) -> Entry:
    return Entry(entry_id(53), "uid=ida", user=UserEntry((IDA,), (route,), ("ida",)))


def entries(*more: Entry) -> list[Entry]:
    return [*company(3), ZONE, *more]


def fill(mirror: Mirror, *more: Entry) -> None:
    """A full refresh that finds the company and these."""
    found = Whereabouts(here=("central.test.tux",))
    Applier(mirror, GuardRules(), record, lambda _snapshot: found).refresh(
        iter(refresh(entries(*more), None)[1:]), time.time(), "test", full=True
    )
    mirror.pulse.touch(time.clock_gettime(time.CLOCK_BOOTTIME))


def configuration(directory: Path, login: str = "uid") -> Path:
    """A configuration with this attribute as `schema.login`."""
    path = configured(directory)
    path.write_text(path.read_text().replace("[schema]\n", f'[schema]\nlogin = "{login}"\n'))
    return path


@contextmanager
def opened(directory: Path, login: str = "uid", *, writable: bool = True) -> Iterator[Mirror]:
    mirror = build.open_mirror(build.load(configuration(directory, login)), writable=writable)
    try:
        yield mirror
    finally:
        mirror.close()


def resolving(mirror: Mirror, directory: Path) -> Resolver:
    return build.resolver(build.load(configuration(directory)), mirror)


def say(resolver: Resolver, map_name: str, key: str) -> Answer:
    return resolver.answer(map_name.encode(), key.encode())


def denies_nothing_of_ours(resolver: Resolver) -> None:
    for map_name, key in QUESTIONS:
        assert isinstance(say(resolver, map_name, key), TempFail), (map_name, key)
    for map_name, key in FOREIGN:
        assert say(resolver, map_name, key) == NOT_FOUND, (map_name, key)
    outsider = {"client_address": "192.0.2.1", "recipient": HOME}
    assert resolver.policy(outsider).startswith("DEFER_IF_PERMIT ")


@pytest.mark.parametrize(
    ("entry", "map_name", "domain"),
    [
        (
            Entry(b"new", "cn=new", site=SiteEntry(("new.test.tux",), ("smtp:[10.9.0.1]",))),
            "transport",
            "new.test.tux",
        ),
        (Entry(b"new", "zoneName=new", domains=("new.test",)), "virtual_alias_domains", "new.test"),
    ],
)
def test_domains_follow_the_commits(entry: Entry, map_name: str, domain: str, tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        resolver = resolving(mirror, tmp_path)
        for more, known in (((), False), ((entry,), True), ((), False)):
            fill(mirror, *more)
            assert isinstance(say(resolver, map_name, domain), Found) is known


def test_where_we_are_follows_the_commits(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror)
        resolver = resolving(mirror, tmp_path)
        assert isinstance(say(resolver, "mydestination", "central.test.tux"), Found)
        with mirror.transaction(time.time()) as txn:
            txn.update_meta(here=("external.test.tux",))
        assert say(resolver, "mydestination", "central.test.tux") == NOT_FOUND
        assert isinstance(say(resolver, "mydestination", "external.test.tux"), Found)


def test_a_site_whose_transport_goes_waits_for_another(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        resolver = resolving(mirror, tmp_path)
        fill(mirror, TRANSPORT, ida())
        assert say(resolver, "transport", HOME) == Found("smtp:[10.9.0.1]")
        fill(mirror, ida())
        waits = TempFail("site <mail.internal>: its transport entry is gone")
        assert say(resolver, "transport", HOME) == say(resolver, "transport", INTERNAL) == waits
        assert say(resolver, "relay_domains", INTERNAL) == Found(INTERNAL)
        assert say(resolver, "recipient", HOME) == say(resolver, "relay_recipient", HOME) == Found(HOME)
        assert say(resolver, "virtual_alias", IDA) == Found(HOME)
        fill(mirror, ida(MOVED))
        assert say(resolver, "relay_domains", INTERNAL) == NOT_FOUND, "nobody's route points there any more"
        assert say(resolver, "transport", HOME) == NOT_FOUND


def test_a_transport_that_was_a_mistake_costs_nothing_once_it_is_mended(tmp_path: Path) -> None:
    """Not for as long as moves are remembered: that is longer than mail is queued."""
    mistaken = Entry(b"bob", "cn=bob", UserEntry(("bob@test.tux",), (f"bob@{SECOND}",), ("bob",)))
    mended = Entry(b"bob", "cn=bob", UserEntry(("bob@test.tux",), ("bob@external.test.tux",), ("bob",)))
    zone = Entry(b"zone", "cn=zone", domains=(SECOND,))
    info = Entry(b"info", "cn=info", UserEntry((f"info@{SECOND}",), ("info@external.test.tux",), ("info",)))
    transport = Entry(b"site", "cn=site", site=SiteEntry((SECOND,), ("smtp:[10.9.0.1]",)))
    with opened(tmp_path) as mirror:
        resolver = resolving(mirror, tmp_path)
        fill(mirror, zone, info, transport, mistaken)
        assert say(resolver, "transport", f"x@{SECOND}") == Found("smtp:[10.9.0.1]")
        fill(mirror, zone, info, mended)
        assert say(resolver, "virtual_alias", f"info@{SECOND}") == Found("info@external.test.tux")
        assert say(resolver, "virtual_alias_domains", SECOND) == Found(SECOND)
        assert say(resolver, "relay_domains", SECOND) == NOT_FOUND


def test_a_mirror_emptied_for_another_schema_denies_nothing_of_ours(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, TRANSPORT, ida())
    with opened(tmp_path, "mail") as mirror:
        resolver = resolving(mirror, tmp_path)
        denies_nothing_of_ours(resolver)
        assert say(resolver, "virtual_alias_domains", SECOND) == Found(SECOND), "known from before"
        fill(mirror, ida(MOVED))
        assert say(resolver, "virtual_alias", IDA) == Found(MOVED)
        for map_name, key in (("transport", HOME), ("relay_domains", INTERNAL)):
            assert say(resolver, map_name, key) == NOT_FOUND, "nobody routes there any more"


def test_a_move_is_remembered_when_the_schema_changes(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, TRANSPORT, ida())
        fill(mirror, TRANSPORT, ida(MOVED))
    with opened(tmp_path, "mail") as mirror:
        resolver = resolving(mirror, tmp_path)
        denies_nothing_of_ours(resolver)
        fill(mirror, TRANSPORT, ida(MOVED))
        assert say(resolver, "virtual_alias", HOME) == Found(MOVED)
        assert say(resolver, "transport", HOME) == Found("smtp:[10.2.0.1]")


def test_a_worker_of_either_configuration_denies_nothing_of_ours_meanwhile(tmp_path: Path) -> None:
    """At a reload the new ones are there before the replicator, and the old ones may go after it has begun."""
    with opened(tmp_path) as mirror:
        fill(mirror, TRANSPORT, ida())
    with opened(tmp_path, "mail", writable=False) as new:
        denies_nothing_of_ours(resolving(new, tmp_path))
    with opened(tmp_path, "mail") as mirror:
        fill(mirror, TRANSPORT, ida(), site("paris", 3))
    with opened(tmp_path, writable=False) as old:
        denies_nothing_of_ours(resolving(old, tmp_path))


def test_what_a_resolver_knew_it_knows_when_the_mirror_is_set_aside(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, TRANSPORT, ida())
        resolver = resolving(mirror, tmp_path)
        assert say(resolver, "virtual_alias", IDA) == Found(HOME)
        mirror.pulse.note_damage()
        mirror._detach()
        mirror._establish()
        with mirror.snapshot() as snapshot:
            assert snapshot.domains() == snapshot.former_sites() == []
        denies_nothing_of_ours(resolver)
        fill(mirror)
        assert say(resolver, "relay_domains", INTERNAL) == NOT_FOUND
