"""One measurement with the load generator of `colocroute bench`, by one call."""

from pathlib import Path

from colocroute.bench import compiled
from colocroute.bench.load import Load, Protocol, Result


def warmup(seconds: float) -> float:
    """Seconds that a load of `seconds` goes on before it is counted."""
    return min(0.3, seconds / 4)


def run(
    address: str,
    requests: Path,
    *,
    connections: int = 64,
    seconds: float = 2.0,
    rate: float = 0.0,
    prefix: tuple[str, ...] = (),
    clean: bool = True,
) -> Result:
    """What a load of so many connections finds; every request must be answered, unless not `clean`.

    `prefix` goes before the command of the generator.
    """
    load = Load(
        address=address,
        protocol=Protocol.SOCKETMAP,
        requests=requests,
        connections=connections,
        warmup=warmup(seconds),
        seconds=seconds,
        rate=rate,
    )
    result = compiled.run(compiled.build(), load, lambda _done: None, prefix)
    if clean and not (result.done and result.done == result.ok + result.notfound):
        raise AssertionError(
            f"{address}: not every request was answered: {result.ok} found, {result.temp} TEMP"
        )
    return result
