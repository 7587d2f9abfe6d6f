"""The file behind the pulse."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from colocroute.store.page import SIZE, Page, read_page, write_page


def test_a_page_is_made_once_and_shared(tmp_path: Path) -> None:
    first = write_page(tmp_path / "page")
    first.words[5] = 2**64 - 1
    first.times[6] = 1.25
    second = read_page(tmp_path / "page")
    assert second is not None
    assert (second.words[5], second.times[6]) == (2**64 - 1, 1.25)
    first.words[5] = 7
    assert second.words[5] == 7
    again = write_page(tmp_path / "page")
    assert (again.words[5], again.file) == (7, first.file)
    assert [file.name for file in tmp_path.iterdir()] == ["page"]


def test_the_sequence_starts_odd_and_elsewhere_each_time(tmp_path: Path) -> None:
    starts = {write_page(tmp_path / str(number)).words[2] for number in range(10)}
    assert len(starts) == 10
    assert all(start % 2 for start in starts)


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    write_page(tmp_path / "page")
    page = read_page(tmp_path / "page")
    assert page is not None
    with pytest.raises(TypeError):
        page.words[5] = 1


def test_no_page_is_none_and_a_stand_in_is_zeros(tmp_path: Path) -> None:
    assert read_page(tmp_path / "page") is None
    assert read_page(tmp_path / "page" / "below") is None
    stand_in = Page()
    assert set(stand_in.words) == {0}
    stand_in.flush()
    stand_in.close()


def test_a_full_disk_leaves_no_half_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        write_page(tmp_path / "page")
    assert not list(tmp_path.iterdir())


def test_a_page_with_holes_is_filled_before_it_is_written(tmp_path: Path) -> None:
    write_page(tmp_path / "page").close()
    head = (tmp_path / "page").read_bytes()[:64]
    (tmp_path / "page").write_bytes(head)
    os.truncate(tmp_path / "page", SIZE)
    write_page(tmp_path / "page").close()
    assert (tmp_path / "page").stat().st_blocks * 512 >= SIZE


def open_files() -> Iterator[Path]:
    """Those of this process."""
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of the listing itself
            yield entry.readlink()


def test_descriptors_are_closed(tmp_path: Path) -> None:
    with (tmp_path / "other").open("w"):
        assert tmp_path / "other" in open_files()
    for _ in range(20):
        write_page(tmp_path / "page").close()
        page = read_page(tmp_path / "page")
        assert page is not None
        page.close()
    assert not [file for file in open_files() if file.is_relative_to(tmp_path)]
