"""What a refresh from a cookie lists as unchanged has to be in the mirror: else the cookie stands for another."""

from pathlib import Path

import pytest

from colocroute.directory.events import Delete, Event, Present, RefreshKind, Upsert
from colocroute.errors import CookieRefusedError
from tests.replicate.scripted import applier, company, cookie, entry_id, fill, opened, refresh, routes, user

NOW = 1000.0


def test_a_resume_that_lists_what_we_do_not_have_is_not_believed(tmp_path: Path) -> None:
    """Committed, it would have us deny somebody whom the directory has."""
    with opened(tmp_path) as mirror:
        fill(mirror, company(3))
        entries = [entry.id for entry in company(3)]
        resumed = refresh([user(1, "paris")], 2, RefreshKind.PRESENT, Present((*entries, entry_id(7))))
        with pytest.raises(CookieRefusedError, match="as unchanged that the mirror has not"):
            applier(mirror).refresh(iter(resumed[1:]), NOW, "test", full=False)
        with mirror.snapshot() as snapshot:
            assert snapshot.meta().cookie == cookie(1)
        assert routes(mirror, "user1") == ["user1@external.test.tux"]


def test_a_resume_may_list_what_it_tells_or_deletes_later(tmp_path: Path) -> None:
    with opened(tmp_path) as mirror:
        fill(mirror, company(3))
        listed = Present((*(entry.id for entry in company(3)), entry_id(7), entry_id(8)))
        later: list[Event] = [listed, Upsert(user(7)), Delete((entry_id(8),))]
        applier(mirror).refresh(
            iter(refresh([], 2, RefreshKind.PRESENT, *later)[1:]), NOW, "test", full=False
        )
        assert routes(mirror, "user7") == ["user7@external.test.tux"]
