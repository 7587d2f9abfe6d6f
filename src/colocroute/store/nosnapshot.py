"""Snapshots where there is no mirror of ours: nothing is in them, and nothing may be denied for their sake.

Owns what is said then.  Must not know why there is none.
"""

from collections.abc import Iterator
from typing import Any, cast

import lmdb

from colocroute.errors import StoreError
from colocroute.store.layout import (
    DATABASES,
    DOMAIN,
    KNOWN_DOMAIN,
    KNOWN_SITE,
    SITE,
    Databases,
    Txn,
)
from colocroute.store.meta import Counts, Meta
from colocroute.store.snapshot import Snapshot


class NoSnapshot(Snapshot):
    """The snapshot where there is no mirror: not complete, and nothing in it.

    `missed`: there should be one (the pulse says so).  Then nothing is not an answer: lookups raise
    `StoreError`, while `meta` and `counts` tell what there is.
    """

    __slots__ = ("_missed",)

    def __init__(self, where: str, *, missed: bool) -> None:
        self._missed = missed
        self._get = self._nothing
        self._db = Databases(where=where, **cast("dict[str, Any]", dict.fromkeys(DATABASES)))

    def close(self) -> None:
        """There is nothing to end."""

    def _nothing(self, key: bytes, default: bytes | None, db: lmdb._Database) -> bytes | None:  # noqa: ARG002  # as txn.get
        if self._missed:
            raise StoreError(f"{self._db.where}: the mirror should be here and cannot be read")
        return default

    def _rows(self, db: lmdb._Database, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        self._nothing(start, None, db)
        return iter(())

    def meta(self) -> Meta:
        """Not complete."""
        return Meta()

    def counts(self) -> Counts:
        """None of anything."""
        return Counts()


class OthersSnapshot(NoSnapshot):
    """The snapshot of a mirror of another configuration, whose records would be misread: it knows its domains."""

    __slots__ = ("_others",)

    def __init__(self, txn: Txn, databases: Databases) -> None:
        super().__init__(databases.where, missed=False)
        self._others = Snapshot(txn, databases)

    def close(self) -> None:
        """Ends the read transaction."""
        self._others.close()

    def domains(self) -> list[str]:
        """The domains that the directory declared."""
        return self._others.names(DOMAIN, KNOWN_DOMAIN)

    def former_sites(self) -> list[str]:
        """The site domains."""
        return self._others.names(SITE, KNOWN_SITE)

    def meta(self) -> Meta:
        """Not complete."""
        return Meta(topology=self._others.meta().topology)
