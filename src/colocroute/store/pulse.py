"""The pulse: what every process knows at once of how far the mirror can be trusted.

Owns the meaning of the page beside the data: whether answers may be cached (`stamp`), the state, the time of
the last contact with the directory.  It is read at every lookup, so a read is a load from mapped memory and
never a system call.

Rules: every field is one aligned machine word, read and written whole, so no value can be torn.  The page
never claims more than the last commit: `complete` only if that was, not `held` unless that was not.  Distrust
is written before the data that ask for it, trust after the data that earn it.  A writer killed in a commit
leaves `stamp` odd until the next writer.  Whoever may deny reads the state before it takes the snapshot: then
no "live" of after the first refresh meets a snapshot of before it.

Limits: 64-bit Linux (CLOCK_BOOTTIME, boot id).
"""

import contextlib
import logging
from hashlib import sha256
from pathlib import Path

from colocroute.errors import StoreError
from colocroute.model import State
from colocroute.store.failures import store_error
from colocroute.store.files import identity
from colocroute.store.layout import LAYOUT
from colocroute.store.page import Page, read_page, write_page

log = logging.getLogger(__name__)

FILE = "pulse"
LOOK_SECONDS = 0.1  # between two looks whether the page is another by now: a lost one may say "live" for long
AHEAD_SECONDS = (
    5.0  # a reader may read the clock before the contact; more is a clock of another time namespace
)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # random(4)

# The words of the page; `page` owns the first two.
_SEQ, _TOPOLOGY, _FLAGS, _MIRROR, _MARK, _BOOT, _CONTACT = range(2, 9)
_COMPLETE, _HELD, _UNWRITABLE, _DAMAGED = 1, 2, 4, 8

_LIVE = State.LIVE  # to name a member takes as long as to read the page


def mark_of(fingerprint: str) -> int:
    """The number in the page that says whose mirror it speaks of; never 0."""
    return int.from_bytes(sha256(f"{LAYOUT}\n{fingerprint}".encode()).digest()[:8], "little") | 1


def _boot_number() -> int:
    return int(_BOOT_ID.read_text(encoding="ascii").replace("-", "")[:16], 16)


