"""The mirror against a naive model, under random changes."""

import shutil
import tempfile
from math import inf
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from colocroute.model import Record, SiteEntry, User
from colocroute.store import environment, load
from colocroute.store.layout import key_bytes
from colocroute.store.mirror import Mirror
from tests.lab.mirror import keys_of, open_mirror
from tests.lab.mirrormodel import Model

LONG = "a" * 600
ADDRESSES = [
    "anna@test.tux",
    "Anna@test.tux",
    "a.smith@test.tux",
    "bob@test.tux",
    "@test.tux",
    f"{LONG}@test.tux",
    "nul@test.tux",
    "nul@test.tux\0x",
]
ROUTES = ["anna@external.test.tux", "ANNA@paris.test.tux", "bob@external.test.tux", f"{LONG}@paris.test.tux"]
LOGINS = ["anna", "Bob", LONG]
DOMAINS = ["test.tux", "external.test.tux", "paris.test.tux", LONG]
IDS = [
    *(bytes([number]) * 16 for number in range(4)),
    b"uid=anna,dc=test",
    b"uid=bob,ou=people,dc=test",
    b"cn=" + LONG.encode(),
    b"\xff" * 33,
]


def some(values: list[str], most: int) -> Any:
    """A tuple of a few of the values."""
    return st.lists(st.sampled_from(values), max_size=most, unique=True).map(tuple)


users = st.builds(
    User,
    addresses=some(ADDRESSES, 3),
    routes=some(ROUTES, 2),
    logins=some(LOGINS, 2),
    imap_server=st.just("localhost"),
    smtp_server=st.just("localhost"),
    enabled=st.sampled_from([True, True, True, False]),
)
sites = st.builds(
    SiteEntry, domains=some(DOMAINS, 2), nexthops=some(["smtp:[10.2.0.1]", "smtp:[10.3.0.1]"], 1)
)
records = st.one_of(
    st.builds(Record, dn=st.sampled_from("xy"), user=users),
    st.builds(Record, dn=st.just("x"), user=users, site=sites, domains=some(DOMAINS, 2)),
    st.builds(Record, dn=st.just("x"), site=sites),
    st.builds(Record, dn=st.just("x"), domains=some(DOMAINS, 2)),
)
ids = st.sampled_from(IDS)


