import time
from collections.abc import Callable
from uuid import UUID

import pytest

from colocroute.directory import session as session_module
from colocroute.directory.controls import ADD, SYNC_INFO, RefreshDelete
from colocroute.directory.events import RefreshBegin, RefreshDone, RefreshKind, Session, Upsert
from colocroute.directory.messages import (
    NOTICE_OF_DISCONNECTION,
    Intermediate,
    Kind,
    RawEntry,
    Result,
    SearchReference,
)
from colocroute.directory.session import BATCH_EVENTS, REFRESH_EVENTS, PollSession, SyncreplSession
from colocroute.directory.settings import DirectorySettings
from colocroute.directory.survey import Survey
from colocroute.errors import CookieRefusedError, DirectoryError
from tests.lab.links import ScriptedLink, done, entry

BASE = "dc=test,dc=tux"
URI = "ldap://ldap.test.tux"
FOUND = Survey(suffix=BASE, position="csn", sync=True, resumable=True, warnings=("told",))
SETTINGS = DirectorySettings(uris=(URI,), base=BASE, poll_interval=60.0)
SEARCH = 1
BEGIN, DONE = RefreshBegin(), RefreshDone(RefreshKind.COMPLETE)
CLOSED = Intermediate(SEARCH, SYNC_INFO, RefreshDelete(None, True))
COOKIE = b"rid=000,csn=20260101000000.000000Z#000000#000#000000"


def polling(link: ScriptedLink) -> PollSession:
    return PollSession(URI, link, FOUND, SETTINGS, SETTINGS.schema.mapper(), 1000.0)


def following(link: ScriptedLink, cookie: bytes = b"") -> SyncreplSession:
    return SyncreplSession(URI, link, FOUND, SETTINGS, SETTINGS.schema.mapper(), 1000.0, cookie)


def user(number: int) -> RawEntry:
    dn = b"uid=%d,dc=tux" % number
    return entry(SEARCH, dn, colocrouteaddress=[b"%d@x.tux" % number])


def added(number: int) -> RawEntry:
    """As `user`, with a Sync State control."""
    plain = user(number)
    attributes = {**plain.attributes, b"entryuuid": [str(UUID(int=number)).encode()]}
    return RawEntry(SEARCH, plain.dn, attributes, ADD, UUID(int=number).bytes)


@pytest.fixture
def link() -> ScriptedLink:
    return ScriptedLink()


def test_a_poll_is_one_refresh_and_the_next_comes_after_its_interval(link: ScriptedLink) -> None:
    session = polling(link)
    assert (session.mode, session.uri, session.position, session.warnings) == ("poll", URI, "csn", ["told"])
    assert session.events(0) == [BEGIN]
    [search] = link.sent
    assert (search.base, search.size_limit, search.control) == (BASE, 0, None)
    assert "entryUUID" in search.attributes
    link.arrivals += [[user(1), user(2)], [done(SEARCH)]]
    events = session.events(0)
    assert [type(event) for event in events] == [Upsert, Upsert, RefreshDone]
    assert events[-1] == DONE
    assert session.events(0) == []
    assert len(link.sent) == 1


@pytest.mark.parametrize("code", [1, 3, 4, 11, 32, 50, 51, 52, 53, 80])
def test_a_poll_that_ends_with_a_failure_is_no_content(link: ScriptedLink, code: int) -> None:
    session = polling(link)
    link.arrivals += [[user(1), done(SEARCH, code, "why")]]
    events = session.events(0)
    assert DONE not in events
    for _ in range(2):
        with pytest.raises(
            DirectoryError, match=f"^{URI}: the content is not complete: LDAP result {code}.*why"
        ):
            session.events(0)


def test_an_empty_poll_is_passed_on(link: ScriptedLink) -> None:
    session = polling(link)
    link.arrivals += [[done(SEARCH)]]
    assert session.events(0) == [BEGIN, DONE]


def test_an_entry_without_a_usable_name_is_a_failure(link: ScriptedLink) -> None:
    session = polling(link)
    link.arrivals += [[entry(SEARCH, b"uid=a", entryuuid=[b"rubbish"])]]
    session.events(0)
    with pytest.raises(DirectoryError, match="badly formed"):
        session.events(0)


def test_what_came_before_a_failure_is_given_first(link: ScriptedLink) -> None:
    session = following(link, COOKIE)
    link.arrivals += [[RawEntry(SEARCH, b"uid=a", {}, 1, bytes(16)), done(SEARCH, 53)]]
    assert len(session.events(0)) == 2
    with pytest.raises(CookieRefusedError, match=f"^{URI}: "):
        session.events(0)


