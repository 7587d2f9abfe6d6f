"""The mirror as a naive model: everything is computed anew from a dict of records."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from colocroute.model import Record, User
from colocroute.store.layout import INNER_ID, LONGEST_KEY, inner_id
from tests.lab.mirror import keys_of


def is_name(entry_id: bytes) -> bool:
    """Whether an id is a DN, which may be given to somebody else, and no entryUUID."""
    return len(entry_id) != INNER_ID


@dataclass
class Model:
    """Follows DESIGN.md section 4 in the plainest way; what is not `entries` is the only memory.

    `were_sites` are all that had a transport and may matter, `known` is what was so before it was emptied.
    """

    entries: dict[bytes, Record] = field(default_factory=dict)
    former: dict[str, tuple[bytes, Record, float]] = field(default_factory=dict)
    kept: dict[bytes, tuple[float, Record]] = field(default_factory=dict)
    were_sites: set[str] = field(default_factory=set)
    known_sites: set[str] = field(default_factory=set)
    known_domains: set[str] = field(default_factory=set)
    complete: bool = False

    def having(self, kind: str, key: str) -> dict[bytes, User]:
        return {
            entry_id: record.user
            for entry_id, record in self.entries.items()
            if record.user is not None and key in getattr(keys_of(record), kind)
        }

    def put(self, entry_id: bytes, record: Record, now: float) -> bool:
        old = self.entries.get(entry_id)
        if old == record:
            return False
        self.entries[entry_id] = record
        self.were_sites |= self.site_domains()
        self.kept.pop(entry_id, None)
        after = keys_of(record)
        for route in after.routes:
            self.former.pop(route, None)
        if old is not None:
            before = keys_of(old)
            is_known = after.addresses and not is_name(entry_id)
            self._leave(entry_id, before.routes, record if is_known else old, now)
        return True

    def load(self, items: Iterable[tuple[bytes, Record]], now: float) -> None:
        """Many at once: a former route is forgotten by who has it in the end."""
        for entry_id, record in items:
            self.put(entry_id, record, now)
        self.commit()

    def _leave(self, owner: bytes, routes: tuple[str, ...], was: Record, now: float) -> None:
        for route in routes:
            if not self.having("routes", route):
                self.former[route] = (owner, was, now)

    def heirs(self, was: Record) -> list[bytes]:
        """Who has the login (or neither has one, and the DN is the same) and an address that nobody else has."""
        gone = keys_of(was)
        return [
            entry_id
            for entry_id, record in self.entries.items()
            if record.user is not None
            and any(list(self.having("addresses", key)) == [entry_id] for key in gone.addresses)
            and (
                set(gone.logins) <= set(keys_of(record).logins)
                if gone.logins
                else not record.user.logins and record.dn == was.dn
            )
        ]

    def missed(self, record: Record) -> bool:
        keys = keys_of(record)
        if keys.addresses:
            if any(not self.having("addresses", key) for key in keys.addresses):
                return True
        elif any(not self.having("routes", key) for key in keys.routes) or any(
            not self.having("logins", key) for key in keys.logins
        ):
            return True
        if record.site and not self.site_domains().issuperset(record.site.domains):
            return True
        return not self.domains().issuperset(record.domains)

    def remove(self, entry_id: bytes, now: float, *, keep: bool) -> bool | None:
        record = self.entries.pop(entry_id, None)
        if record is None:
            return None
        keys = keys_of(record)
        heirs = self.heirs(record)
        self._leave(heirs[0] if len(heirs) == 1 else entry_id, keys.routes, record, now)
        lost = self.missed(record)
        if keep and lost:
            self.kept[entry_id] = (now, record)
        return lost

    def restore(self, now: float) -> int:
        number = 0
        for entry_id in sorted(self.kept, key=lambda key: (self.kept[key][0], inner_id(key)), reverse=True):
            _, record = self.kept.pop(entry_id)
            if self.missed(record):
                number += self.put(entry_id, record, now)
        return number

    def commit(self) -> None:
        """Ends a transaction."""
        if self.complete:
            self.were_sites |= self.known_sites
            self.known_sites, self.known_domains = set(), set()
        self.were_sites &= self.site_domains() | self.route_domains()

    def empty(self) -> None:
        """What another configuration of the directory does."""
        self.known_sites |= self.were_sites | self.site_domains()
        self.known_domains |= self.domains()
        self.entries, self.kept, self.were_sites = {}, {}, set()
        self.complete = False

    def former_sites(self) -> set[str]:
        return self.were_sites - self.site_domains() | self.known_sites

    def site_domains(self) -> set[str]:
        return {domain for record in self.entries.values() if record.site for domain in record.site.domains}

    def expire(self, former_before: float, removed_before: float) -> None:
        self.former = {route: left for route, left in self.former.items() if left[2] >= former_before}
        self.kept = {key: kept for key, kept in self.kept.items() if kept[0] >= removed_before}

    def former_residents(self, route: str) -> list[User]:
        if route not in self.former:
            return []
        owner, was, _ = self.former[route]
        record = self.entries.get(owner)
        if record is not None and record.user is not None:
            left, has = keys_of(was), keys_of(record)
            kind = "logins" if left.logins else "addresses"
            shares = set(getattr(left, kind)) & set(getattr(has, kind))
            return [record.user] if record.user.enabled and (shares or not is_name(owner)) else []
        heirs = [self.entries[heir].user for heir in self.heirs(was)]
        return [heir for heir in heirs if heir is not None] if len(heirs) == 1 else []

    def former_domains(self) -> set[str]:
        return {"" if len(route) > LONGEST_KEY else route.rpartition("@")[2] for route in self.former}

    def domains(self) -> set[str]:
        return {domain for record in self.entries.values() for domain in record.domains}

    def route_domains(self) -> set[str]:
        return {domain for record in self.entries.values() for domain in keys_of(record).route_domains}
