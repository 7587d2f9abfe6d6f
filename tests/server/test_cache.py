"""The cache: what is kept, for how long, how much of it."""

from colocroute.server.cache import ENTRY_BYTES, NOTED, ReplyCache


def kept(cache: ReplyCache, stamp: int, request: bytes, reply: bytes = b"reply") -> bytes | None:
    for _ in range(2):
        cache.keep(stamp, request, reply)
    return cache[request]


def test_a_reply_is_kept_when_its_request_comes_again() -> None:
    cache = ReplyCache(10)
    cache.keep(2, b"a", b"reply")
    assert cache[b"a"] is None
    for number in range(100):
        cache.keep(2, b"%d" % number, b"other")
    assert len(cache) == 0
    cache.keep(2, b"a", b"reply")
    assert cache[b"a"] == b"reply"


def test_what_came_before_a_commit_is_kept_at_once_after_it() -> None:
    cache = ReplyCache(10)
    assert kept(cache, 2, b"a") == b"reply"
    cache.keep(4, b"a", b"other")
    assert cache[b"a"] == b"other"


def test_the_requests_remembered_are_bounded() -> None:
    cache = ReplyCache(10)
    for number in range(2 * NOTED):
        cache.keep(2, b"%d" % number, b"reply")
    assert len(cache._noted) == NOTED


def test_what_is_kept_is_found() -> None:
    cache = ReplyCache(10)
    assert cache[b"a"] is None
    assert kept(cache, 2, b"a") == b"reply"
    assert cache.stamp == 2


def test_a_new_stamp_drops_everything() -> None:
    cache = ReplyCache(10)
    assert kept(cache, 2, b"a") == b"reply"
    assert kept(cache, 4, b"b", b"other") == b"other"
    assert cache.stamp == 4
    assert cache[b"a"] is None


def test_a_negative_stamp_keeps_nothing_and_drops_nothing() -> None:
    cache = ReplyCache(10)
    assert kept(cache, 2, b"a") == b"reply"
    assert kept(cache, -1, b"b") is None
    assert (cache.stamp, cache[b"a"]) == (2, b"reply")


def test_no_stamp_equals_that_of_an_empty_cache() -> None:
    cache = ReplyCache(10)
    assert cache.stamp not in (-1, 0)


def test_the_number_of_entries_is_bounded() -> None:
    cache = ReplyCache(3)
    for number in range(10):
        kept(cache, 2, b"%d" % number)
    assert list(cache) == [b"7", b"8", b"9"]


def test_the_size_of_an_entry_is_bounded() -> None:
    cache = ReplyCache(3)
    assert kept(cache, 2, b"a" * (ENTRY_BYTES - 5)) == b"reply"
    assert kept(cache, 2, b"b" * (ENTRY_BYTES - 4)) is None
    assert kept(cache, 2, b"c", b"r" * ENTRY_BYTES) is None
