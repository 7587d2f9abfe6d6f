"""OpenLDAP's sync cookies: `rid=000,sid=001,csn=<csn>;<csn>,delcsn=<csn>`.

Owns what a cookie says, which is one CSN for each server (sid) that writes: what we hold of that server's
changes (ldapsync.c: slap_parse_sync_cookie).  Rule: what we send has no `sid`.  A provider's cookies name its
own, and a consumer that sends one is taken for that server: the changes that were written there are then
kept from it without a word (syncprov.c: syncprov_matchops).  Must not know messages nor when a cookie counts.

Known limits: a cookie of another kind of server (389 Directory Server) says nothing to us, as if there were
none, so that its refreshes are never authoritative: such servers are polled.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

# OpenLDAP 2.4 and later (schema_init.c: csnNormalize): time, change count, server, modification count.
CSN = re.compile(rb"\d{14}\.\d{6}Z#[0-9a-f]{6}#([0-9a-f]{3})#[0-9a-f]{6}")
TIME_FORMAT = "%Y%m%d%H%M%S.%f"
TIME_LENGTH = 21
CLOCK_ERROR = 60.0  # between two clocks that are kept right
RID = b"rid=000"  # tells consumers apart in slapd's log; slapd takes no cookie without one

Csns = Mapping[bytes, bytes]


def parse(cookie: bytes) -> dict[bytes, bytes]:
    """The newest CSN of each sid; nothing if the cookie has none or one that is malformed."""
    newest: dict[bytes, bytes] = {}
    for field in cookie.split(b","):
        name, _, value = field.partition(b"=")
        if name != b"csn":
            continue
        for csn in value.split(b";"):
            match = CSN.fullmatch(csn)
            if match is None:
                return {}
            _keep_newest(newest, match)
    return newest


def render(csns: Csns) -> bytes:
    """The cookie to store and to send; empty if there is no CSN."""
    if not csns:
        return b""
    return RID + b",csn=" + b";".join(csns[sid] for sid in sorted(csns))


def newest_of(csns: Csns, others: Csns) -> dict[bytes, bytes]:
    """The newest CSN of each sid in either."""
    newest = dict(csns)
    for sid, csn in others.items():
        if csn > newest.get(sid, b""):
            newest[sid] = csn
    return newest


def went_forward(before: bytes, after: bytes) -> bool:
    """Whether `after` holds a change of any server that `before` does not."""
    known = parse(before)
    return any(csn > known.get(sid, b"") for sid, csn in parse(after).items())


def is_ahead(cookie: bytes, now: float) -> bool:
    """Whether the cookie is of a time that has not come yet, `CLOCK_ERROR` seconds allowed."""
    times = _times(cookie.decode("ascii", "replace"))
    return any(time.timestamp() > now + CLOCK_ERROR for time in times.values())


def is_behind(position: str, cookie: bytes) -> bool:
    """Whether a directory with these contextCSN values lacks changes of any server that the cookie stands for.

    False if it tells no position.
    """
    theirs = _csns(position)
    return bool(theirs) and any(csn > theirs.get(sid, b"") for sid, csn in parse(cookie).items())


def lag_seconds(cookie: str, position: str) -> float | None:
    """How far a cookie is behind the contextCSN values in `position`, however these are joined.

    The greatest difference in time among the sids of `position`; None if there is nothing to compare.
    """
    ours, theirs = _times(cookie), _times(position)
    lags = [(theirs[sid] - ours[sid]).total_seconds() for sid in theirs.keys() & ours.keys()]
    return max(0.0, *lags) if lags else None


def _times(text: str) -> dict[bytes, datetime]:
    """The time of the newest CSN of each sid, but for those that no calendar has."""
    times = {}
    for sid, csn in _csns(text).items():
        with suppress(ValueError):
            times[sid] = datetime.strptime(csn[:TIME_LENGTH].decode(), TIME_FORMAT).replace(tzinfo=UTC)
    return times


def _csns(text: str) -> dict[bytes, bytes]:
    """The newest CSN of each sid, however they are joined."""
    newest: dict[bytes, bytes] = {}
    for match in CSN.finditer(text.encode("ascii", "replace")):
        _keep_newest(newest, match)
    return newest


def _keep_newest(newest: dict[bytes, bytes], match: re.Match[bytes]) -> None:
    csn, sid = match[0], match[1]
    if csn > newest.get(sid, b""):
        newest[sid] = csn
