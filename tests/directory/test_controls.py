"""The values of RFC 4533; what the directory sends of them is in `vectors`."""

import pytest

from colocroute.directory import controls
from colocroute.directory.controls import (
    REFRESH_AND_PERSIST,
    REFRESH_ONLY,
    NewCookie,
    RefreshDelete,
    RefreshPresent,
    SyncDone,
    SyncIdSet,
    SyncInfo,
    SyncState,
)
from colocroute.errors import DirectoryError
from tests.lab import ldapmessages


@pytest.mark.parametrize(
    ("request_value", "data"),
    [
        (controls.sync_request(REFRESH_ONLY), "30030a0101"),
        (controls.sync_request(REFRESH_AND_PERSIST), "30030a0103"),
        (controls.sync_request(REFRESH_AND_PERSIST, b"rid=000"), "300c0a0103 0407 7269643d303030"),
    ],
)
def test_requests(request_value: bytes, data: str) -> None:
    assert request_value == bytes.fromhex(data)


@pytest.mark.parametrize(
    "value",
    [
        NewCookie(b""),
        NewCookie(b"c" * 200),
        RefreshDelete(),
        RefreshDelete(b"c", False),
        RefreshPresent(),
        RefreshPresent(b"", False),
        SyncIdSet(None, False, ()),
        SyncIdSet(b"c", True, (bytes(16), b"short")),
    ],
)
def test_sync_info_is_read_as_written(value: SyncInfo) -> None:
    assert controls.sync_info(ldapmessages.sync_info(value)) == value
    assert controls.sync_info(ldapmessages.sync_info(value, ldapmessages.wide)) == value


@pytest.mark.parametrize("value", [SyncDone(), SyncDone(b"c"), SyncDone(None, True), SyncDone(b"", True)])
def test_sync_done_is_read_as_written(value: SyncDone) -> None:
    assert controls.sync_done(ldapmessages.sync_done(value)) == value


@pytest.mark.parametrize("value", [SyncState(0, bytes(16)), SyncState(3, b"", b"c")])
def test_sync_state_is_read_as_written(value: SyncState) -> None:
    assert controls.sync_state(ldapmessages.sync_state(value.state, value.uuid, value.cookie)) == value


@pytest.mark.parametrize("tag", [0x30, 0x81, 0xA0, 0xA4, 0x04])
def test_unknown_sync_info_is_refused(tag: int) -> None:
    with pytest.raises(DirectoryError, match=f"unknown kind 0x{tag:02x}"):
        controls.sync_info(bytes((tag, 0)))
