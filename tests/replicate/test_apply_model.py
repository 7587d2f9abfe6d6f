"""A first refresh against a model: whatever is said in whatever order, the mirror has what was said last."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colocroute.directory.events import Delete, Event, Present, RefreshKind, Upsert
from colocroute.errors import CookieRefusedError
from colocroute.model import Entry
from tests.replicate.scripted import applier, entry_id, opened, refresh, site, user

NUMBERS = st.integers(1, 4)
IDS = st.lists(NUMBERS.map(entry_id), max_size=3).map(tuple)
EVENTS: st.SearchStrategy[list[Event]] = st.lists(
    st.one_of(
        st.builds(user, NUMBERS, st.sampled_from(["paris", "external"])).map(Upsert),
        IDS.map(Delete),
        IDS.map(Present),
    ),
    max_size=12,
)
STAYING = [site("central", 1), user(9)]


def content(events: list[Event], kind: RefreshKind) -> tuple[dict[bytes, Entry], set[bytes], set[bytes]]:
    """What was said of each entry, which do not exist in the end, and which do though nothing was said of them."""
    entries: dict[bytes, Entry] = {}
    gone: set[bytes] = set()
    listed: set[bytes] = set()
    for event in events:
        if isinstance(event, Upsert):
            entries[event.entry.id] = event.entry
            gone.discard(event.entry.id)
        elif isinstance(event, Delete):
            gone.update(event.ids)
            listed.difference_update(event.ids)
        elif isinstance(event, Present):
            listed.update(event.ids)
            if kind is not RefreshKind.DELETE:
                gone.difference_update(event.ids)
    return entries, gone, listed - entries.keys()


@settings(max_examples=80)
@given(EVENTS, st.sampled_from(RefreshKind))
def test_a_first_refresh_leaves_what_was_said_last(events: list[Event], kind: RefreshKind) -> None:
    said, gone, unknown = content([*map(Upsert, STAYING), *events], kind)
    expected = {
        entry.dn: entry.user.routes if entry.user else () for key, entry in said.items() if key not in gone
    }
    with tempfile.TemporaryDirectory(prefix="cr") as path, opened(Path(path)) as mirror:
        script = refresh(STAYING, 1, kind, *events)[1:]
        if unknown:
            with pytest.raises(CookieRefusedError):
                applier(mirror).refresh(iter(script), 1000.0, "test", full=True)
            return
        assert applier(mirror).refresh(iter(script), 1000.0, "test", full=True) == len(said)
        with mirror.snapshot() as snapshot:
            records = [snapshot.record(key) for key in snapshot.ids()]
        assert {
            record.dn: record.user.routes if record.user else () for record in records if record
        } == expected
