"""The mirror from end to end, for commands that go through all of it.

Owns a view that can also be walked, in one read transaction, with or without the daemon running.  Limit: as
long as it is open, LMDB cannot use again what later commits free.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from colocroute.config import Config
from colocroute.daemon import build
from colocroute.daemon.resolver import MirrorView
from colocroute.model import Record
from colocroute.store.snapshot import Index


class WholeView(MirrorView):
    """A `MirrorView` that can be walked."""

    __slots__ = ()

    @property
    def is_others(self) -> bool:
        """See `Mirror`."""
        return self._mirror.is_others

    def records(self) -> Iterator[Record]:
        """Every record, by ascending id; raises `StoreError`."""
        return (record for _, record in self.snapshot().records())

    def keys(self, index: Index) -> Iterator[str]:
        """Every folded key of an index, by ascending code points; raises `StoreError`."""
        return self.snapshot().keys(index)


@contextmanager
def whole(config: Config) -> Iterator[WholeView]:
    """A view of now; raises `StoreError` if there is a mirror and it cannot be read: it is no empty one."""
    mirror = build.open_mirror(config, writable=False)
    try:
        resolver = build.resolver(config, mirror)
        resolver.read_topology()
        now = resolver.view()
        view = WholeView(mirror, now.state, now.topology, now.rules)
        with view:
            yield view
    finally:
        mirror.close()
