from pathlib import Path

import pytest

from colocroute.directory.client import open_session
from colocroute.directory.schema import Schema
from colocroute.directory.settings import DirectorySettings
from colocroute.errors import DirectoryError
from tests.lab.company import SUFFIX, company_ldif


@pytest.fixture
def settings(tmp_path: Path) -> DirectorySettings:
    file = tmp_path / "users.ldif"
    file.write_text(company_ldif(3), encoding="utf-8")
    return DirectorySettings(uris=(f"ldif:{tmp_path}/none.ldif", f"ldif:{file}"), base=SUFFIX)


def test_a_file_is_a_directory_too(settings: DirectorySettings) -> None:
    session = open_session(settings, b"cookie of another directory", heartbeat=1.0)
    assert (session.mode, session.uri) == ("ldif", settings.uris[1])
    assert len(session.events(5.0)) == 2 + 4 + 3
    session.close()


def test_every_address_is_named_when_none_can_be_had(tmp_path: Path) -> None:
    uris = (f"ldif:{tmp_path}/a", f"ldif:{tmp_path}/b")
    with pytest.raises(DirectoryError) as caught:
        open_session(DirectorySettings(uris=uris, base=SUFFIX), b"", heartbeat=1.0)
    first, second = str(caught.value).split("; ")
    assert f"{tmp_path}/a: No such file" in first
    assert f"{tmp_path}/b: No such file" in second


def test_settings_that_cannot_be_used_are_told_all_at_once() -> None:
    settings = DirectorySettings(uris=("x:",), base="tux", schema=Schema(user_filter="(a"))
    with pytest.raises(DirectoryError, match=r"directory.uri: .*directory.base: .*schema.user_filter: "):
        open_session(settings, b"", heartbeat=1.0)
