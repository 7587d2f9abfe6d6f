"""The domains of the mirror, which the lines of main.cf are made of and held against.

Owns the difference between a mirror that is empty and one that cannot be read: of neither are lines written.
"""

from typing import TYPE_CHECKING

import msgspec

from colocroute.errors import TemporaryError
from colocroute.model import State

if TYPE_CHECKING:
    from colocroute.config import Config

EMPTY = (
    "the mirror is empty: domains that only the directory has are missing in these lines, and mydestination may "
    "name one; print them again when 'colocroute status' says live"
)
"""The warning that goes with lines made of an empty mirror."""


class Domains(msgspec.Struct, frozen=True):
    """The public and the site domains; of an `empty` mirror those of the configuration alone."""

    public: tuple[str, ...]
    sites: tuple[str, ...]
    empty: bool = False


def known(config: "Config") -> Domains:
    """The domains that the mirror has; raises `StoreError` if it cannot be read."""
    from colocroute.daemon.whole import whole

    with whole(config) as view:
        topology = view.topology
        return Domains(
            tuple(sorted(topology.public)), tuple(sorted(topology.sites)), view.state is State.EMPTY
        )


def filled(config: "Config") -> Domains:
    """The same of a mirror that is not empty; raises `StoreError`, and `TemporaryError` if it is.

    Every wiring needs them: `mydestination`, at least, must not name one.
    """
    domains = known(config)
    if domains.empty:
        raise TemporaryError(
            "the mirror is empty: the directory was never read with this configuration, and lines that lack its "
            "domains lose mail; start the service, or restart it, and see 'colocroute status'"
        )
    return domains
