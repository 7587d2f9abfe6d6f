"""Following a real slapd by syncrepl: changes, interruptions, and replicas in odd states."""

import time
from collections.abc import Sequence

import pytest

from colocroute.directory.client import open_session
from colocroute.directory.events import Cookie, Delete, Event, Present, RefreshDone, RefreshKind, Upsert
from colocroute.errors import DirectoryBehindError, DirectoryError, SyncUnsupportedError
from tests.lab.company import SUFFIX, TRANSPORTS, USERS, Person, company_ldif
from tests.lab.directory import (
    changes,
    connect,
    entries,
    gather,
    last_cookie,
    refresh,
    settings_for,
)
from tests.lab.slapd import Slapd, wait_until

HIDDEN_CSN = "access to attrs=entryCSN by * none\naccess to * by * read"


def done(events: Sequence[Event]) -> RefreshDone:
    """The end of the only refresh among the events."""
    [end] = [event for event in events if isinstance(event, RefreshDone)]
    return end


def ids(events: Sequence[Event], kind: type[Present] | type[Delete]) -> set[bytes]:
    return {entry_id for event in events if isinstance(event, kind) for entry_id in event.ids}


def test_every_kind_of_change() -> None:
    with Slapd(company_ldif(3)) as slapd:
        session = connect(slapd)
        known = {entry.dn: entry.id for entry in entries(refresh(session))}
        anna, bob, carla, new = map(Person, range(4))

        slapd.add(new.dn, new.attributes())
        [added] = changes(session)
        assert isinstance(added, Upsert)
        assert added.entry.dn == new.dn
        assert added.entry.id not in known.values()

        slapd.modify(anna.dn, colocRouteAddress=["anna@paris.test.tux"])
        [changed] = changes(session)
        assert isinstance(changed, Upsert)
        assert changed.entry.id == known[anna.dn]
        assert changed.entry.user is not None
        assert changed.entry.user.routes == ("anna@paris.test.tux",)

        slapd.rename(bob.dn, "uid=robert")
        [renamed] = changes(session)
        assert isinstance(renamed, Upsert)
        assert (renamed.entry.id, renamed.entry.dn) == (known[bob.dn], f"uid=robert,{USERS}")

        slapd.modify(carla.dn, colocRouteAddress=[])  # no longer matches the filter
        [gone] = changes(session)
        assert gone == Delete((known[carla.dn],), gone.cookie if isinstance(gone, Delete) else None)

        slapd.delete(anna.dn)
        [deleted] = changes(session)
        assert isinstance(deleted, Delete)
        assert deleted.ids == (known[anna.dn],)

        slapd.modify(f"ou=users,{SUFFIX}", description=["not for us"])
        [moved] = gather(session, lambda events: bool(events))
        assert isinstance(moved, Cookie)
        gather(session, lambda _: session.position == ";".join(slapd.context_csn()))
        assert session.position.encode() in moved.cookie
        session.close()


def test_moved_out_of_the_base_is_deleted() -> None:
    with Slapd(company_ldif(2)) as slapd:
        session = connect(slapd, base=USERS)
        known = {entry.dn: entry.id for entry in entries(refresh(session))}
        slapd.rename(Person(0).dn, "uid=user0", TRANSPORTS)
        [event] = changes(session)
        session.close()
    assert isinstance(event, Delete)
    assert event.ids == (known[Person(0).dn],)


@pytest.mark.parametrize("session_log", [0, 100])
def test_resume_tells_what_happened_meanwhile(session_log: int) -> None:
    with Slapd(company_ldif(5), session_log=session_log) as slapd:
        session = connect(slapd)
        first = refresh(session)
        session.close()
        known = {entry.dn: entry.id for entry in entries(first)}
        slapd.delete(Person(0).dn)
        slapd.modify(Person(1).dn, mail=["new@test.tux"])
        session = connect(slapd, last_cookie(first))
        events = refresh(session)
        session.close()
        assert [entry.dn for entry in entries(events)] == [Person(1).dn]
        if session_log:
            assert done(events).kind is RefreshKind.DELETE
            assert ids(events, Delete) == {known[Person(0).dn]}
        else:
            assert done(events).kind is RefreshKind.PRESENT
            assert ids(events, Present) >= set(known.values()) - {known[Person(0).dn], known[Person(1).dn]}
            assert known[Person(0).dn] not in ids(events, Present)


