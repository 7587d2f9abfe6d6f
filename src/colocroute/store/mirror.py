"""The mirror: the directory's content on disk, shared by all processes of this machine.

Owns opening and closing, the commit with the pulse around it, and noticing that the mirror was replaced.
Rules: one process writes; a commit is durable when `transaction` returns; a crash at any point leaves either
the old or the new; opening for reading creates and changes nothing; the mirror ages by a clock that nobody sets.

Limits: not for use across a fork (open it in the child), nor twice in one process (POSIX locks).  The file
never shrinks: what is freed is used again.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import lmdb
import msgspec

from colocroute.errors import MirrorDamagedError, MirrorLostError, StoreError
from colocroute.store import environment, files
from colocroute.store.environment import Attached
from colocroute.store.failures import FAILURES, FILE_FAILURES, damaged, store_error
from colocroute.store.layout import META_KEY, KeysOf, Txn, decode_meta, encode
from colocroute.store.nosnapshot import NoSnapshot, OthersSnapshot
from colocroute.store.pulse import FILE as PULSE
from colocroute.store.pulse import Pulse
from colocroute.store.snapshot import Snapshot
from colocroute.store.transaction import Transaction

log = logging.getLogger(__name__)


def _boottime() -> float:
    """Seconds that the machine has run or slept: nobody sets this clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Mirror:
    """One mirror, open in this process; use it as a context manager or `close` it."""

    def __init__(
        self,
        path: Path,
        *,
        fingerprint: str,
        keys_of: KeysOf,
        writable: bool,
        patient: bool = False,
        clock: Callable[[], float] = _boottime,
    ) -> None:
        """See `open`; `clock` tells the seconds by which the mirror ages."""
        self._path = path
        self._fingerprint = fingerprint
        self._keys_of = keys_of
        self._clock = clock
        self._born = 0.0  # what the clock would have said at age 0
        self._lock = -1
        with contextlib.ExitStack() as undo:
            if writable:
                try:
                    self._lock = files.lock_writer(path)
                except OSError as error:
                    raise store_error(str(path), error) from error
                undo.callback(files.unlock_writer, self._lock)
            self.pulse = Pulse(path, fingerprint, writable=writable, patient=patient)
            undo.callback(self.pulse.close)
            if writable:
                self._establish()
            else:
                self._attach(self._find(patient=patient))
            undo.pop_all()

    @classmethod
    def open(
        cls, path: Path, *, fingerprint: str, keys_of: KeysOf, writable: bool, patient: bool = False
    ) -> "Mirror":
        """Opens the mirror in the directory `path`; raises `StoreError`.

        `fingerprint` names everything the records depend on.  For writing, a mirror of another fingerprint is
        emptied but for its former routes and the names of its domains, and a file that is none is set aside.
        For reading, both are empty and not complete, but of the first the domains are known.  `keys_of` tells
        by which keys a record is found.  To a `patient` reader, files that cannot be opened are none yet: that is
        logged, and each snapshot tries again and raises.
        """
        return cls(Path(path), fingerprint=fingerprint, keys_of=keys_of, writable=writable, patient=patient)

    def _find(self, *, patient: bool) -> Attached | None:
        try:
            return environment.attach(self._path, self._fingerprint, others=True)
        except StoreError as error:
            if not patient:
                raise
            log.error("%s; going on without a mirror", error)
            return None

    def _attach(self, attached: Attached | None) -> None:
        self._attached = attached
        # Unlocked data get a writer some day: no number of theirs is the pulse's, so they are looked at again.
        self._number = attached.mirror if attached is not None and attached.locked else 0

    def _detach(self) -> None:
        if self._attached is not None:
            self._attached.environment.close()
        self._attach(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends every snapshot; closing twice does no harm."""
        self._detach()
        self.pulse.close()
        if self._lock >= 0:
            files.unlock_writer(self._lock)
            self._lock = -1

    # -- reading

    @property
    def is_others(self) -> bool:
        """Whether there is a mirror that was made with another fingerprint, so that it is empty for us."""
        return self._attached is not None and not self._attached.ours

    def snapshot(self) -> Snapshot:
        """The mirror as the newest commit left it; raises `StoreError`."""
        if self._number != self.pulse.mirror() or self._attached is None:
            self._look_again()
        attached = self._attached
        if attached is None or (not attached.ours and self.pulse.complete()):
            return NoSnapshot(str(self._path), missed=self.pulse.complete())
        kind = Snapshot if attached.ours else OthersSnapshot
        try:
            try:
                return kind(attached.environment.begin(), attached.databases)
            except lmdb.ReadersFullError:
                attached.environment.reader_check()
                return kind(attached.environment.begin(), attached.databases)
        except FAILURES as error:
            raise store_error(str(self._path), error) from error

    def _look_again(self) -> None:
        """A reader's mirror may be there by now, or have been replaced by another."""
        replaced = self.pulse.mirror() not in (0, self._number)
        if self._lock < 0 and (self._attached is None or replaced):
            self._detach()
            self._attach(environment.attach(self._path, self._fingerprint, others=True))

    # -- writing

    def _age(self) -> float:
        """See `Meta.age`."""
        return self._clock() - self._born

    @contextlib.contextmanager
    def transaction(self, now: float) -> Iterator[Transaction]:
        """Changes that are committed when the block is left, and rolled back if it raises.

        `now` is wall clock seconds.  If it raises `StoreError` (disk full, damage), nothing was stored, and
        the pulse says `unwritable` until the caller takes that back.  A block that changes nothing writes
        nothing.
        """
        if self._lock < 0:
            raise StoreError(f"{self._path}: not open for writing")
        try:
            attached, txn = self._begin()
            try:
                transaction = Transaction(txn, attached.databases, self._keys_of, now, self._age())
                yield transaction
                self._commit(txn, transaction)
            finally:
                txn.abort()
        except StoreError as error:
            self.pulse.set(unwritable=True)
            if isinstance(error, MirrorDamagedError):
                self.pulse.note_damage()
            self._give_back()
            raise

    def _begin(self) -> tuple[Attached, Txn]:
        attached = self._attached or self._establish()
        try:
            attached.environment.reader_check()
            return attached, attached.environment.begin(write=True)
        except lmdb.PanicError:
            # LMDB gives up for good after a failed write of its meta page; the file is as it was before.
            self._detach()
            attached = self._establish()
        except FAILURES as error:
            raise store_error(str(self._path), error) from error
        try:
            return attached, attached.environment.begin(write=True)
        except FAILURES as error:
            raise store_error(str(self._path), error) from error

    def _establish(self) -> Attached:
        """Opens for writing, and tells the pulse what there is."""
        suspect = self.pulse.damage_noted()
        attached = environment.establish(
            self._path, self._fingerprint, suspect=suspect, withdraw=self.pulse.withdraw
        )
        self._attach(attached)
        try:
            attached.environment.reader_check()
            with Snapshot(attached.environment.begin(), attached.databases) as snapshot:
                meta = snapshot.meta()
            self._data = files.identity(self._path / files.DATA)
        except FILE_FAILURES as error:
            self._detach()
            raise store_error(str(self._path), error) from error
        self._born = self._clock() - meta.age
        self.pulse.adopt(
            attached.mirror, topology=meta.topology, complete=meta.complete, held=meta.held is not None
        )
        return attached

    def _commit(self, txn: Txn, transaction: Transaction) -> None:
        meta = transaction.finish()
        if meta is None:
            return
        seen = transaction.changes_answers
        true = transaction.start
        if seen:
            self.pulse.begin_commit(complete=meta.complete, held=meta.held is not None)
        try:
            txn.commit()
            true = meta
        except FAILURES as error:
            raise store_error(str(self._path), error) from error
        finally:
            if seen:
                self.pulse.end_commit(
                    topology=true.topology, complete=true.complete, held=true.held is not None
                )
        self._extend()

    def _extend(self) -> None:
        # Without room for it the next who opens the file takes a closer look, that is all.
        with contextlib.suppress(OSError):
            files.extend_data(self._path)

    def _give_back(self) -> None:
        # Mail may live on the same disk.
        if self._attached is not None:
            with contextlib.suppress(OSError, lmdb.Error), self._attached.environment.begin(write=True):
                files.give_back(self._path)

    def must_be_there(self) -> None:
        """For the writer, outside of a transaction: raises `MirrorLostError` if the directory has other files by
        now, or none, so that nobody would ever find what is written.

        Then this mirror is withdrawn: whoever still reads it must not deny what the next writer commits.
        """
        try:
            if self.pulse.is_lost():
                name = PULSE
            elif self._attached is not None and files.identity(self._path / files.DATA) != self._data:
                name = files.DATA
            else:
                return
        except OSError:
            return  # it cannot be told
        self.pulse.withdraw()
        raise MirrorLostError(
            f"{self._path / name}: removed or replaced under the running service; starting with what is there now"
        )

    def request_accept(self, removals: int) -> None:
        """Notes that the operator lets that many removals through; raises `StoreError`.

        For a mirror opened for reading, outside of any snapshot, while another process writes it: changes
        that one number and nothing else.
        """
        if self._lock >= 0:
            with self.transaction(time.time()) as transaction:
                transaction.update_meta(accept=removals)
            return
        self._detach()
        attached = environment.attach(self._path, self._fingerprint, write=True)
        if attached is None:
            raise StoreError(f"{self._path}: there is no mirror to accept anything for")
        try:
            with attached.environment.begin(write=True) as txn:
                raw = txn.get(META_KEY, None, attached.databases.meta)
                if raw is None:
                    raise damaged(str(self._path), "it has no meta data")
                meta = msgspec.structs.replace(decode_meta(raw), accept=removals)
                txn.put(META_KEY, encode(meta), db=attached.databases.meta)
            self._extend()
        except FAILURES as error:
            raise store_error(str(self._path), error) from error
        finally:
            attached.environment.close()
        self._attach(environment.attach(self._path, self._fingerprint, others=True))
