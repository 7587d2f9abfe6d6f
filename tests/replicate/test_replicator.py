"""The replicator's life: sessions that end, lie or refuse, and what the pulse says meanwhile."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from colocroute.directory.events import Event, RefreshKind, Session, Upsert
from colocroute.errors import (
    CookieRefusedError,
    DirectoryError,
    MirrorDamagedError,
    MirrorLostError,
    StoreError,
)
from colocroute.model import State
from colocroute.replicate import replicator
from colocroute.replicate.backoff import Backoff
from colocroute.replicate.replicator import Progress, Replicator, ReplicatorRules
from colocroute.replicate.whereabouts import Whereabouts
from colocroute.routing.records import keys
from colocroute.store.mirror import Mirror
from tests.replicate.scripted import (
    ScriptedSession,
    applier,
    company,
    cookie,
    deletes,
    fill,
    opened,
    refresh,
    routes,
    user,
)

RULES = ReplicatorRules(stale_after=60, full_refresh_interval=3600, remember_moves=3600, window=600)


class EndOfTestError(Exception):
    """Ends `Replicator.run`: the script has no more sessions."""


class Around:
    """Surroundings that remember."""

    def __init__(self) -> None:
        self.reports: list[Progress] = []
        self.told: list[int | None] = []

    def whereabouts(self) -> tuple[int, Whereabouts | None]:
        return -1, None

    def report(self, progress: Progress) -> None:
        self.reports.append(progress)

    def refreshing(self, events: int | None) -> None:
        self.told.append(events)


class Opener:
    """Gives out the sessions in turn and remembers the cookies asked for."""

    def __init__(self, *sessions: ScriptedSession | Exception | Callable[[], None]) -> None:
        self.sessions = list(sessions)
        self.cookies: list[bytes] = []
        self.reached: list[bytes] = []

    def __call__(self, cookie: bytes, reached: bytes) -> Session:
        self.cookies.append(cookie)
        self.reached.append(reached)
        while self.sessions:
            session = self.sessions.pop(0)
            if isinstance(session, Exception):
                raise session
            if isinstance(session, ScriptedSession):
                return session
            session()
        raise EndOfTestError


LOST = DirectoryError("connection lost")


def session(*portions: Sequence[Event] | Exception, mode: str = "syncrepl") -> ScriptedSession:
    return ScriptedSession([*portions, LOST], mode)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replicator, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(Backoff, "delay", lambda _backoff: 0.0)


def follow(
    mirror: Mirror, *sessions: ScriptedSession | Exception | Callable[[], None]
) -> tuple[Opener, Around]:
    opener, around = Opener(*sessions), Around()
    with pytest.raises(EndOfTestError):
        Replicator(mirror, applier(mirror), RULES, opener, around).run()
    return opener, around


def state(mirror: Mirror) -> State:
    return mirror.pulse.state(time.clock_gettime(time.CLOCK_BOOTTIME), 60.0)


def test_everything_is_asked_for_first_and_the_cookie_afterwards(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        opener, _ = follow(
            mirror, session(refresh(company(3))), session(refresh([], None, RefreshKind.DELETE))
        )
        assert opener.cookies == [b"", cookie(1), cookie(1)]


def test_a_stored_cookie_is_not_used_by_a_new_process(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, company(3))
        opener, _ = follow(mirror, session(refresh(company(3))))
        assert opener.cookies[0] == b""


def test_refresh_and_stream_in_one_portion(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        follow(mirror, session([*refresh(company(3)), Upsert(user(1, "paris"), cookie(2))]))
        assert routes(mirror, "user1") == ["user1@paris.test.tux"]


def test_live_begins_with_the_commit_and_not_with_the_connection(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        seen: list[State] = []
        follow(mirror, session(), lambda: seen.append(state(mirror)))
        follow(mirror, session(refresh(company(3))), lambda: seen.append(state(mirror)))
        assert seen == [State.EMPTY, State.LIVE]


def test_it_is_told_how_far_a_refresh_is(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        begin, *events = refresh(company(3))
        _, around = follow(mirror, session([begin, *events[:2]], events[2:]), session([begin, *events[:2]]))
        assert around.told == [2, len(events), None, 2, None]


def test_an_unfinished_refresh_leaves_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        follow(mirror, session(refresh(company(3))[:-1]))
        assert state(mirror) is State.EMPTY
        assert routes(mirror, "user1") == []


def test_a_refused_cookie_is_forgotten(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        opener, _ = follow(mirror, session(refresh(company(3))), CookieRefusedError("result 4096"))
        assert opener.cookies == [b"", cookie(1), b""]


def test_an_emptied_directory_leaves_the_mirror_held(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        seen: list[State] = []
        opener, _ = follow(
            mirror,
            session(refresh(company(3))),
            session(refresh([], 2)),
            lambda: seen.append(state(mirror)),
            session(refresh(company(4), 3)),
            lambda: seen.append(state(mirror)),
        )
        assert seen == [State.HELD, State.LIVE]
        assert opener.cookies[2] == b"", "a held mirror asks for everything"
        assert routes(mirror, "user1")


def test_a_held_mirror_takes_nothing_from_the_stream(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        follow(
            mirror,
            session(refresh(company(100))),
            session([*refresh([], 2), Upsert(user(1, "paris"), cookie(3))]),
        )
        assert routes(mirror, "user1") == ["user1@external.test.tux"]


def test_mass_deletion_trips_and_the_next_session_asks_for_everything(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        opener, _ = follow(
            mirror, session(refresh(company(100)), deletes(range(50))), session(refresh(company(100), 99))
        )
        assert opener.cookies == [b"", b"", cookie(99)]
        assert state(mirror) is State.LIVE
        assert routes(mirror, "user3")


def test_an_approval_is_taken_at_once(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        silent = ScriptedSession([refresh(company(50), 2)], mode="poll")
        follow(
            mirror,
            session(refresh(company(100))),
            lambda: silent._script.append(()),
            _approving(mirror, silent),
            session(refresh(company(50), 3)),
        )
        assert routes(mirror, "user60") == []
        assert state(mirror) is State.LIVE


def _approving(mirror: Mirror, held: ScriptedSession) -> ScriptedSession:
    """A polling session that stays open after its refusal; the operator approves then."""
    events = held.events

    def approve(timeout: float) -> Sequence[Event]:
        if not held._script:
            mirror.request_accept(50)
        return events(timeout)

    held.events = approve  # type: ignore[method-assign]  # one session of one test
    return held


def test_errors_are_reported_once_connected_again(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        _, around = follow(mirror, DirectoryError("no route to host"), session(refresh(company(1))))
        assert [report.last_error for report in around.reports][:1] == ["no route to host"]
        assert any(report.connected and not report.last_error for report in around.reports)


def test_life_begins_anew_when_a_held_mirror_is_let_go(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        _, around = follow(
            mirror,
            session(refresh(company(100))),
            session(refresh([], 9)),
            session(refresh(company(100), 10)),
        )
        assert state(mirror) is State.LIVE
        assert len({report.alive_since for report in around.reports}) == 3  # never, first, anew


def test_life_begins_anew_only_after_a_silence_that_was_too_long(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        _, around = follow(
            mirror,
            session(refresh(company(1))),
            session(refresh([], None, RefreshKind.DELETE)),
            lambda: mirror.pulse.touch(0.0),
            session(refresh([], None, RefreshKind.DELETE)),
        )
        began = list(dict.fromkeys(report.alive_since for report in around.reports))
        assert began[0] == 0.0
        assert len(began) == 3
        assert began == sorted(began)


def test_damage_ends_the_process_so_that_the_next_starts_anew(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror, pytest.raises(MirrorDamagedError):
        opener = Opener(session(MirrorDamagedError("entry 7 contradicts its index")))
        Replicator(mirror, applier(mirror), RULES, opener, Around()).run()


def test_the_contact_moves_only_after_the_commit(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, company(3))
        mirror.pulse.touch(0.0)
        seen: list[State] = []
        follow(mirror, session(()), lambda: seen.append(state(mirror)))
        assert seen == [State.STALE]


@pytest.mark.parametrize("years", [-56, 1, 8000])
def test_a_step_of_the_wall_clock_forgets_no_former_route(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, years: int
) -> None:
    with Mirror(tmp_path, fingerprint="test", keys_of=keys, writable=True) as mirror:
        follow(mirror, session([*refresh(company(3)), Upsert(user(1, "paris"), cookie(2))]))
        wall = time.time() + years * 31_557_600
        monkeypatch.setattr(time, "time", lambda: wall)
        follow(mirror, session([*refresh([], None, RefreshKind.DELETE)], ()))
        with mirror.snapshot() as snapshot:
            assert [left.routes for left in snapshot.former_residents("user1@external.test.tux")] == [
                ("user1@paris.test.tux",)
            ]
            assert snapshot.meta().refreshed == wall, "what people are shown"


@pytest.mark.parametrize("first", [session([], refresh(company(3))), LOST])
def test_it_ends_when_its_files_are_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: ScriptedSession | Exception
) -> None:
    monkeypatch.setattr(Backoff, "delay", lambda _backoff: 0.05)
    with opened(tmp_path) as mirror:
        fill(mirror, company(3))
        (tmp_path / "pulse").unlink()
        opener = Opener(first, LOST, LOST)
        with pytest.raises(MirrorLostError):
            Replicator(mirror, applier(mirror), RULES, opener, Around()).run()
        assert state(mirror) is State.EMPTY


def test_what_cannot_be_stored_is_told_when_it_changes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    full, lost = StoreError("/store: no space left"), StoreError("/store: Input/output error")
    with opened(tmp_path) as mirror:
        follow(mirror, full, full, full, lost, lost)
    told = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert told == [
        f"the mirror cannot be written, absent keys are deferred: {error}" for error in (full, lost)
    ]