class MirrorMachine(RuleBasedStateMachine):
    """Each rule is a transaction; after each the whole mirror is compared."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="cr", dir="/tmp"))
        self.fingerprint = 0
        self.mirror = self.open()
        self.model = Model()
        self.now = 1000.0
        self.topology: Any = None
        self.number = 0

    def open(self) -> Mirror:
        return open_mirror(self.directory, fingerprint=str(self.fingerprint))

    def teardown(self) -> None:
        self.mirror.close()
        shutil.rmtree(self.directory)

    @initialize(items=st.lists(st.tuples(ids, records), max_size=8), rows=st.sampled_from([1, 5, 1000]))
    def load(self, items: list[tuple[bytes, Record]], rows: int) -> None:
        saved, load.CHUNK_ROWS = load.CHUNK_ROWS, rows
        with self.mirror.transaction(self.now) as txn:
            txn.load(items)
        load.CHUNK_ROWS = saved
        first = dict(reversed(items))
        self.model.load([*first.items(), *items], self.now)

    @rule(entry_id=ids, record=records)
    def put(self, entry_id: bytes, record: Record) -> None:
        self.now += 1
        with self.mirror.transaction(self.now) as txn:
            assert txn.put(entry_id, record) == self.model.put(entry_id, record, self.now)
            self.model.commit()

    @rule(entry_id=ids, keep=st.booleans())
    def remove(self, entry_id: bytes, keep: bool) -> None:
        self.now += 1
        with self.mirror.transaction(self.now) as txn:
            removal = txn.remove(entry_id, keep=keep)
            assert (None if removal is None else removal.lost) == self.model.remove(
                entry_id, self.now, keep=keep
            )
            self.model.commit()

    @rule(changes=st.lists(st.tuples(ids, records | st.none()), max_size=5))
    def several(self, changes: list[tuple[bytes, Record | None]]) -> None:
        self.now += 1
        with self.mirror.transaction(self.now) as txn:
            for entry_id, record in changes:
                if record is None:
                    txn.remove(entry_id, keep=True)
                    self.model.remove(entry_id, self.now, keep=True)
                else:
                    txn.put(entry_id, record)
                    self.model.put(entry_id, record, self.now)
            assert txn.removed_within(inf) == len(self.model.kept)
            self.model.commit()

    @rule(entry_id=ids, record=records)
    def roll_back(self, entry_id: bytes, record: Record) -> None:
        class OtherError(Exception):
            pass

        try:
            with self.mirror.transaction(self.now) as txn:
                txn.put(entry_id, record)
                txn.restore_removed()
                txn.remove(IDS[0], keep=True)
                raise OtherError
        except OtherError:
            pass

    @rule()
    def restore(self) -> None:
        self.now += 1
        with self.mirror.transaction(self.now) as txn:
            assert txn.restore_removed() == self.model.restore(self.now)
            self.model.commit()

    @rule(back=st.sampled_from([0.0, 3.0, 10.0]), window=st.sampled_from([0.0, 2.0, 5.0]))
    def expire(self, back: float, window: float) -> None:
        with self.mirror.transaction(self.now) as txn:
            txn.expire(former_after=back, removed_after=window)
        self.model.expire(self.now - back, self.now - window)
        self.model.commit()

    @rule()
    def reopen(self) -> None:
        self.mirror.close()
        self.mirror = self.open()

    @rule()
    def complete(self) -> None:
        with self.mirror.transaction(self.now) as txn:
            txn.update_meta(complete=True)
        self.model.complete = True
        self.model.commit()

    @rule(items=st.lists(st.tuples(ids, records), max_size=4))
    def start_again(self, items: list[tuple[bytes, Record]]) -> None:
        self.mirror.close()
        self.fingerprint += 1
        saved, environment._WITHDRAWAL = environment._WITHDRAWAL, 0.0  # no lookups are under way
        self.mirror = self.open()
        environment._WITHDRAWAL = saved
        self.model.empty()
        self.topology = None
        self.same()
        self.load(items, 1000)

    def direct(self, kind: str, key: bytes) -> set[bytes]:
        """What an index row may say: nothing, or what is true of the only owner."""
        having = [
            keys_of(record).direct.encode()
            for record in self.model.entries.values()
            if key in map(key_bytes, getattr(keys_of(record), kind))
        ]
        return {b"", *having} if len(having) == 1 else {b""}

    @invariant()
    def same(self) -> None:
        model = self.model
        with self.mirror.snapshot() as snapshot:
            assert dict(snapshot.records()) == model.entries
            assert set(snapshot.ids()) == set(model.entries)
            for find, kind, names in (
                (snapshot.owners, "addresses", ADDRESSES),
                (snapshot.residents, "routes", ROUTES),
                (snapshot.users_by_login, "logins", LOGINS),
            ):
                for name in names:
                    found = sorted(map(repr, find(name.lower())))
                    assert found == sorted(map(repr, model.having(kind, name.lower()).values())), name
            for key in {key_bytes(name.lower()) for name in (*ADDRESSES, *ROUTES)}:
                assert snapshot.direct_owner(key) in self.direct("addresses", key), key
                assert snapshot.direct_resident(key) in self.direct("routes", key), key
            for route in ROUTES:
                assert snapshot.former_residents(route.lower()) == model.former_residents(route.lower())
            sites = [record.site for record in model.entries.values() if record.site]
            assert sorted(map(repr, snapshot.sites())) == sorted(map(repr, sites))
            assert sorted(snapshot.domains()) == sorted(model.domains() | model.known_domains)
            assert sorted(snapshot.former_sites()) == sorted(model.former_sites())
            assert sorted(snapshot.route_domains()) == sorted(model.route_domains())
            assert sorted(snapshot.former_domains()) == sorted(model.former_domains())
            counts, meta = snapshot.counts(), snapshot.meta()
            assert counts.entries == len(model.entries)
            assert counts.users == sum(record.user is not None for record in model.entries.values())
            folded = {address.lower() for address in ADDRESSES}
            assert counts.addresses == sum(bool(model.having("addresses", key)) for key in folded)
            assert counts.sites == len(sites)
            assert counts.former == len(model.former)
            left = model.former_domains() - model.route_domains()
            domains = (model.domains() | model.known_domains, model.route_domains(), left)
            topology = (sorted(map(repr, sites)), *domains, model.former_sites(), model.complete)
            assert (meta.topology == self.number) == (topology == self.topology) or self.topology is None
            self.topology, self.number = topology, meta.topology
        with self.mirror.transaction(self.now) as txn:
            kept = sorted(at for at, _ in model.kept.values())
            for seconds in (inf, 2.0, 0.0):
                assert txn.removed_within(seconds) == sum(at >= self.now - seconds for at in kept)
            assert len(txn.removed_names(2)) == min(2, len(kept))


class LongMirrorMachine(MirrorMachine):
    """The same for longer."""


HOW = settings(max_examples=40, stateful_step_count=25, suppress_health_check=list(HealthCheck))
TestMirror = MirrorMachine.TestCase
TestMirror.settings = HOW
TestMirrorAtLength = pytest.mark.long(LongMirrorMachine.TestCase)
TestMirrorAtLength.settings = settings(HOW, max_examples=1000, stateful_step_count=60)