@pytest.mark.parametrize("make", [polling, following])
def test_a_notice_of_disconnection_ends_it(
    link: ScriptedLink, make: Callable[[ScriptedLink], Session]
) -> None:
    session = make(link)
    session.events(0)
    link.arrivals += [[Result(0, Kind.EXTENDED, 52, "", "going down", NOTICE_OF_DISCONNECTION)]]
    with pytest.raises(DirectoryError, match=r"ends the connection: .*going down"):
        session.events(0)


def test_a_notice_between_two_polls_ends_it(link: ScriptedLink) -> None:
    session = polling(link)
    link.arrivals += [[done(SEARCH)], [Result(0, Kind.EXTENDED, 52, "", "", NOTICE_OF_DISCONNECTION)]]
    session.events(0)
    with pytest.raises(DirectoryError, match="ends the connection"):
        session.events(0)


@pytest.mark.parametrize("start", [polling, following])
def test_answers_of_the_heartbeat_may_come_between_entries(
    link: ScriptedLink, start: Callable[[ScriptedLink], Session]
) -> None:
    session = start(link)
    session.events(0)
    link.arrivals += [[added(1), entry(77), added(2), done(77), added(3)]]
    assert [event.entry.dn for event in session.events(0) if isinstance(event, Upsert)] == [
        "uid=1,dc=tux",
        "uid=2,dc=tux",
        "uid=3,dc=tux",
    ]


def test_nothing_follows_the_end_of_a_poll(link: ScriptedLink) -> None:
    session = polling(link)
    link.arrivals += [[user(1), done(SEARCH), user(2), done(SEARCH, 1)], [user(3)]]
    assert [type(event) for event in session.events(0)] == [RefreshBegin, Upsert, RefreshDone]
    assert session.events(0) == []


def test_portions_are_bounded(link: ScriptedLink) -> None:
    session = following(link, COOKIE)
    link.arrivals += [[added(number) for number in range(60)] for _ in range(10)]
    assert REFRESH_EVENTS <= len(session.events(5.0)) < REFRESH_EVENTS + 60
    link.arrivals.clear()
    link.arrivals.append([CLOSED])
    for _ in range(10):
        link.arrivals.append([*map(added, range(900))])
    assert BATCH_EVENTS <= len(session.events(5.0)) < BATCH_EVENTS + 900
    assert link.arrivals


def test_the_request_for_all_and_for_what_is_new(link: ScriptedLink) -> None:
    following(link)
    following(link, COOKIE)
    whole, rest = link.sent
    assert whole.control is not None
    assert rest.control is not None
    assert COOKIE not in whole.control[1]
    assert COOKIE in rest.control[1]
    assert "entryUUID" not in whole.attributes
    assert whole.filter == SETTINGS.schema.search_filter()


def test_messages_are_a_sign_of_life_and_silence_is_not(link: ScriptedLink) -> None:
    session = polling(link)
    first = session.contact
    assert first == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=5)
    session.events(0)
    assert session.contact == first
    link.arrivals += [[user(1)]]
    session.events(0)
    assert session.contact > first


def test_referrals_are_counted_while_following(link: ScriptedLink) -> None:
    session = SyncreplSession(URI, link, FOUND, SETTINGS, SETTINGS.schema.mapper(), 0.0, COOKIE)
    heartbeat = 2
    link.arrivals += [[added(1), SearchReference(SEARCH, ()), added(2), done(heartbeat)]]
    session.events(0)
    assert session.warnings == ["told", "1 referrals to other servers were not followed"]


def test_referrals_are_counted_and_told_with_the_next_heartbeat(link: ScriptedLink) -> None:
    settings = SETTINGS
    session = PollSession(URI, link, FOUND, settings, settings.schema.mapper(), 0.0)
    session.events(0)
    heartbeat, search = 1, 2
    link.arrivals += [[SearchReference(search, (b"ldap://x",)), done(search)], [done(heartbeat)]]
    assert session.events(0) == [DONE]
    assert session.warnings == ["told", "1 referrals to other servers were not followed"]


@pytest.mark.parametrize("start", [polling, following])
def test_a_refresh_that_stops_in_the_middle_is_given_up(
    link: ScriptedLink, start: Callable[[ScriptedLink], Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = start(link)
    session.events(0)
    monkeypatch.setattr(session_module, "REFRESH_SILENCE", -1.0)
    with pytest.raises(DirectoryError, match="nothing of the refresh came"):
        session.events(0)


def test_silence_between_two_polls_is_normal(link: ScriptedLink, monkeypatch: pytest.MonkeyPatch) -> None:
    session = polling(link)
    session.events(0)
    link.arrivals += [[user(1), done(SEARCH)]]
    session.events(0)
    monkeypatch.setattr(session_module, "REFRESH_SILENCE", -1.0)
    assert session.events(0) == []
