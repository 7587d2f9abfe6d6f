import os
import tempfile
import time
from pathlib import Path
from typing import IO

import pytest

from colocroute.directory.events import Event, RefreshBegin, RefreshDone, RefreshKind, Upsert
from colocroute.directory.ldif_session import BATCH_EVENTS, POLL_SECONDS, LdifSession
from colocroute.directory.schema import Schema
from colocroute.errors import DirectoryError
from colocroute.model import UserEntry
from tests.lab.company import SUFFIX, Person, as_ldif, company_ldif

UUID = "0a1b2c3d-0001-1020-8000-00000000abcd"
DONE = RefreshDone(RefreshKind.COMPLETE)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "users.ldif"


def session(file: Path, base: str = SUFFIX) -> LdifSession:
    return LdifSession(file, base, Schema().mapper())


def refresh(opened: LdifSession, seconds: float = 10.0) -> list[Event]:
    """The events of one whole refresh, which must come within `seconds` of waiting."""
    events: list[Event] = []
    for _ in range(round(seconds / 0.5)):
        events += opened.events(0.5)
        if DONE in events:
            return events
    raise AssertionError(f"no refresh within {seconds} s")


def dns(events: list[Event]) -> list[str]:
    return [event.entry.dn for event in events if isinstance(event, Upsert)]


def test_the_whole_file_is_one_refresh(file: Path) -> None:
    file.write_text(company_ldif(3), encoding="utf-8")
    opened = session(file)
    events = refresh(opened)
    assert (opened.mode, opened.uri, opened.position, opened.fileno()) == ("ldif", f"ldif:{file}", "", -1)
    assert events[0] == RefreshBegin()
    assert events[-1] == DONE
    entries = [event.entry for event in events if isinstance(event, Upsert)]
    assert len(entries) == len(events) - 2 == 1 + 3 + 3
    anna = Person(0)
    assert entries[-3].id == anna.dn.encode()
    assert entries[-3].user == UserEntry(
        (anna.mail, *anna.aliases),
        (anna.route,),
        (anna.uid,),
        "imap.central.test.tux",
        "smtp.central.test.tux",
    )
    assert time.clock_gettime(time.CLOCK_BOOTTIME) - opened.contact < 10


def test_portions_are_bounded(file: Path) -> None:
    file.write_text(company_ldif(2 * BATCH_EVENTS), encoding="utf-8")
    opened = session(file)
    sizes = [len(opened.events(10)) for _ in range(3)]
    assert sizes[:2] == [BATCH_EVENTS, BATCH_EVENTS]
    assert 0 < sizes[2] < BATCH_EVENTS


def test_the_uuid_is_the_key_where_there_is_one_and_the_base_applies(file: Path) -> None:
    inside = as_ldif(f"UID=a,{SUFFIX}", {"entryUUID": [UUID], "colocRouteAddress": ["a@x"]})
    outside = as_ldif("uid=b,dc=other", {"colocRouteAddress": ["b@x"]})
    file.write_text(inside + outside, encoding="utf-8")
    [entry] = [
        event.entry for event in refresh(session(file, "DC=test, dc=tux")) if isinstance(event, Upsert)
    ]
    assert entry.id == bytes.fromhex(UUID.replace("-", ""))
    assert entry.dn == f"UID=a,{SUFFIX}"
    assert len(dns(refresh(session(file, "")))) == 2


def test_a_change_is_seen_within_two_seconds(file: Path) -> None:
    file.write_text(company_ldif(1), encoding="utf-8")
    opened = session(file)
    refresh(opened)
    assert opened.events(0.6) == []
    before = opened.contact
    assert opened.events(0.6) == []
    assert opened.contact > before
    file.write_text(company_ldif(2), encoding="utf-8")
    assert Person(1).dn in dns(refresh(opened, 2.0))
    aside = file.with_suffix(".new")
    aside.write_text(company_ldif(1), encoding="utf-8")
    aside.replace(file)
    assert Person(1).dn not in dns(refresh(opened, 2.0))


def test_a_file_that_is_still_being_written_is_left_until_it_rests(file: Path) -> None:
    file.write_text(company_ldif(1), encoding="utf-8")
    opened = session(file)
    refresh(opened)
    with file.open("a", encoding="utf-8") as writer:
        for number in range(1, 8):
            writer.write(as_ldif(Person(number).dn, Person(number).attributes()))
            writer.flush()
            started = time.monotonic()
            early = opened.events(0.1)
            if early:  # on a machine that stalls it may have rested for long enough
                assert time.monotonic() - started > POLL_SECONDS
                return
    assert len(dns(refresh(opened))) == 4 + 8


def test_a_file_that_is_opened_while_it_is_written_is_left_until_it_rests(file: Path) -> None:
    started = time.monotonic()
    file.touch()
    opened = session(file)
    assert opened.events(0) == [] or time.monotonic() - started > POLL_SECONDS
    file.write_text(company_ldif(2), encoding="utf-8")
    assert len(dns(refresh(opened))) == 4 + 2


