"""Mirrors for tests: small records, keys for them, and another process that has the same mirror open."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from colocroute.model import Keys, Record, SiteEntry, User
from colocroute.store.mirror import Mirror
from colocroute.store.transaction import Transaction

ROOT = Path(__file__).parents[2]
FINGERPRINT = "test"


def keys_of(record: Record) -> Keys:
    """Folds as plainly as can be: lower case, the last `@` before the domain."""
    user = record.user
    if user is None or not user.enabled:
        return Keys()
    routes = tuple(route.lower() for route in user.routes)
    return Keys(
        addresses=tuple(address.lower() for address in user.addresses),
        routes=routes,
        logins=tuple(login.lower() for login in user.logins),
        route_domains=tuple(route.rpartition("@")[2] for route in routes),
        direct=routes[0] if len(routes) == 1 and routes == user.routes else "",
    )


def user(
    name: str,
    *addresses: str,
    routes: tuple[str, ...] = (),
    logins: tuple[str, ...] = (),
    enabled: bool = True,
) -> Record:
    """A record with a user; its DN is made of `name`."""
    dn = f"uid={name},dc=test,dc=tux"
    return Record(dn, User(addresses, routes, logins, "localhost", "localhost", enabled))


ANNA, BOB, ANNA_RELOADED = (number.to_bytes(16, "big") for number in (1, 2, 3))
EXTERNAL, PARIS, ROME = (f"anna@{site}.test.tux" for site in ("external", "paris", "rome"))


def anna(
    route: str = EXTERNAL, *, enabled: bool = True, addresses: tuple[str, ...] = ("anna@test.tux",)
) -> Record:
    """The user of most tests."""
    return user("anna", *addresses, routes=(route,) if route else (), logins=("anna",), enabled=enabled)


def site(domain: str, nexthop: str = "smtp:[10.2.0.1]") -> Record:
    """A record with a transport."""
    return Record(f"cn={domain}", site=SiteEntry((domain,), (nexthop,)))


def entry_id(number: int) -> bytes:
    """An entryUUID."""
    return number.to_bytes(16, "big")


class Timed(Mirror):
    """A mirror that has the age which its test says: the `now` of the latest transaction."""

    said = 0.0

    @contextmanager
    def transaction(self, now: float) -> Iterator[Transaction]:
        self.said = now
        with super().transaction(now) as txn:
            yield txn

    def _age(self) -> float:
        return self.said


def open_mirror(path: Path, *, writable: bool = True, fingerprint: str = FINGERPRINT) -> Mirror:
    """The mirror in `path` with the keys of this module."""
    return Timed.open(path, fingerprint=fingerprint, keys_of=keys_of, writable=writable)


def fill(path: Path) -> None:
    """Makes a complete mirror of one user, committed at 5.0 with the cookie `cookie`."""
    with open_mirror(path) as mirror, mirror.transaction(5.0) as txn:
        txn.put(entry_id(1), user("anna", "anna@test.tux", routes=("anna@external.test.tux",)))
        txn.update_meta(complete=True, cookie=b"cookie")


def put(mirror: Mirror, entry: bytes, record: Record, now: float = 1.0) -> bool:
    """Puts in a transaction of its own."""
    with mirror.transaction(now) as txn:
        return txn.put(entry, record)


def remove(mirror: Mirror, entry: bytes, now: float = 1.0, *, keep: bool = True) -> bool | None:
    """Removes in a transaction of its own; whether it is lost."""
    with mirror.transaction(now) as txn:
        removal = txn.remove(entry, keep=keep)
        return None if removal is None else removal.lost


def former(mirror: Mirror, route: str) -> list[str]:
    """The routes of who left this one."""
    with mirror.snapshot() as snapshot:
        return [route for found in snapshot.former_residents(route) for route in found.routes]


def owners(mirror: Mirror, key: str = "anna@test.tux") -> list[str]:
    """The routes of the owners."""
    with mirror.snapshot() as snapshot:
        return [route for found in snapshot.owners(key) for route in found.routes]


def topology(mirror: Mirror) -> int:
    """The topology number in the data."""
    with mirror.snapshot() as snapshot:
        return snapshot.meta().topology


class Child:
    """A process of its own in which `mirror` is the mirror in `path` and everything of this module is known."""

    def __init__(self, path: Path, *, writable: bool = False, fingerprint: str = FINGERPRINT) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.lab.mirror", str(path), str(int(writable)), fingerprint],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, expression: str) -> Any:
        """What the expression is there; an exception is the string `Name: text`."""
        return self._answer(f"={expression}")

    def do(self, *lines: str) -> Any:
        """Runs statements there; None, or the exception as `ask` tells it."""
        return self._answer("\n".join(lines))

    def send(self, *lines: str) -> None:
        """Starts statements there and does not wait for them."""
        stdin = self.process.stdin
        assert stdin is not None
        stdin.write(json.dumps("\n".join(lines)) + "\n")
        stdin.flush()

    def _answer(self, source: str) -> Any:
        self.send(source)
        stdout = self.process.stdout
        assert stdout is not None
        line = stdout.readline()
        return json.loads(line) if line else "Dead"

    def killed(self) -> bool:
        """Whether it ends by SIGKILL within some seconds."""
        return self.process.wait(30) == -9

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


def _serve(path: str, writable: str, fingerprint: str) -> None:
    names: dict[str, Any] = dict(globals())
    try:
        names["mirror"] = open_mirror(Path(path), writable=writable == "1", fingerprint=fingerprint)
    except Exception as error:
        names["failure"] = f"{type(error).__name__}: {error}"
    for line in sys.stdin:
        source = json.loads(line)
        try:
            if source.startswith("="):
                text = json.dumps(eval(source[1:], names), default=repr)
            else:
                exec(source, names)
                text = "null"
        except Exception as error:
            text = json.dumps(f"{type(error).__name__}: {error}")
        print(text, flush=True)


if __name__ == "__main__":
    _serve(*sys.argv[1:])
