"""Whole replies, ready to be sent, by the bytes of the request that they answer.

Owns how long a reply may be repeated: while the answering's stamp is the one at which it was computed, never
longer.  Rule: the stamp is read before the answer is computed, and again after a request for it has begun to
arrive.  Must not know any protocol: the keys are bytes, so each listener needs a cache of its own.

First in, first out, because a hit then changes nothing: half the time of least recently used.  A reply is kept
when its request comes again before it is forgotten, so that a flood of addresses that come once, as senders of
spam try them, neither drives out those that come always nor pays for being kept.
"""

from cachetools import FIFOCache

# Replies a worker keeps for all its listeners together: with `ENTRY_BYTES` and the containers at most 14 MB.
CACHE_ENTRIES = 16_384

# Requests of a listener remembered without their replies, by their hashes: 0.7 MB.
NOTED = 16_384

# Longest request and reply that are kept, together; longer addresses exist on paper.
ENTRY_BYTES = 512


class ReplyCache(FIFOCache[bytes, bytes | None]):
    """`cache[request]` is the reply or None, to be used only while `cache.stamp` is the current stamp."""

    def __init__(self, entries: int = CACHE_ENTRIES) -> None:
        super().__init__(entries)
        self.stamp: int | None = None
        self._noted = [0] * NOTED

    def __missing__(self, request: bytes) -> None:
        """None instead of `KeyError`, which costs more than most answers."""
        return

    def keep(self, stamp: int, request: bytes, reply: bytes) -> None:
        """Keeps a reply that was computed after `stamp` was read, unless that is negative or the request new.

        A new stamp drops all that was kept under the old one; that costs no more than keeping it did.
        """
        if stamp < 0 or len(request) + len(reply) > ENTRY_BYTES:
            return
        if stamp != self.stamp:
            self.clear()
            self.stamp = stamp
        digest = hash(request)
        if self._noted[digest % NOTED] == digest:
            self[request] = reply
        else:
            self._noted[digest % NOTED] = digest
