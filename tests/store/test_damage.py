"""Files that are no mirror, or not any more: a writer starts an empty one, a reader never misreads."""

import logging
import random
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest

from colocroute.errors import MirrorDamagedError
from colocroute.store import environment, files, layout
from colocroute.store.meta import Tag
from tests.lab.mirror import Child, entry_id, open_mirror, user

USERS = 800


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("original")
    fill(path)
    return path


def fill(path: Path) -> None:
    with open_mirror(path) as mirror, mirror.transaction(1.0) as txn:
        txn.load(
            (entry_id(number), user(f"u{number}", f"u{number}@test.tux", routes=(f"u{number}@ext.test.tux",)))
            for number in range(USERS)
        )
        txn.update_meta(complete=True, cookie=b"cookie")


@pytest.fixture
def path(original: Path, tmp_path: Path) -> Path:
    """A copy of a complete mirror whose pulse says so."""
    for file in original.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


class Reader:
    """A process that only reads, whatever becomes of it."""

    def __init__(self) -> None:
        self.child: Child | None = None

    def __call__(self, path: Path) -> str:
        """What it makes of the mirror: `whole`, `absent` (there should be one), `empty`, or what went wrong."""
        if self.child is None:
            self.child = Child(path / "nowhere")
        child = self.child
        child.do(f"m = open_mirror(Path({str(path)!r}), writable=False)")
        complete = child.ask("m.snapshot().meta().complete")
        found = child.ask(f"[len(m.snapshot().owners(f'u{{n}}@test.tux')) for n in range({USERS})]")
        child.do("m.close()")
        if child.process.poll() is not None:
            self.child = None
        if complete is True and found == [1] * USERS:
            return "whole"
        if complete is False and found == [0] * USERS:
            return "empty"
        return (
            "absent" if complete is False and str(found).startswith("StoreError") else f"{complete}: {found}"
        )


@pytest.fixture(scope="module")
def read_all() -> Iterator[Reader]:
    reader = Reader()
    yield reader
    if reader.child is not None:
        reader.child.__exit__()


def is_replaced(path: Path, read_all: Reader, caplog: pytest.LogCaptureFixture) -> bool:
    """Whether a writer sets the file aside, says so, and goes on with an empty mirror that works."""
    caplog.clear()
    with caplog.at_level(logging.WARNING), open_mirror(path) as mirror:
        with mirror.snapshot() as snapshot:
            empty = not snapshot.meta().complete and not list(snapshot.ids()) and not snapshot.meta().cookie
        warned = files.ASIDE in caplog.text
    fill(path)
    return empty and warned and (path / files.ASIDE).exists() and read_all(path) == "whole"


