"""The domains of the mirror, which the lines of main.cf are made of and held against.

Owns the difference between a mirror that is empty and one that cannot be read: of neither are lines written;
and the forms in which a domain is listed: Postfix turns no U-label into an A-label (SMTPUTF8_README).

Limit: a domain whose U-labels Postfix would compare as another domain is listed as A-labels only.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from colocroute.errors import TemporaryError
from colocroute.model import State
from colocroute.routing.address import fold_domain

if TYPE_CHECKING:
    from colocroute.config import Config

ACE_PREFIX = "xn--"  # RFC 5890, 2.3.2.5

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


def forms(domain: str) -> tuple[str, ...]:
    """The forms of a domain, itself (lower-case A-labels) first; with U-labels the second, if it has any.

    Postfix compares case-folded: of `strasse.tux` and the same with a sharp s it makes one, and whoever has
    but the one would refuse the mail of the other.  Such a name, and what is no A-label, stays as it is.
    """
    national = ".".join(map(_decoded, domain.split(".")))
    if national == domain or national != national.casefold() or fold_domain(national) != domain:
        return (domain,)
    return domain, national


def all_forms(domains: Iterable[str]) -> list[str]:
    """The forms of all domains, in the order of the A-labels."""
    return [form for domain in sorted(domains) for form in forms(domain)]


def _decoded(label: str) -> str:
    """A label as U-label, itself if it is none in A-form."""
    if not label.startswith(ACE_PREFIX):
        return label
    try:
        decoded = label.removeprefix(ACE_PREFIX).encode("ascii").decode("punycode")
    except UnicodeError:
        return label
    return decoded if fold_domain(decoded) == label else label


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
