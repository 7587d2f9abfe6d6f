"""A directory that has not got as far as the mirror: waited for, and in the end believed."""

import time
from pathlib import Path

from colocroute.errors import DirectoryBehindError
from tests.replicate.scripted import company, cookie, opened, refresh
from tests.replicate.test_replicator import RULES, follow, quick, session

__all__ = ["quick"]


def test_a_directory_that_is_behind_is_waited_for_until_the_mirror_is_stale(tmp_path: Path) -> None:
    behind = DirectoryBehindError("it is behind")
    with opened(tmp_path) as mirror:

        def wait_too_long() -> None:
            mirror.pulse.touch(time.clock_gettime(time.CLOCK_BOOTTIME) - RULES.stale_after - 1)
            raise behind

        opener, _ = follow(mirror, session(refresh(company(3))), behind, behind, wait_too_long)
        assert opener.cookies == [b"", cookie(1), cookie(1), cookie(1), b""]
        assert opener.reached == [b"", cookie(1), cookie(1), cookie(1), b""]


def test_a_full_refresh_goes_not_back_while_the_mirror_is_live(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        follow(mirror, session(refresh(company(3))))
        opener, _ = follow(mirror, DirectoryBehindError("it is behind"), session(refresh(company(3))))
        assert opener.cookies == [b"", b"", cookie(1)]
        assert opener.reached == [cookie(1), cookie(1), cookie(1)]