class Pulse:
    """The page, for reading or (in the one process that writes the mirror) for writing.

    A reader's page may appear later, or be replaced when the store was emptied: then it is taken by itself.
    Not for use across a fork.
    """

    def __init__(self, directory: Path, fingerprint: str, *, writable: bool, patient: bool = False) -> None:
        """Raises `StoreError` if a writer's page cannot be made, or a reader's not be read; to a `patient` reader
        that is no page yet."""
        self._path = directory / FILE
        self._mark = mark_of(fingerprint)
        self._writable = writable
        self._committed = 0
        self._look_at = 0.0
        self._boot = 0
        self._page = Page()
        self._words = self._page.words
        self._times = self._page.times
        try:
            self._boot = _boot_number()
            page = write_page(self._path) if writable else read_page(self._path)
        except OSError as error:
            if not patient:
                raise store_error(str(self._path), error) from error
            log.error("%s; going on without it", store_error(str(self._path), error))
            page = None
        if page is not None:
            self._take(page)

    def _take(self, page: Page) -> None:
        old, self._page = self._page, page
        self._words, self._times = page.words, page.times
        old.close()

    def close(self) -> None:
        """Releases the page; from now on there is none."""
        self._writable = True  # so that it is not looked for again
        self._take(Page())

    # -- reading

    def stamp(self) -> int:
        """A number that is another after every commit and every change of trust.

        If it is negative or odd, nothing may be cached: a commit is in progress, its writer was killed, or
        there is no page.
        """
        return self._words[_SEQ] or self._absent()

    def _absent(self) -> int:
        self._look_again()
        return self._words[_SEQ] or -1

    def state(self, now: float, stale_after: float) -> State:
        """The state at `now` (CLOCK_BOOTTIME seconds); `EMPTY` for a mirror of another fingerprint."""
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self._look_again()
        words = self._words
        flags = words[_FLAGS]
        if words[_MARK] != self._mark or not flags & _COMPLETE:
            return State.EMPTY
        if flags & _HELD:
            return State.HELD
        # The boot before the contact: a writer in a new boot clears the contact first.
        if flags & _UNWRITABLE or words[_BOOT] != self._boot:
            return State.STALE
        contact = self._times[_CONTACT]
        return _LIVE if contact and -AHEAD_SECONDS <= now - contact <= stale_after else State.STALE

    def unwritable(self) -> bool:
        """Whether the directory may have told what could not be stored."""
        return bool(self._words[_FLAGS] & _UNWRITABLE)

    def topology(self) -> int:
        """The topology number of the last commit; 0 if there is no page."""
        return self._words[_TOPOLOGY]

    def contact(self) -> float:
        """CLOCK_BOOTTIME seconds of the last contact with the directory in this boot, 0.0 for none."""
        if self._words[_MARK] != self._mark or self._words[_BOOT] != self._boot:
            return 0.0
        return self._times[_CONTACT]

    def mirror(self) -> int:
        """Which mirror the page speaks of (`meta.Tag.mirror`); 0 if there is no page."""
        return self._words[_MIRROR]

    def complete(self) -> bool:
        """Whether the page says that there is a complete mirror of this fingerprint."""
        return self._words[_MARK] == self._mark and bool(self._words[_FLAGS] & _COMPLETE)

    def is_lost(self) -> bool:
        """Whether nobody can find this page any more: its file is gone, or another; raises `OSError`."""
        return identity(self._path) != self._page.file

    def _look_again(self) -> None:
        """Takes a page that was not there, or is another file by now."""
        if self._writable:
            return
        with contextlib.suppress(OSError):
            self._boot = self._boot or _boot_number()
            if self.is_lost():
                page = read_page(self._path)
                if page is not None:
                    self._take(page)

    # -- writing

    def touch(self, contact: float) -> None:
        """Notes the last contact with the directory, CLOCK_BOOTTIME seconds; 0.0 for none."""
        self._must_write()
        self._times[_CONTACT] = contact

    def set(
        self, *, complete: bool | None = None, held: bool | None = None, unwritable: bool | None = None
    ) -> None:
        """Takes trust away or gives it back; what the last commit does not allow is not given."""
        self._must_write()
        flags = self._words[_FLAGS]
        for bit, value in ((_COMPLETE, complete), (_HELD, held), (_UNWRITABLE, unwritable)):
            if value is not None:
                flags = flags | bit if value else flags & ~bit
        if not self._committed & _COMPLETE:
            flags &= ~_COMPLETE
        self._flag(flags | (self._committed & _HELD))

    def _flag(self, flags: int) -> None:
        if flags != self._words[_FLAGS]:
            self._words[_FLAGS] = flags
            self._words[_SEQ] += 2

    def begin_commit(self, *, complete: bool, held: bool) -> None:
        """Before a commit that makes the mirror so: `stamp` is odd, and whatever either side distrusts is."""
        self._must_write()
        words = self._words
        words[_SEQ] |= 1
        if not complete:
            words[_FLAGS] &= ~_COMPLETE
        if held:
            words[_FLAGS] |= _HELD

    def end_commit(self, *, topology: int, complete: bool, held: bool) -> None:
        """After a commit, or after its failure with what is still true: `stamp` is even again."""
        words = self._words
        self._committed = (_COMPLETE if complete else 0) | (_HELD if held else 0)
        words[_TOPOLOGY] = topology
        words[_FLAGS] = words[_FLAGS] & ~(_COMPLETE | _HELD) | self._committed
        words[_SEQ] += words[_SEQ] & 1

    def note_damage(self) -> None:
        """The mirror was found damaged: the next writer sets it aside."""
        self._must_write()
        self._flag(self._words[_FLAGS] | _DAMAGED)

    def damage_noted(self) -> bool:
        """Whether a writer noted damage."""
        return bool(self._words[_FLAGS] & _DAMAGED)

    def withdraw(self) -> bool:
        """Before the data are replaced: `EMPTY` for everybody; returns whether they were trusted before."""
        self._must_write()
        trusted = bool(self._words[_FLAGS] & _COMPLETE)
        self._words[_SEQ] |= 1
        self._words[_FLAGS] = 0
        self._times[_CONTACT] = 0.0
        # Only here: after a power failure too much distrust is harmless, forgotten distrust is not.
        with contextlib.suppress(OSError):
            self._page.flush()
        return trusted

    def adopt(self, mirror: int, *, topology: int, complete: bool, held: bool) -> None:
        """At a writer's start: tells what the data on disk are, repairing what a killed writer left."""
        self._must_write()
        words = self._words
        words[_SEQ] |= 1
        ours = words[_MARK] == self._mark
        # What could not be stored is unknown here; only a new contact with the directory may make up for it.
        if words[_FLAGS] & _UNWRITABLE or words[_BOOT] != self._boot or not ours:
            self._times[_CONTACT] = 0.0
        words[_BOOT] = self._boot
        words[_FLAGS] &= (_COMPLETE | _HELD) if ours else 0
        words[_MARK] = self._mark
        words[_MIRROR] = mirror
        self.end_commit(topology=topology, complete=complete, held=held)

    def _must_write(self) -> None:
        if not self._writable:
            raise StoreError(f"{self._path}: opened for reading only")