def test_resume_when_nothing_happened() -> None:
    with Slapd(company_ldif(5)) as slapd:
        session = connect(slapd)
        cookie = last_cookie(refresh(session))
        session.close()
        session = connect(slapd, cookie)
        events = refresh(session)
        session.close()
    assert done(events).kind is RefreshKind.DELETE
    assert entries(events) == []
    assert ids(events, Delete) == set()


def test_resume_after_a_restart_of_slapd() -> None:
    with Slapd(company_ldif(5), session_log=100) as slapd:
        session = connect(slapd)
        first = refresh(session)
        known = {entry.dn: entry.id for entry in entries(first)}
        slapd.stop()
        with pytest.raises(DirectoryError, match="closed the connection"):
            gather(session, lambda _: False)
        session.close()
        with pytest.raises(DirectoryError, match=r"No such file|refused"):
            connect(slapd, last_cookie(first))
        slapd.start()
        slapd.delete(Person(0).dn)
        slapd.restart()  # the session log is gone
        session = connect(slapd, last_cookie(first))
        events = refresh(session)
        session.close()
    assert done(events).kind is RefreshKind.PRESENT
    assert known[Person(0).dn] not in ids(events, Present)


def test_changes_while_the_refresh_runs_are_not_lost() -> None:
    with Slapd(company_ldif(3000)) as slapd:
        session = connect(slapd)
        early = list(session.events(5.0))
        slapd.delete(Person(2999).dn)
        slapd.modify(Person(2998).dn, mail=["new@test.tux"])
        late = gather(session, lambda events: any(isinstance(event, RefreshDone) for event in events))

        def told(events: Sequence[Event]) -> bool:
            users = {entry.dn: entry.user for entry in entries([*early, *late, *events])}
            user = users.get(Person(2998).dn)
            return user is not None and user.addresses[0] == "new@test.tux"

        later = [] if told([]) else gather(session, told)
        session.close()
    content = {entry.id: entry.dn for entry in entries([*early, *late, *later])}
    for entry_id in ids([*early, *late, *later], Delete):
        content.pop(entry_id, None)
    assert Person(2999).dn not in content.values()


def test_without_syncprov_the_directory_is_polled() -> None:
    with Slapd(company_ldif(3), syncprov=False) as slapd:
        session = connect(slapd)
        assert session.mode == "poll"
        assert len(entries(refresh(session))) == 7
        session.close()
        with pytest.raises(SyncUnsupportedError, match="no syncprov"):
            connect(slapd, mode="syncrepl")


def test_syncprov_that_is_loaded_but_not_for_our_base_is_noticed() -> None:
    with Slapd(company_ldif(3), syncprov=False, extra="moduleload syncprov") as slapd:
        session = connect(slapd)
        assert session.mode == "poll"
        session.close()
        with pytest.raises(SyncUnsupportedError):
            connect(slapd, mode="syncrepl")


def test_hidden_entry_csn_means_a_full_refresh_each_time() -> None:
    """A resume would drop changes without a word while the cookie goes on."""
    with Slapd(company_ldif(5), access=HIDDEN_CSN) as slapd:
        session = connect(slapd)
        assert len(session.warnings) == 1
        assert "entryCSN cannot be searched" in session.warnings[0]
        cookie = last_cookie(refresh(session))
        session.close()
        assert cookie
        slapd.modify(Person(1).dn, mail=["new@test.tux"])
        session = connect(slapd, cookie)
        events = refresh(session)
        session.close()
    assert done(events).kind is RefreshKind.COMPLETE
    assert len(entries(events)) == 9


def test_hidden_context_csn_is_told() -> None:
    with Slapd(
        company_ldif(5), access="access to attrs=contextCSN by * none\naccess to * by * read"
    ) as slapd:
        session = connect(slapd)
        assert len(refresh(session)) > 7
        assert session.position == ""
        session.close()
    assert len(session.warnings) == 1
    assert f"contextCSN of {SUFFIX} cannot be read" in session.warnings[0]


