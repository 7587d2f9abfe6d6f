"""Which keys are asked for, and how they are framed."""

from collections import Counter
from pathlib import Path

import pytest

from colocroute.bench import requests
from colocroute.bench.load import Protocol
from colocroute.bench.requests import Mix, Order
from colocroute.errors import UsageError

KEYS = [b"user%d@test.tux" % number for number in range(100)]


def chosen(number: int = 10_000, **mix: object) -> list[bytes]:
    return list(requests.choose(KEYS, Mix(**mix), number))  # type: ignore[arg-type]  # fields of Mix


def test_once_means_every_key_before_any_comes_again() -> None:
    keys = chosen(250, order=Order.ONCE)
    assert sorted(keys[:100]) == sorted(KEYS)
    assert keys[:100] == keys[100:200] != KEYS


def test_uniform_and_zipf_differ_in_the_most_frequent_key() -> None:
    uniform = Counter(chosen(order=Order.UNIFORM)).most_common(1)[0][1]
    zipf = Counter(chosen(order=Order.ZIPF)).most_common(1)[0][1]
    assert uniform < 200 < 1500 < zipf < 2500  # 1 / H(100) is 0.193


def test_shares_are_kept_and_unknown_keys_are_in_a_domain_of_ours() -> None:
    keys = chosen(unknown=0.1, foreign=0.2)
    unknown = [key for key in keys if key not in KEYS and key.endswith(b"@test.tux")]
    foreign = [key for key in keys if key.endswith(b"@foreign.example")]
    assert 800 < len(unknown) < 1200 and 1800 < len(foreign) < 2200
    assert len({*unknown, *foreign}) == len(unknown) + len(foreign)
    assert len(keys) == 10_000


def test_the_same_seed_asks_for_the_same() -> None:
    assert chosen(seed=7, unknown=0.5) == chosen(seed=7, unknown=0.5) != chosen(seed=8, unknown=0.5)


def test_without_a_number_there_are_enough_requests_for_all_keys() -> None:
    assert sum(1 for _ in requests.choose(KEYS, Mix())) == requests.PREPARED


def test_no_keys_are_an_error() -> None:
    with pytest.raises(UsageError, match="no keys"):
        requests.choose([], Mix())


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "requests"
    assert requests.write(path, [b"a", b"b c"], requests.framing(Protocol.SOCKETMAP, "m")) == 2
    assert requests.read(path) == [b"3:m a,", b"5:m b c,"]
    requests.write(path, [b"a", b"b c"], requests.framing(Protocol.TCP_TABLE, "m"))
    assert requests.read(path) == [b"get a\n", b"get b%20c\n"]


def test_a_map_that_the_protocol_cannot_name_is_an_error() -> None:
    with pytest.raises(UsageError):
        requests.framing(Protocol.SOCKETMAP, "a b")(b"key")
