import pytest

from colocroute.directory import heartbeat as heartbeat_module
from colocroute.directory.heartbeat import Heartbeat
from colocroute.errors import DirectoryError
from tests.lab.links import ScriptedLink, done, entry

START = 100.0
BASE, SUFFIX = "ou=users,dc=tux", "dc=tux"


class Clock:
    """Stands still."""

    now = START

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    still = Clock()
    monkeypatch.setattr(heartbeat_module, "time", still)
    return still


def made(interval: float = 5.0, suffix: str = BASE) -> tuple[Heartbeat, ScriptedLink]:
    link = ScriptedLink()
    return Heartbeat(link, BASE, suffix, "old", interval), link


def test_it_asks_at_its_interval_and_waits_for_the_answer() -> None:
    beat, link = made()
    assert beat.wait(START) == 5.0
    assert beat.wait(START + 4) == 1.0
    assert link.sent == []
    assert beat.wait(START + 5) == 10.0
    assert [search.base for search in link.sent] == [BASE]
    assert beat.wait(START + 6) == 9.0
    assert len(link.sent) == 1
    assert not beat.take(entry(1, contextcsn=[b"b", b"a"]))
    assert beat.take(done(1))
    assert beat.position == "a;b"
    assert beat.wait(START + 6) == 4.0
    assert beat.wait(START + 10) == 10.0
    assert len(link.sent) == 2


def test_no_answer_is_told_after_twice_the_interval() -> None:
    beat, _ = made()
    beat.check(START + 1000)  # nothing was asked
    beat.wait(START + 5)
    beat.check(START + 14.9)
    with pytest.raises(DirectoryError, match="no answer for 10 s"):
        beat.check(START + 15)


def test_whatever_comes_shows_that_the_directory_is_at_work() -> None:
    beat, _ = made()
    beat.wait(START + 5)
    beat.heard(START + 14)
    assert beat.wait(START + 15) == 9.0
    beat.check(START + 23)
    with pytest.raises(DirectoryError):
        beat.check(START + 24)


def test_patience_has_a_floor() -> None:
    beat, _ = made(interval=0.1)
    assert beat.wait(START + 0.1) == pytest.approx(3.0)


def test_a_base_that_is_gone_is_not_alive() -> None:
    beat, _ = made()
    beat.wait(START + 5)
    with pytest.raises(DirectoryError, match=r"the base does not answer: LDAP result 32"):
        beat.take(done(1, 32))


def test_the_position_comes_from_the_suffix_and_life_from_both() -> None:
    beat, link = made(suffix=SUFFIX)
    beat.wait(START + 5)
    assert [search.base for search in link.sent] == [BASE, SUFFIX]
    assert not beat.take(entry(1, b"ou=users,dc=tux"))
    assert not beat.take(done(1))
    assert beat.position == "old"
    beat.take(entry(2, contextcsn=[b"new"]))
    assert beat.take(done(2))
    assert beat.position == "new"


def test_answers_to_others_are_not_its_business() -> None:
    beat, _ = made()
    beat.wait(START + 5)
    assert not beat.take(done(2, 32))
    assert not beat.take(entry(2, contextcsn=[b"x"]))
    beat.take(done(1))
    assert beat.position == ""