def test_a_directory_is_not_followed_from_a_position_that_it_has_not_reached() -> None:
    with Slapd(company_ldif(5)) as slapd:
        session = connect(slapd)
        cookie = last_cookie(refresh(session))
        session.close()
        year = int(cookie.partition(b"csn=")[2][:4])
        with pytest.raises(DirectoryBehindError, match="behind what the mirror has"):
            connect(slapd, cookie.replace(b"csn=%d" % year, b"csn=%d" % (year + 9)))
        for mode in ("syncrepl", "poll"):
            settings, later = settings_for(slapd, mode=mode), cookie.replace(b"csn=%d" % year, b"csn=9999")
            with pytest.raises(DirectoryBehindError):
                open_session(settings, b"", heartbeat=60.0, reached=later)


def test_a_consumer_of_a_consumer() -> None:
    with Slapd(company_ldif(50)) as central, Slapd(providers=[central]) as replica:
        replica.wait_for(central)
        session = connect(replica)
        assert len(entries(refresh(session))) == 54
        central.modify(Person(1).dn, mail=["new@test.tux"])
        [event] = changes(session)
        assert isinstance(event, Upsert)
        assert event.entry.dn == Person(1).dn
        with pytest.raises(Exception, match="referral"):
            replica.delete(Person(2).dn)
        session.close()


def test_a_replica_that_is_still_being_filled_is_not_believed() -> None:
    number = 5000
    with Slapd(company_ldif(number)) as central:
        replica = Slapd(providers=[central])
        central.pause()
        try:
            with replica:
                with pytest.raises(DirectoryError, match="noSuchObject"):
                    connect(replica)  # it has not even the base
                central.resume()
                wait_until(lambda: replica.count() > 100, "the replica to have something")
                session = connect(replica)
                events = refresh(session)
                session.close()
        finally:
            central.resume()
    assert done(events).kind is RefreshKind.COMPLETE
    assert last_cookie(events)
    assert len({entry.id for entry in entries(events)}) == number + 4


def test_several_providers_resume_by_each_ones_position() -> None:
    first = Slapd(company_ldif(5), server_id=1, multi_provider=True, session_log=100)
    second = Slapd(server_id=2, multi_provider=True, session_log=100)
    first.options.providers = [second]
    second.options.providers = [first]
    with first, second:
        second.wait_for(first)
        first.modify(Person(0).dn, mail=["one@test.tux"])
        second.modify(Person(1).dn, mail=["two@test.tux"])
        wait_until(
            lambda: first.context_csn() == second.context_csn() and len(first.context_csn()) == 2, "both"
        )
        session = connect(first)
        cookie = last_cookie(refresh(session))
        second.modify(Person(2).dn, mail=["three@test.tux"])
        cookie = last_cookie(changes(session)) or cookie
        session.close()
        wait_until(lambda: first.context_csn() == second.context_csn(), "both")
        session = connect(first, cookie)
        events = refresh(session)
        session.close()
    assert all(csn.encode() in cookie for csn in session.position.split(";"))
    assert done(events).kind is RefreshKind.DELETE
    assert entries(events) == []


def test_an_empty_database_is_a_failure() -> None:
    with Slapd() as slapd, pytest.raises(DirectoryError, match="noSuchObject"):
        connect(slapd)


def test_a_change_arrives_within_milliseconds() -> None:
    """Not a benchmark: it must not wait for a tick of any clock."""
    with Slapd(company_ldif(3)) as slapd:
        session = open_session(settings_for(slapd), b"", heartbeat=60.0)
        refresh(session)
        took = []
        with slapd.admin() as admin:
            for number in range(20):
                admin.modify(Person(0).dn, {"mail": [("MODIFY_REPLACE", [f"n{number}@test.tux"])]})
                acknowledged = time.monotonic()
                changes(session)
                took.append(time.monotonic() - acknowledged)
        session.close()
    assert min(took) < 0.1
