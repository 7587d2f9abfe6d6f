"""Complete reads of a real slapd, by syncrepl and by polling, and what must never pass for one."""

import time
from collections.abc import Iterator

import pytest

from colocroute.directory.events import RefreshBegin, RefreshDone, RefreshKind, Session, Upsert
from colocroute.directory.schema import Schema
from colocroute.errors import DirectoryError
from colocroute.model import Entry, UserEntry
from tests.lab.company import SITES, SUFFIX, USERS, Person, company_ldif
from tests.lab.directory import DEADLINE, changes, connect, entries, gather, refresh
from tests.lab.slapd import Slapd

NUMBER = 10_000
MODES = ("syncrepl", "poll")


@pytest.fixture(scope="module")
def slapd() -> Iterator[Slapd]:
    with Slapd(company_ldif(NUMBER), tls_names=("localhost",)) as server:
        yield server


def user_of(person: Person) -> UserEntry:
    domain = f"{person.site}.test.tux"
    return UserEntry(
        (person.mail, *person.aliases), (person.route,), (person.uid,), f"imap.{domain}", f"smtp.{domain}"
    )


def failure(session: Session) -> str:
    """What ends the session; nothing before it may be the end of a refresh."""
    deadline = time.monotonic() + DEADLINE
    with pytest.raises(DirectoryError) as caught:
        while time.monotonic() < deadline:
            assert not any(isinstance(event, RefreshDone) for event in session.events(0.5))
    return str(caught.value)


@pytest.mark.parametrize("mode", MODES)
def test_what_is_read_is_what_is_there(slapd: Slapd, mode: str) -> None:
    session = connect(slapd, mode=mode)
    events = refresh(session)
    session.close()
    assert (session.mode, session.uri, session.warnings) == (mode, slapd.ldapi, [])
    assert events[0] == RefreshBegin()
    assert isinstance(events[-1], RefreshDone)
    assert events[-1].kind is RefreshKind.COMPLETE
    assert (events[-1].cookie is None) is (mode == "poll")
    assert session.position == ";".join(slapd.context_csn())
    read = {entry.dn: entry for entry in entries(events)}
    assert len(read) == len(events) - 2 == NUMBER + len(SITES) + 1
    assert len({entry.id for entry in read.values()}) == len(read)
    assert {len(entry.id) for entry in read.values()} == {16}
    for person in map(Person, range(NUMBER)):
        assert read[person.dn].user == user_of(person)
    assert sorted(entry.site.nexthops for entry in read.values() if entry.site) == [
        (f"smtp:[{address}]",) for address in sorted(SITES.values())
    ]
    assert [entry.domains for entry in read.values() if entry.domains] == [("test.tux",)]


def test_both_ways_give_the_same_entries(slapd: Slapd) -> None:
    def content(mode: str) -> dict[bytes, Entry]:
        session = connect(slapd, mode=mode)
        try:
            return {entry.id: entry for entry in entries(refresh(session))}
        finally:
            session.close()

    assert content("syncrepl") == content("poll")


def test_encryption_loses_nothing(slapd: Slapd) -> None:
    session = connect(slapd, uris=(slapd.ldaps,), ca_file=str(slapd.ca_file))
    assert len({entry.id for entry in entries(refresh(session))}) == NUMBER + len(SITES) + 1
    slapd.modify(Person(0).dn, description=["not used, and told all the same"])
    assert [entry.dn for entry in entries(changes(session))] == [Person(0).dn]
    session.close()


def test_portions_are_bounded(slapd: Slapd) -> None:
    session = connect(slapd)
    sizes: list[int] = []
    while sum(sizes) < NUMBER:
        sizes.append(len(session.events(5.0)))
    session.close()
    assert max(sizes) < 5000


@pytest.mark.parametrize("mode", MODES)
def test_the_base_limits_what_is_read(slapd: Slapd, mode: str) -> None:
    session = connect(slapd, mode=mode, base=USERS.upper())
    read = entries(refresh(session))
    session.close()
    assert len(read) == NUMBER
    # contextCSN stands at the suffix, not at this base.
    assert session.position == ";".join(slapd.context_csn())
    assert session.warnings == []


