"""The address extension: what follows the recipient delimiter in a local part.

Owns Postfix's rule of where it begins (`src/global/split_addr.c`).  Must not know domains, users or maps.
"""

from colocroute.routing.address import fold_text

NEVER_SPLIT = frozenset({"postmaster", "mailer-daemon", "double-bounce"})
"""`mail_addr.h`; the last is the default of Postfix's `double_bounce_sender`."""


def split(local: str, delimiters: str) -> tuple[str, str]:
    """The base of an unquoted local part, and its extension as written with its delimiter, or empty.

    `delimiters` is `recipient_delimiter` of main.cf: each of its characters is one.  With `-` among them,
    `owner-list` and `list-request` stay whole (`owner_request_special`).
    """
    position = next((at for at, character in enumerate(local) if character in delimiters), 0)
    if position == 0 or _is_reserved(local, delimiters):
        return local, ""
    return local[:position], local[position:]


def _is_reserved(local: str, delimiters: str) -> bool:
    folded = fold_text(local)
    if "-" in delimiters and (folded.startswith("owner-") or folded.endswith("-request")):
        return True
    return folded in NEVER_SPLIT