@pytest.mark.parametrize(
    "content", ["", "version: 1\n\n# nobody yet\n", as_ldif("dc=other", {"dc": ["other"]})]
)
def test_a_file_without_an_entry_is_an_empty_directory(file: Path, content: str) -> None:
    file.write_text(content, encoding="utf-8")
    assert dns(refresh(session(file))) == []


def test_a_file_that_changes_while_it_is_read_is_read_again(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(company_ldif(1), encoding="utf-8")
    opened = session(file)
    changes = iter([company_ldif(2), company_ldif(3)])
    real = Path.open

    def changing(path: Path, mode: str = "r") -> object:
        opened_file = real(path, mode)
        if path == file and (text := next(changes, None)) is not None:
            time.sleep(0.02)
            with real(file, "w") as writer:
                writer.write(text)
        return opened_file

    monkeypatch.setattr(Path, "open", changing)
    assert len(dns(refresh(opened))) == 4 + 3


def test_a_missing_or_unusable_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DirectoryError, match=r"/none.ldif: No such file"):
        session(tmp_path / "none.ldif")
    with pytest.raises(DirectoryError, match="not a regular file"):
        session(tmp_path)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(DirectoryError, match="not a regular file"):
        session(pipe)
    (tmp_path / "x").touch()
    with pytest.raises(DirectoryError, match=r"directory.base: .*test.tux"):
        session(tmp_path / "x", "test.tux")


def test_a_file_that_breaks_is_told_with_its_line_and_contact_stands_still(file: Path) -> None:
    file.write_text(company_ldif(1), encoding="utf-8")
    opened = session(file)
    refresh(opened)
    contact = opened.contact
    with file.open("a", encoding="utf-8") as writer:
        writer.write("rubbish\n")
    with pytest.raises(
        DirectoryError, match=r"users.ldif, line \d+: expected 'attribute: value', found 'rubbish'"
    ):
        refresh(opened)
    assert opened.contact <= contact + 0.3
    opened.close()
    file.unlink()
    with pytest.raises(DirectoryError, match="No such file"):
        session(file)


def test_a_file_that_vanishes_is_told(file: Path) -> None:
    file.write_text(company_ldif(1), encoding="utf-8")
    opened = session(file)
    refresh(opened)
    file.unlink()
    with pytest.raises(DirectoryError, match="No such file"):
        opened.events(1.0)


def test_a_name_of_16_bytes_is_not_taken_for_a_uuid(file: Path) -> None:
    """A name may be given to somebody else, who would be taken for the one who had it."""
    file.write_text(as_ldif("uid=anna,dc=home", {"colocRouteAddress": ["a@x"]}), encoding="utf-8")
    [entry] = [event.entry for event in refresh(session(file, "dc=home")) if isinstance(event, Upsert)]
    assert entry.id == b"uid=anna,dc=home,"


@pytest.mark.parametrize(
    ("second", "why"),
    [
        ({"dn": "UID=A , dc=tux"}, "line 5: the same DN as the entry at line 1"),
        (
            {"dn": "uid=b,dc=tux", "entryUUID": UUID.upper()},
            "line 5: the same entryUUID as the entry at line 1",
        ),
        ({"dn": "uid=b,dc=tux", "entryUUID": "x"}, "line 5: badly formed"),
        ({"dn": "b"}, "line 5: expected attribute=value in the DN, found 'b'"),
    ],
)
def test_entries_that_cannot_be_told_apart_are_refused(file: Path, second: dict[str, str], why: str) -> None:
    lines = "".join(f"{name}: {value}\n" for name, value in second.items())
    file.write_text(f"dn: uid=a,dc=tux\nentryUUID: {UUID}\nmail: a\n\n{lines}", encoding="utf-8")
    with pytest.raises(DirectoryError, match=why):
        refresh(session(file, "dc=tux"))


def test_close_ends_a_read_that_is_under_way(file: Path) -> None:
    file.write_text(company_ldif(2 * BATCH_EVENTS), encoding="utf-8")
    opened = session(file)
    assert opened.events(10)
    opened.close()
    opened.close()


def full(buffering: int) -> IO[bytes]:
    """A temporary file on a full disk."""
    return Path("/dev/full").open("r+b", buffering=buffering)


def test_what_is_wrong_with_the_temporary_directory_is_not_the_files_fault(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(company_ldif(3), encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", None)
        patch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/none"])
        with pytest.raises(
            DirectoryError, match=r"^no temporary file .*: No usable temporary directory found"
        ):
            refresh(session(file))
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "TemporaryFile", full)
        with pytest.raises(DirectoryError, match=r"^no temporary file .*: No space left on device$"):
            refresh(session(file))
    assert refresh(session(file))[-1] == DONE