@pytest.mark.parametrize("mode", MODES)
def test_a_size_limit_is_a_failure_and_no_content(mode: str) -> None:
    with Slapd(company_ldif(1000), size_limit="500") as limited:
        session = connect(limited, mode=mode)
        text = failure(session)
        session.close()
    assert "sizeLimitExceeded" in text
    assert text.startswith(limited.ldapi)


def test_a_base_that_is_not_there_is_a_failure(slapd: Slapd) -> None:
    for base in ("dc=nowhere,dc=tux", f"ou=nowhere,{SUFFIX}"):
        for mode in MODES:
            with pytest.raises(DirectoryError, match=r"noSuchObject"):
                connect(slapd, base=base, mode=mode)


@pytest.mark.parametrize("mode", MODES)
def test_a_base_that_vanishes_is_a_failure(mode: str) -> None:
    with Slapd(company_ldif(1)) as server:
        session = connect(server, mode=mode, base=USERS)
        refresh(session)
        contact = session.contact
        server.delete(Person(0).dn, USERS)
        text = failure(session)
        session.close()
    assert "the base does not answer: LDAP result 32" in text
    assert session.contact < contact + DEADLINE


@pytest.mark.parametrize("mode", MODES)
def test_a_server_killed_in_the_middle_is_a_failure(mode: str) -> None:
    with Slapd(company_ldif(NUMBER // 2)) as server:  # much more than fits into the socket
        session = connect(server, mode=mode)
        gather(session, lambda events: len(events) > 100)
        server.kill()
        text = failure(session)
        session.close()
    assert "the directory closed the connection" in text or "connection lost" in text


def test_silence_is_noticed_by_the_heartbeat(slapd: Slapd) -> None:
    session = connect(slapd)
    refresh(session)
    slapd.pause()
    try:
        silent = time.clock_gettime(time.CLOCK_BOOTTIME)
        assert "no answer for 3 s" in failure(session)
        assert session.contact < silent + 2
    finally:
        slapd.resume()
        session.close()


def test_contact_goes_on_while_nothing_changes(slapd: Slapd) -> None:
    session = connect(slapd)
    refresh(session)
    before = session.contact
    gather(session, lambda _: session.contact > before + 1.5)
    session.close()


def test_a_failure_stays_one_and_close_never_fails() -> None:
    with Slapd(company_ldif(1)) as server:
        session = connect(server)
        refresh(session)
        server.stop()
        assert failure(session) == failure(session)
    session.close()
    session.close()
    assert session.fileno() == -1


def test_polling_reads_again_and_sees_changes() -> None:
    with Slapd(company_ldif(2), syncprov=False) as server:
        session = connect(server, poll_interval=0.5)
        assert session.mode == "poll"
        assert session.fileno() == -1
        assert len(entries(refresh(session))) == 6
        server.delete(Person(0).dn)
        server.modify(Person(1).dn, mail=["new@test.tux"])
        events = refresh(session)
        session.close()
    assert [event for event in events if not isinstance(event, Upsert)] == [
        RefreshBegin(),
        RefreshDone(RefreshKind.COMPLETE),
    ]
    [user] = [entry.user for entry in entries(events) if entry.user]
    assert user.addresses[0] == "new@test.tux"


def test_referrals_are_counted() -> None:
    referral = (
        f"dn: ou=elsewhere,{SUFFIX}\nobjectClass: referral\nobjectClass: extensibleObject\nou: elsewhere\n"
        "ref: ldap://ldap.invalid/ou=elsewhere,dc=test,dc=tux\n\n"
    )
    with Slapd(company_ldif(2) + referral, syncprov=False) as server:
        session = connect(server)
        assert len(entries(refresh(session))) == 6
        gather(session, lambda _: bool(session.warnings))
        assert session.warnings == ["1 referrals to other servers were not followed"]
        session.close()


def test_entries_that_only_the_directory_understands_are_kept_and_told() -> None:
    # "name" is the supertype of cn and sn, which is known only to the schema of the directory.
    schema = Schema(user_filter="(name=First Last0)")
    with Slapd(company_ldif(2)) as server:
        session = connect(server, schema=schema)
        read = entries(refresh(session))
        assert [entry.user for entry in read if entry.user] == [user_of(Person(0))]
        gather(session, lambda _: bool(session.warnings))
        assert "1 entries match none of the filters as they are understood here" in session.warnings[0]
        assert Person(0).dn in session.warnings[0]
        session.close()
