"""The load generator in C: compiled once, kept in the user's cache, run.

Owns the compiler's command, the cache and the conversation with the program.  Python reaches a third of its
rate, so that it would be the generator that is measured.
"""

import os
import platform
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

import msgspec

from colocroute.bench.load import GRACE_SECONDS, Load, Progress, Result, failed
from colocroute.errors import ColocrouteError, UsageError

SOURCE = Path(__file__).with_name("load.c")
COMPILER = ("cc", "-O2", "-std=gnu11")
COMPILE_SECONDS = 60
OVERTIME_SECONDS = 15  # connecting and reading the requests


class CompilerError(ColocrouteError):
    """There is no program and none can be made; the text says why."""


def cache_directory() -> Path:
    """Where compiled programs are kept (XDG Base Directory Specification).  Raises `CompilerError`."""
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path("~/.cache").expanduser()) / "colocroute"
    except RuntimeError:  # neither HOME nor an entry in passwd
        reason = "there is no home directory to keep the compiled generator in (XDG_CACHE_HOME names another place)"
        raise CompilerError(reason) from None


def build(source: Path = SOURCE, directory: Path | None = None, *options: str) -> Path:
    """The program made of a C source; compiled unless the cache has it.  Raises `CompilerError`."""
    directory = cache_directory() if directory is None else directory
    command = (*COMPILER, *options)
    text = source.read_bytes()
    mark = sha256(b"\0".join([text, platform.machine().encode(), *map(str.encode, command)])).hexdigest()
    program = directory / f"{source.stem}-{mark[:16]}"
    if not os.access(program, os.X_OK):
        _compile(command, source, program)
    return program


def _compile(command: tuple[str, ...], source: Path, program: Path) -> None:
    try:
        program.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=program.parent) as aside:
            made = Path(aside) / program.name
            _call((*command, "-o", str(made), str(source)))
            made.replace(program)
    except OSError as error:
        raise CompilerError(f"{program.parent}: {error.strerror or error}") from error
    if not os.access(program, os.X_OK):
        raise CompilerError(f"{program} cannot be run (is the file system mounted noexec?)")


def _call(command: tuple[str, ...]) -> None:
    compiler = command[0]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_SECONDS, check=False)
    except FileNotFoundError:
        raise CompilerError(f"there is no C compiler ({compiler})") from None
    except subprocess.TimeoutExpired:
        raise CompilerError(f"{compiler} took over {COMPILE_SECONDS} s") from None
    except OSError as error:
        raise CompilerError(f"{compiler}: {error.strerror or error}") from error
    if done.returncode:
        first = (done.stderr.strip().splitlines() or ["no reason given"])[0]
        raise CompilerError(f"{compiler} failed: {first}")


def run(program: Path, load: Load, progress: Progress, prefix: tuple[str, ...] = ()) -> Result:
    """One measurement; `prefix` goes before the command.  Raises `TemporaryError` and `UsageError`."""
    command = [
        *prefix,
        str(program),
        load.address,
        load.protocol.value,
        str(load.requests),
        str(load.connections),
        str(load.warmup),
        str(load.seconds),
        str(load.rate),
    ]
    last = b""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            if process.stdout is None or process.stderr is None:
                raise AssertionError("both were asked for")
            for line in process.stdout:
                if last:
                    progress(msgspec.json.decode(last)["done"])
                last = line
            complaint = process.stderr.read().decode(errors="replace").strip()
            code = process.wait(load.warmup + load.seconds + GRACE_SECONDS + OVERTIME_SECONDS)
        except BaseException:
            process.kill()
            raise
    if code == os.EX_USAGE:
        raise UsageError(complaint)
    if code:
        raise failed(load, complaint.removeprefix(f"{load.address}: ") or f"the generator ended with {code}")
    return msgspec.json.decode(last, type=Result)
