"""A Debian that boots: systemd as its first process, in namespaces of its own, without a container tool.

Owns the bootstrapping of the system that machines start from, and the namespaces.  What a machine changes is
kept in memory and gone with it; it has a loopback and no other network, and its own tree of control groups.
Rule: this machine's kernel is not changed by it, so it may neither load modules nor set the clock or sysctls.
"""

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN, flock
from pathlib import Path
from types import TracebackType

import pytest

from tests.lab.daemon import wait_for

SYSTEMD = ("/lib/systemd/systemd",)
NOTHING = ("/bin/sleep", "infinity")  # the first process of a machine without systemd, such as a chroot
BOOT_SECONDS = 60.0
COMMAND_SECONDS = 120.0

# What systemd wants of whoever starts it in a container (systemd.io/CONTAINER_INTERFACE); run by sh.
_SET_UP = """
set -e
base=$1; root=$2; shift 2
hostname machine
ip link set lo up
mount -t tmpfs tmpfs "$root"
mkdir "$root/upper" "$root/work" "$root/root"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$root/upper,workdir=$root/work" "$root/root"
cd "$root/root"
mount -t proc proc proc
mount --bind -o ro proc/sys proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
    touch dev/$device
    mount --bind /dev/$device dev/$device
done
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
mkdir dev/shm dev/pts old
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
pivot_root . old
umount --lazy /old
rmdir /old
mount --make-rshared /
exec setpriv --bounding-set=-sys_module,-sys_rawio,-sys_time \\
    env --ignore-environment container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
"""


@contextmanager
def debian(place: Path, packages: Sequence[str]) -> Iterator[Path]:
    """A minimal Debian of this machine's own release with these packages, in the directory `place`.

    Making it takes a minute or two: processes that want it at the same time share it; the last one removes it.
    """
    with place.with_suffix(".making").open("w") as making, place.with_suffix(".using").open("w") as using:
        flock(making, LOCK_EX)
        flock(using, LOCK_SH)
        if not place.exists():
            bootstrap(place, packages)
        flock(making, LOCK_UN)
        yield place
        flock(making, LOCK_EX)
        with suppress(BlockingIOError):
            flock(using, LOCK_EX | LOCK_NB)
            shutil.rmtree(place)


def bootstrap(place: Path, packages: Sequence[str]) -> None:
    """Makes that Debian."""
    if shutil.which("debootstrap") is None:
        pytest.fail("debootstrap is missing: apt-get install debootstrap")
    unfinished = place.with_suffix(".unfinished")
    suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", suite, str(unfinished)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    unfinished.rename(place)


class Machine:
    """A machine that starts as the system in `base`, with `init` as its first process."""

    def __init__(self, base: Path, init: Sequence[str] = SYSTEMD) -> None:
        self._base = base
        self._init = init
        self._place = Path(tempfile.mkdtemp(prefix="crmachine", dir="/tmp"))
        self._group = _control_groups() / self._place.name
        self._unshare: subprocess.Popen[bytes] | None = None
        self._pid = 0

    def __enter__(self) -> "Machine":
        self._group.mkdir()
        flags = ["--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc", "--net", "--cgroup"]
        script = f'echo $$ >{self._group}/cgroup.procs; exec unshare {" ".join(flags)} sh -c "$0" sh "$@"'
        command = ["sh", "-c", script, _SET_UP, str(self._base), str(self._place), *self._init]
        with (self._place / "log").open("wb") as log:
            self._unshare = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_for(self._has_booted, "the machine to boot", BOOT_SECONDS)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._unshare is not None:
            self._unshare.kill()
            self._unshare.wait(30)
        wait_for(lambda: "populated 0" in (self._group / "cgroup.events").read_text(), "all processes to end")
        for directory, _, _ in os.walk(self._group, topdown=False):
            Path(directory).rmdir()
        shutil.rmtree(self._place)

    def run(self, *command: str, fails: bool = False, data: bytes = b"") -> str:
        """What a command prints on both of its outputs; `data` is its input.  `fails`: that is what it must do."""
        argv = ["nsenter", f"--target={self._pid}", "--all", "--", "/usr/bin/env", "-i", "--chdir=/"]
        done = subprocess.run(
            [*argv, "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", *command],
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        output = done.stdout.decode(errors="replace")
        assert (done.returncode != 0) is fails, f"{' '.join(command)} -> {done.returncode}: {output}"
        return output

    def write(self, path: str, data: bytes) -> None:
        """Makes a file of the machine, and the directories above it."""
        self.run("install", "-D", "-m", "644", "/dev/stdin", path, data=data)

    def _has_booted(self) -> bool:
        assert self._unshare is not None
        assert self._unshare.poll() is None, (self._place / "log").read_text()
        self._pid = _first_child(self._unshare.pid)
        if (
            not self._pid
            or Path(f"/proc/{self._pid}/cmdline").read_bytes().split(b"\0")[0] != self._init[0].encode()
        ):
            return False
        if self._init != SYSTEMD:
            return True
        command = ["nsenter", f"--target={self._pid}", "--all", "systemctl", "is-system-running"]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
        return said in ("running", "degraded")


def _control_groups() -> Path:
    """Where the unified tree of control groups is."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(place)
    pytest.fail("no control groups of version 2: mount -t cgroup2 cgroup2 /sys/fs/cgroup")


def _first_child(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0]) if children else 0