@pytest.mark.parametrize("size", [1, 100, 4095, 4096, 8191, 8192, 8193, 20_000, 100_000])
def test_a_truncated_file_is_set_aside(
    path: Path, read_all: Reader, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    with (path / files.DATA).open("r+b") as data:
        data.truncate(size)
    assert read_all(path) == "absent"
    assert is_replaced(path, read_all, caplog)


def test_the_last_byte_missing_is_no_wrong_answer(path: Path, read_all: Reader) -> None:
    with (path / files.DATA).open("r+b") as data:
        data.truncate((path / files.DATA).stat().st_size - 1)
    assert read_all(path) in ("absent", "whole")
    open_mirror(path).close()
    assert read_all(path) in ("empty", "whole")


def test_an_empty_file_is_started_anew(path: Path, read_all: Reader) -> None:
    (path / files.DATA).write_bytes(b"")
    assert read_all(path) == "absent"
    fill(path)
    assert read_all(path) == "whole"


@pytest.mark.parametrize("what", ["zeros", "random", "text"])
def test_garbage_is_set_aside(
    path: Path, read_all: Reader, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    garbage = {
        "zeros": bytes(100_000),
        "random": random.Random(1).randbytes(100_000),
        "text": b"dn: dc=test\n" * 10_000,
    }[what]
    (path / files.DATA).write_bytes(garbage)
    assert read_all(path) == "absent"
    assert is_replaced(path, read_all, caplog)


def test_the_newer_file_set_aside_replaces_the_older(path: Path) -> None:
    (path / files.ASIDE).write_bytes(b"older")
    (path / files.DATA).write_bytes(b"newer")
    open_mirror(path).close()
    assert (path / files.ASIDE).read_bytes() == b"newer"


def test_the_lmdb_file_of_another_program_is_set_aside(
    path: Path, read_all: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    for name in (files.DATA, files.LOCK):
        (path / name).unlink()
    with lmdb.open(str(path)) as other, other.begin(write=True) as txn:
        txn.put(b"meta", b"somebody else's")
    assert read_all(path) == "absent"
    assert is_replaced(path, read_all, caplog)


def test_the_file_of_lmdb_1_is_set_aside(
    path: Path, read_all: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    for name in (files.DATA, files.LOCK):
        (path / name).unlink()
    lmdb.open(str(path), lib_version=1).close()
    assert read_all(path) == "absent"
    assert is_replaced(path, read_all, caplog)


def test_another_layout_is_set_aside(path: Path, read_all: Reader, caplog: pytest.LogCaptureFixture) -> None:
    with lmdb.open(str(path), max_dbs=16, map_size=1 << 30) as env:
        meta = env.open_db(b"meta")
        with env.begin(write=True, db=meta) as txn:
            txn.put(layout.TAG_KEY, layout.encode(Tag(layout.LAYOUT + 1, "test", 1)))
    assert read_all(path) == "absent"
    assert is_replaced(path, read_all, caplog)


def test_an_unreadable_tag_is_set_aside(
    path: Path, read_all: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    with lmdb.open(str(path), max_dbs=16, map_size=1 << 30) as env:
        meta = env.open_db(b"meta")
        with env.begin(write=True, db=meta) as txn:
            txn.put(layout.TAG_KEY, b"\xc1")
    assert read_all(path) == "absent"
    assert is_replaced(path, read_all, caplog)


def test_another_fingerprint_is_emptied_in_place(
    path: Path, read_all: Reader, caplog: pytest.LogCaptureFixture
) -> None:
    with Child(path, fingerprint="other") as child:
        assert child.ask("mirror.snapshot().meta().complete") is False
        assert child.ask("mirror.snapshot().owners('u1@test.tux')") == []
    assert read_all(path) == "whole"
    with caplog.at_level(logging.WARNING), open_mirror(path, fingerprint="other") as mirror:
        with mirror.snapshot() as snapshot:
            assert not list(snapshot.ids())
            assert snapshot.meta().cookie == b""
            assert not snapshot.meta().complete
        assert "another configuration" in caplog.text
    assert not (path / files.ASIDE).exists()
    with Child(path) as child:
        assert child.ask("mirror.snapshot().meta().complete") is False


def churn(path: Path) -> None:
    """Records put and removed at random, until LMDB leaves pages at the end unwritten."""
    dice = random.Random(0)
    there: list[int] = []
    with open_mirror(path) as mirror:
        for first in range(USERS, USERS + 20_000, 2000):
            with mirror.transaction(2.0) as txn:
                for number in range(first, first + dice.choice([1, 50, 500, 2000])):
                    txn.put(entry_id(number), user("x" * dice.randrange(400), f"x{number}@test.tux"))
                    there.append(number)
                for _ in range(dice.choice([0, 50, 500, 3000])):
                    if there:
                        txn.remove(entry_id(there.pop(dice.randrange(len(there)))), keep=False)
            data = files.look_at_data(path)
            assert data is not None
            if data.missing:
                return


def test_a_short_file_that_is_whole_is_kept(
    path: Path, read_all: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LMDB itself leaves such files: a page taken and given back in one transaction is never written."""
    with monkeypatch.context() as patched:
        patched.setattr(files, "extend_data", lambda _: None)
        churn(path)
    data = files.look_at_data(path)
    assert data is not None
    assert data.missing, "the test did not make LMDB leave a short file"
    assert read_all(path) == "absent", "a reader does not look closer"
    open_mirror(path).close()
    assert read_all(path) == "whole"
    assert not (path / files.ASIDE).exists()


def test_a_writer_leaves_no_short_file(path: Path) -> None:
    churn(path)
    data = files.look_at_data(path)
    assert data is not None
    assert not data.missing


def overwrite(path: Path, database: str, key: bytes, value: bytes) -> None:
    with lmdb.open(str(path), max_dbs=16, map_size=1 << 30) as env:
        handle = env.open_db(database.encode())
        with env.begin(write=True, db=handle) as txn:
            txn.put(key, value)


@pytest.mark.parametrize(
    ("database", "key", "value"),
    [
        ("entries", entry_id(7), b"\xc1 not msgpack"),
        ("entries", entry_id(7), layout.encode("another type")),
        ("entries", entry_id(7), b"\x94\xa2\xff\xfe\xc0\xc0\x90"),
        ("entries", entry_id(7), b""),
        ("addresses", b"u7@test.tux", b"not sixteen"),
        ("addresses", b"u7@test.tux", b""),
        ("addresses", b"u7@test.tux", entry_id(USERS + 7)),
    ],
)
def test_a_damaged_row_is_an_error_and_never_an_answer(
    path: Path, read_all: Reader, database: str, key: bytes, value: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    overwrite(path, database, key, value)
    with open_mirror(path) as mirror:
        with mirror.snapshot() as snapshot:
            with pytest.raises(MirrorDamagedError, match="damaged"):
                snapshot.owners("u7@test.tux")
            assert len(snapshot.owners("u8@test.tux")) == 1
        with pytest.raises(MirrorDamagedError), mirror.transaction(3.0) as txn:
            txn.remove(entry_id(7), keep=True)
        with mirror.snapshot() as snapshot:
            assert len(snapshot.owners("u8@test.tux")) == 1
    assert is_replaced(path, read_all, caplog), "damage that a transaction met is repaired by the next writer"


def test_a_damaged_row_met_by_a_reader_alone_stays_an_error(path: Path) -> None:
    overwrite(path, "entries", entry_id(7), b"\xc1")
    with Child(path) as child:
        assert str(child.ask("mirror.snapshot().owners('u7@test.tux')")).startswith("MirrorDamagedError")
        assert str(child.ask("mirror.snapshot().record(entry_id(7))")).startswith("MirrorDamagedError")
        assert str(child.ask("list(mirror.snapshot().records())")).startswith("MirrorDamagedError")
        assert len(child.ask("mirror.snapshot().owners('u8@test.tux')")) == 1


def test_a_garbage_lock_file_is_no_obstacle(path: Path) -> None:
    (path / files.LOCK).write_bytes(random.Random(2).randbytes(5000))
    with open_mirror(path) as mirror, mirror.snapshot() as snapshot:
        assert len(snapshot.owners("u7@test.tux")) == 1


def test_a_garbage_pulse_is_made_anew(path: Path) -> None:
    (path / "pulse").write_bytes(random.Random(3).randbytes(9000))
    with Child(path) as child:
        assert child.ask("mirror.pulse.stamp()") == -1
        with open_mirror(path) as mirror:
            assert mirror.pulse.stamp() % 2 == 0
            assert child.ask("mirror.pulse.stamp()") == mirror.pulse.stamp()


def test_the_map_is_larger_than_any_mirror() -> None:
    assert environment.MAP_SIZE >= 64 << 30
