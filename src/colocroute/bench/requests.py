"""The requests of a measurement: which keys, in which order, framed and ready to be sent.

Owns the choice and the file that the generators read.  The same seed gives the same requests.
"""

import itertools
import random
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from pathlib import Path

import msgspec

from colocroute.bench.load import Protocol
from colocroute.errors import UsageError
from colocroute.wire import socketmap, tcp_table

PREPARED = 500_000  # requests, if the keys do not ask for more: a second of work, and 30 MB
LENGTH = struct.Struct("=I")


class Order(Enum):
    """How keys follow each other."""

    ONCE = "once"  # each key once, then all again: no cache smaller than all of them helps
    UNIFORM = "uniform"
    ZIPF = "zipf"  # the n-th key as often as 1/n: a few addresses get most of the mail


class Mix(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for: shares are from 0 to 1; `unknown` keys have a domain of ours, `foreign` ones do not."""

    order: Order = Order.UNIFORM
    unknown: float = 0.0
    foreign: float = 0.0
    seed: int = 1


def choose(keys: Sequence[bytes], mix: Mix, number: int = 0) -> Iterator[bytes]:
    """`number` keys (0: as many as makes sense) by the mix; raises `UsageError` if there are none."""
    if not keys:
        raise UsageError("there are no keys to ask for")
    rand = random.Random(mix.seed)
    number = number or (max(PREPARED, len(keys)) if mix.order is Order.ONCE else PREPARED)
    return itertools.islice(_mixed(_ordered(keys, mix.order, rand, number), mix, rand), number)


def _ordered(keys: Sequence[bytes], order: Order, rand: random.Random, number: int) -> Iterable[bytes]:
    if order is Order.UNIFORM:
        return rand.choices(keys, k=number)
    shuffled = list(keys)
    rand.shuffle(shuffled)
    if order is Order.ONCE:
        return itertools.cycle(shuffled)
    weights = list(itertools.accumulate(1 / rank for rank in range(1, len(shuffled) + 1)))
    return rand.choices(shuffled, cum_weights=weights, k=number)


def _mixed(keys: Iterable[bytes], mix: Mix, rand: random.Random) -> Iterator[bytes]:
    if not mix.unknown and not mix.foreign:
        yield from keys
        return
    foreign = mix.unknown + mix.foreign
    for key in keys:
        chance = rand.random()
        if chance < mix.unknown:
            yield b"nobody-%012x@%b" % (rand.getrandbits(48), key.rpartition(b"@")[2])
        elif chance < foreign:
            yield b"somebody-%012x@foreign.example" % rand.getrandbits(48)
        else:
            yield key


def framing(protocol: Protocol, map_name: str) -> Callable[[bytes], bytes]:
    """The function from a key to a request; it raises `UsageError` for what the protocol cannot say."""
    if protocol is Protocol.TCP_TABLE:
        return tcp_table.encode_request
    name = map_name.encode()
    return lambda key: socketmap.encode_request(name, key)


def write(path: Path, keys: Iterable[bytes], frame: Callable[[bytes], bytes]) -> int:
    """Writes the requests, each behind its length; returns how many."""
    number = 0
    with path.open("wb") as file:
        for key in keys:
            request = frame(key)
            file.write(LENGTH.pack(len(request)) + request)
            number += 1
    return number


def read(path: Path) -> list[bytes]:
    """What `write` wrote."""
    data = path.read_bytes()
    found = []
    at = 0
    while at < len(data):
        (length,) = LENGTH.unpack_from(data, at)
        at += LENGTH.size
        found.append(data[at : at + length])
        at += length
    return found
