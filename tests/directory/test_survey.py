import pytest

from colocroute.directory.messages import RawEntry
from colocroute.directory.settings import DirectorySettings
from colocroute.directory.survey import survey
from colocroute.errors import DirectoryError, SyncUnsupportedError
from tests.lab.links import ScriptedLink, entry

SYNC = b"1.3.6.1.4.1.4203.1.9.1.1"
BASE = "ou=users,dc=tux"
ROOT: tuple[list[RawEntry], int] = (
    [entry(1, b"", supportedcontrol=[SYNC], namingcontexts=[b"dc=other", b"", b"DC=tux", b"rubbish=,"])],
    0,
)
POSITION: tuple[list[RawEntry], int] = ([entry(1, contextcsn=[b"2", b"1"])], 0)
FINE: tuple[list[RawEntry], int] = ([entry(1)], 0)
NOTHING: tuple[list[RawEntry], int] = ([], 0)


def settings(mode: str = "auto") -> DirectorySettings:
    return DirectorySettings(uris=("ldapi:///",), base=BASE, mode=mode)


def link(*answers: tuple[list[RawEntry], int]) -> ScriptedLink:
    made = ScriptedLink()
    made.answers += answers
    return made


def test_all_is_well() -> None:
    asked = link(ROOT, FINE, POSITION, FINE, FINE)
    found = survey(asked, settings())
    assert (found.suffix, found.position, found.sync, found.resumable, found.warnings) == (
        "DC=tux",
        "1;2",
        True,
        True,
        (),
    )
    assert [search.base for search in asked.sent] == ["", BASE, "DC=tux", BASE, BASE]
    assert asked.sent[-1].filter.startswith("(&(entryCSN=*)")


def test_a_base_that_is_a_naming_context_has_the_position_itself() -> None:
    root: tuple[list[RawEntry], int] = ([entry(1, b"", namingcontexts=[BASE.upper().encode(), b"dc=tux"])], 0)
    asked = link(root, POSITION)
    found = survey(asked, settings())
    assert (found.suffix, found.position) == (BASE, "1;2")


def test_the_size_limit_of_a_probe_is_no_failure() -> None:
    found = survey(link(ROOT, FINE, POSITION, FINE, ([entry(1)], 4)), settings())
    assert found.resumable


def test_no_entries_at_all_say_nothing_of_entry_csn() -> None:
    assert survey(link(ROOT, FINE, POSITION, FINE, NOTHING, NOTHING), settings()).resumable


def test_hidden_entry_csn() -> None:
    found = survey(link(ROOT, FINE, POSITION, FINE, NOTHING, FINE), settings())
    assert (found.sync, found.resumable) == (True, False)
    assert "entryCSN cannot be searched" in found.warnings[0]


def test_a_server_without_the_control_is_polled_unless_it_must_be_followed() -> None:
    without: tuple[list[RawEntry], int] = ([entry(1, b"")], 0)
    found = survey(link(without, POSITION), settings())
    assert (found.suffix, found.position, found.sync) == (BASE, "1;2", False)
    refused: list[list[tuple[list[RawEntry], int]]] = [[without, POSITION], [ROOT, FINE, POSITION, ([], 12)]]
    for answers in refused:
        with pytest.raises(SyncUnsupportedError):
            survey(link(*answers), settings("syncrepl"))


def test_a_base_without_syncprov_is_polled() -> None:
    assert not survey(link(ROOT, FINE, POSITION, ([], 12)), settings()).sync


def test_what_else_the_probe_says_is_left_to_the_search_itself() -> None:
    assert survey(link(ROOT, FINE, POSITION, ([], 53), FINE), settings()).sync


def test_to_poll_needs_no_probe() -> None:
    asked = link(ROOT, FINE, POSITION)
    assert not survey(asked, settings("poll")).sync
    assert not asked.answers


def test_a_base_that_is_not_there() -> None:
    with pytest.raises(DirectoryError, match=r"base 'ou=users,dc=tux': LDAP result 32"):
        survey(link(ROOT, ([], 32)), settings())


def test_a_search_that_is_not_allowed() -> None:
    with pytest.raises(DirectoryError, match=r"search: LDAP result 50"):
        survey(link(ROOT, FINE, POSITION, FINE, ([], 50)), settings())
