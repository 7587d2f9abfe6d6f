"""What is said where there is no mirror of ours; nothing at all is in `test_mirror` and `test_processes`."""

from pathlib import Path

import pytest

from colocroute.errors import StoreError
from colocroute.model import Record
from colocroute.store.meta import Counts
from tests.lab.mirror import ANNA, Child, anna, entry_id, open_mirror, put, remove, site


def two_domains(path: Path) -> int:
    """A complete mirror with one of each; returns its topology number."""
    with open_mirror(path) as mirror, mirror.transaction(1.0) as txn:
        txn.put(ANNA, anna("anna@mail.internal"))
        txn.put(entry_id(31), site("mail.internal"))
        txn.put(entry_id(32), site("gone.internal"))
        txn.put(entry_id(33), Record("zone", domains=("second.tux",)))
        txn.put(entry_id(34), anna("anna@gone.internal"))
        txn.update_meta(complete=True)
    with open_mirror(path) as mirror:
        remove(mirror, entry_id(32))
        return mirror.pulse.topology()


def test_of_a_mirror_of_another_configuration_the_domains_are_known_and_nothing_else(tmp_path: Path) -> None:
    number = two_domains(tmp_path)
    with open_mirror(tmp_path, writable=False, fingerprint="other") as mirror, mirror.snapshot() as snapshot:
        assert snapshot.domains() == ["second.tux"]
        assert sorted(snapshot.former_sites()) == ["gone.internal", "mail.internal"]
        assert snapshot.meta().topology == number
        assert not snapshot.meta().complete
        assert snapshot.owners("anna@test.tux") == snapshot.residents("anna@mail.internal") == []
        assert not any(map(list, (snapshot.records(), snapshot.ids(), snapshot.keys("addresses"))))
        assert (snapshot.record(ANNA), snapshot.direct_owner(b"anna@test.tux")) == (None, b"")
        assert (snapshot.sites(), snapshot.route_domains(), snapshot.counts()) == ([], [], Counts())
        with pytest.raises(StoreError, match="no mirror to accept"):
            mirror.request_accept(1)


def test_a_reader_follows_when_the_mirror_becomes_its_own(tmp_path: Path) -> None:
    """A worker of a new configuration, started before the replicator."""
    two_domains(tmp_path)
    with Child(tmp_path, fingerprint="other") as child:
        assert child.ask("mirror.snapshot().domains()") == ["second.tux"]
        with open_mirror(tmp_path, fingerprint="other") as mirror:
            assert child.ask("type(mirror.snapshot()).__name__") == "Snapshot"
            assert child.ask("mirror.snapshot().domains()") == ["second.tux"]
            put(mirror, ANNA, anna())
            assert len(child.ask("mirror.snapshot().owners('anna@test.tux')")) == 1


def test_no_transaction_is_left_open(tmp_path: Path) -> None:
    two_domains(tmp_path)
    with open_mirror(tmp_path, writable=False, fingerprint="other") as mirror:
        for _ in range(1000):  # more than LMDB has slots for readers
            with mirror.snapshot() as snapshot:
                assert snapshot.domains()
