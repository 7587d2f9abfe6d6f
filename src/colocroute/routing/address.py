"""Mail addresses as keys and as values: parse, fold, quote, and domains as A-labels.

Owns the two forms of an address.  The *key* form is what is compared: local part unquoted, Unicode NFC and
case-folded, domain as lower-case A-label.  The *answered* form is what Postfix is told: domain as lower-case
A-label, local part as it was written, quoted where RFC 5321 needs it.  Every text has an outcome: what is not
an address is None, never an exception, in time linear in its length.  Must not know users, maps or the wire.

Known limits: a local part that itself begins and ends with a quotation mark (`"\\"ab\\""@test.tux`) cannot be
told from a quoted one when it arrives in Postfix's unquoted form.  Domains are checked as Postfix checks them
(`valid_hostname.c`, `midna_domain.c`), not by the stricter IDNA 2008.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import idna
import msgspec

KEY_LIMIT = 10_000
"""Characters (bytes on the wire) of a key; Postfix 3.12 sends no longer ones (`dict_sockmap.c`)."""

UNICODE_LOCAL_PART_LIMIT = 1_000
"""Characters of a local part that is not ASCII: normalising combining marks takes quadratic time.

Postfix refuses longer addresses after expansion (`virtual_alias_address_length_limit`).
"""

DOMAIN_LIMIT = 253
"""Characters of a domain name, RFC 1035 section 2.3.4 without the root's length octets."""

VALUE_LIMIT = 320
"""Octets of an address or login in the directory: 64 + `@` + 255, RFC 5321 section 4.5.3.1."""

_plain = re.compile(
    r"(?=.{5,64}\Z)"  # so short that no label is over 63 octets
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]++(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]++)*+"
    r"@(?:[a-z0-9]++(?:-++[a-z0-9]++)*+\.)++[a-z]{2,}+"
).fullmatch
_plain_domain = re.compile(r"(?=.{3,63}\Z)(?:[a-z0-9]++(?:-++[a-z0-9]++)*+\.)++[a-z]{2,}+").fullmatch
_plain_login = re.compile(r"[a-z0-9._-]{1,64}").fullmatch
_unusable = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]").search
_label = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?").fullmatch
_number = re.compile(r"[0-9.]*").fullmatch
_quoted_string = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL).fullmatch
_quoted_pair = re.compile(r"\\(.)", re.DOTALL)
_needs_backslash = re.compile(r'(["\\])')
_dot_string = re.compile(r'[^ ()<>@,;:\\"\[\].]+(?:\.[^ ()<>@,;:\\"\[\].]+)*').fullmatch
_not_a_login = re.compile(r'[\s,<>"*\[\]\x00-\x1f\x7f-\x9f\ud800-\udfff]').search


class Address(msgspec.Struct, frozen=True):
    """An address taken apart: `local` unquoted and otherwise as written, `domain` a lower-case A-label."""

    local: str
    domain: str


def decode_key(key: bytes) -> str | None:
    """The text of a key as it came over the wire, None if it is not UTF-8 or over `KEY_LIMIT` bytes."""
    if len(key) > KEY_LIMIT:
        return None
    try:
        return key.decode()
    except UnicodeDecodeError:
        return None


def all_plain(texts: Iterable[str]) -> bool:
    """Whether each address is its own key and its own answered form, as most of any directory are."""
    return all(map(_plain, texts))


def fold(text: str) -> str | None:
    """The key form of an address, None for what is no usable address.

    The domain begins after the last `@`.  A quoted local part (RFC 5321 section 4.1.2) and the unquoted form
    that Postfix sends second (`mail_addr_find.c`) give the same key.
    """
    if _plain(text):
        return text
    if text.isascii() and _plain(lower := text.lower()):
        return lower
    address = parse(text)
    return None if address is None else key_of(address)


def parse(text: str) -> Address | None:
    """Takes an address apart; None for what is no usable address."""
    if len(text) > KEY_LIMIT or _unusable(text):
        return None
    quoted, _, host = text.rpartition("@")
    local = _unquote(quoted)
    domain = fold_domain(host)
    if not local or domain is None:
        return None
    if len(local) > UNICODE_LOCAL_PART_LIMIT and not local.isascii():
        return None
    return Address(local, domain)


def key_of(address: Address) -> str:
    """The key form of a parsed address."""
    return f"{fold_text(address.local)}@{address.domain}"


def domain_of(address: str) -> str:
    """The domain of an address in key or answered form (neither has an `@` in its domain)."""
    return address.rpartition("@")[2]


def render(address: Address) -> str:
    """The answered form, quoted exactly where Postfix quotes (`quote_822_local.c`)."""
    local = address.local
    if not _dot_string(local):
        local = '"' + _needs_backslash.sub(r"\\\1", local) + '"'
    return f"{local}@{address.domain}"


def fold_text(text: str) -> str:
    """Text without regard to case and composition, as Postfix folds (`casefold.c`)."""
    if text.isascii():
        return text.lower()
    normal = unicodedata.normalize("NFC", text)
    return unicodedata.normalize("NFC", normal.casefold())


def fold_login(text: str) -> str | None:
    """The key form of a login; None where a list of logins could not hold it (`smtpd_sender_login_maps`)."""
    if not text or len(text) > VALUE_LIMIT or _not_a_login(text):
        return None
    return fold_text(text)


def is_plain_but_for_case(text: str) -> bool:
    """Whether an address is its own answered form but for the case of its domain."""
    return text.isascii() and _plain(text.lower()) is not None


def all_plain_logins(texts: Iterable[str]) -> bool:
    """Whether each login is its own key."""
    return all(map(_plain_login, texts))


def fold_domain(text: str) -> str | None:
    """A domain name as lower-case A-label, None if Postfix would refuse it.

    U-labels are mapped by UTS 46, non-transitional.  One trailing dot is dropped (`resolve.c`).  Address
    literals and names of digits only are refused, underscores are not (`valid_hostname.c`).
    """
    if _plain_domain(text):
        return text
    if not text or len(text) > DOMAIN_LIMIT + 1 or _unusable(text):
        return None
    return _fold_unusual_domain(text)


@lru_cache(maxsize=1024)
def _fold_unusual_domain(text: str) -> str | None:
    try:
        mapped = idna.uts46_remap(text, std3_rules=False)
    except idna.IDNAError:
        return None
    labels = [_ascii_label(label) for label in mapped.removesuffix(".").split(".")]
    domain = ".".join(labels)
    if len(domain) > DOMAIN_LIMIT or _number(domain) or not all(map(_label, labels)):
        return None
    return domain


def _ascii_label(label: str) -> str:
    if label.isascii():
        return label
    return "xn--" + label.encode("punycode").decode("ascii")


def _unquote(local: str) -> str:
    quoted = _quoted_string(local)
    return _quoted_pair.sub(r"\1", quoted[1]) if quoted else local
