"""The service: listeners, one replicator and the workers, under one supervisor.

Owns what the supervisor is given and what it publishes for `status`; a reload builds everything anew beside the
old.  Runs in the supervisor's process, which opens no mirror while it has children.
"""

import contextlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from colocroute.config import Config
from colocroute.config.units import Address, parse_address, parse_endpoint
from colocroute.daemon import build, replication, runtime
from colocroute.errors import ColocrouteError, ConfigError, StoreError
from colocroute.server import activation
from colocroute.server.children import Child
from colocroute.server.crew import Crew
from colocroute.server.interfaces import ChildInfo, Listener, Ready, Settings, WireProtocol
from colocroute.server.listeners import Access, Bound, open_all, release
from colocroute.server.notify import Notifier
from colocroute.server.supervisor import Hooks, Supervisor
from colocroute.server.worker import Control, run_worker

log = logging.getLogger(__name__)

REPLICATOR = "replicator"


def serve(config: Config, path: Path) -> int:
    """Runs the service until SIGTERM; `path` is read again on SIGHUP.  Raises `ColocrouteError` at the start."""
    lock = runtime.acquire(build.store_path(config))  # until the end of the process
    _forget_contact(config)
    service = _Service(path, config, activation.inherited(), lock)
    return Supervisor(service.children, service, Notifier()).run()


def _forget_contact(config: Config) -> None:
    """A new service has not heard of the directory yet, whatever the one before had: absent keys are deferred."""
    try:
        mirror = build.open_mirror(config, writable=True)
    except StoreError as error:
        log.error("%s; the mirror as it is goes on answering", error)
        return
    try:
        mirror.pulse.touch(0.0)
    finally:
        mirror.close()


class _Set:
    """The parts of one configuration: its sockets, crew and children."""

    def __init__(self, config: Config, have: Sequence[Bound]) -> None:
        """Raises `ColocrouteError`, and then has opened nothing."""
        self.config = config
        wanted = _wanted(config)
        access = Access(config.listen.socket_mode, config.listen.socket_group, config.listen.allow_remote)
        self.bound = open_all([address for address, _, _ in wanted], access, have)
        self._listeners = [
            Listener(bound.socket, protocol, name.encode(), str(address))
            for bound, (address, protocol, name) in zip(self.bound, wanted, strict=True)
        ]
        workers = config.server.workers
        size = len(os.sched_getaffinity(0)) if workers == "auto" else workers
        try:
            self.crew = Crew(size)
        except OSError as error:
            self.release(have)
            raise ColocrouteError(f"server.workers: no sockets between them: {error.strerror}") from error
        self.children = [self._worker(index) for index in range(size)]
        self.children.append(Child(REPLICATOR, self._replicate, alone=True))
        # The other set while a reload is under way: what is forked then inherits its sockets too.
        self.other: _Set | None = None

    def _close_other(self) -> None:
        """In a child: a listener or an inbox outlives its set as long as any process has it open."""
        if self.other is None:
            return
        for bound in self.other.bound:
            if bound not in self.bound:
                bound.socket.close()
        self.other.crew.close()

    def release(self, kept: Sequence[Bound]) -> None:
        """Gives up the listening sockets but for those that are kept."""
        keep = {id(bound) for bound in kept}
        for bound in self.bound:
            if id(bound) not in keep:
                release(bound)

    def _worker(self, index: int) -> Child:
        def work(ready: Ready) -> int:
            self._close_other()
            mirror = build.open_mirror(self.config, writable=False, patient=True)
            server = self.config.server
            return run_worker(
                self._listeners,
                build.resolver(self.config, mirror),
                Settings(server.max_connections, server.spin),
                Control(self.crew.seat(index), ready),
            )

        return Child(f"worker-{index + 1}", work, serves=True, on_death=lambda: self.crew.vacate(index))

    def _replicate(self, ready: Ready) -> int:
        self._close_other()
        self.crew.close()
        for bound in self.bound:
            bound.socket.close()
        return replication.run(self.config, ready)


def _wanted(config: Config) -> list[tuple[Address, WireProtocol, str]]:
    listen = config.listen
    wanted: list[tuple[Address, WireProtocol, str]] = []
    wanted += [(parse_address(text), WireProtocol.SOCKETMAP, "") for text in listen.socketmap]
    wanted += [
        (parse_endpoint(text), WireProtocol.TCP_TABLE, name) for name, text in listen.tcp_table.items()
    ]
    wanted += [(parse_address(text), WireProtocol.POLICY, "") for text in listen.policy]
    return wanted


class _Service(Hooks):
    """The supervisor's hooks."""

    def __init__(self, path: Path, config: Config, inherited: Sequence[Bound], lock: int) -> None:
        self._path = path
        self._lock = lock
        self._store = build.store_path(config)
        # What systemd passed and nobody wants now may be wanted after a reload.
        self._inherited = list(inherited)
        self._set = _Set(config, inherited)
        self._next: _Set | None = None

    @property
    def children(self) -> Sequence[Child]:
        """The children of the configuration in force."""
        return self._set.children

    def reload(self) -> Sequence[Child] | None:
        """See `Hooks`."""
        try:
            config = build.load(self._path, for_service=True)
            if build.store_path(config) != self._store:
                raise ConfigError(["store.path: cannot be changed by a reload; restart the service"])
            self._next = _Set(config, [*self._set.bound, *self._inherited])
        except (ColocrouteError, OSError) as error:
            for line in str(error).splitlines():
                log.error("reload: %s", line)
            log.error("reload: the old configuration stays in force")
            return None
        self._next.other, self._set.other = self._set, self._next
        return self._next.children

    def reloaded(self, accepted: bool) -> None:
        """See `Hooks`."""
        if self._next is None:
            return
        dropped = self._set if accepted else self._next
        self._set = self._next if accepted else self._set
        self._next = self._set.other = None
        dropped.release([*self._set.bound, *self._inherited])
        dropped.crew.close()

    def changed(self, children: Sequence[ChildInfo]) -> None:
        """See `Hooks`."""
        self._lock = runtime.renew(self._store, self._lock)
        processes: list[dict[str, Any]] = [
            {"name": child.name, "pid": child.pid, "restarts": child.restarts} for child in children
        ]
        runtime.publish(
            self._store,
            runtime.SUPERVISOR_FILE,
            {
                "pid": os.getpid(),
                "processes": processes,
                "workers": [one for one in processes if one["name"] != REPLICATOR and one["pid"]],
            },
        )

    def stopped(self) -> None:
        """See `Hooks`."""
        if self._next is not None:  # a reload was under way
            self._next.release(self._set.bound)
        self._set.release(())
        with contextlib.suppress(OSError):  # a file system that has become read-only: it is for display only
            (self._store / runtime.SUPERVISOR_FILE).unlink()
        os.close(self._lock)
