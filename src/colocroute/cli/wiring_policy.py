"""The policy service in `smtpd_recipient_restrictions`, among what the operator has there.

Owns our entry: how it is put in, known again, moved to another listener and taken out.  Its rule: nothing but
our own entry is changed.  Pure.

Limit: an entry that stands in another parameter, which this one names by `$`, is not seen.
"""

import re

SECONDS = 10  # a worker answers in microseconds; the default of 100 s would hold up a whole session
RESTRICTIONS = "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination"
UNLISTED = "reject_unlisted_recipient"

CONTEXT = "policy_context=colocroute"
"""What marks the entry as ours (postconf(5), Postfix 3.1); the service does not look at it."""

_ours = re.compile(
    rf"(?P<before>check_policy_service\s*{{\s*)(?P<endpoint>[^\s,{{}}]+)(?P<after>[^{{}}]*\b{CONTEXT}\b[^{{}}]*}})"
)
_ours_and_ends = re.compile(rf"(?:{UNLISTED}[\s,]+)?{_ours.pattern}[\s,]*")


def with_policy(restrictions: str, endpoint: str) -> str:
    """The restrictions with `endpoint` asked: by our entry, at the front, unless it or another stands already."""
    if _ours.search(restrictions):
        return _ours.sub(lambda entry: f"{entry['before']}{endpoint}{entry['after']}", restrictions)
    if endpoint in re.split(r"[\s,{}]+", restrictions):
        return restrictions
    check = f"check_policy_service {{ {endpoint}, timeout={SECONDS}s, default_action=DEFER_IF_PERMIT, {CONTEXT} }}"
    return f"{UNLISTED}, {check}, {restrictions or RESTRICTIONS}"


def our_endpoint(restrictions: str) -> str:
    """Where our entry leads, as Postfix writes it; empty if it is not there."""
    found = _ours.search(restrictions)
    return found["endpoint"] if found else ""


def without_policy(restrictions: str) -> str:
    """The restrictions without our entry: one that leads nowhere would defer all mail."""
    return _ours_and_ends.sub("", restrictions).rstrip(", ") if _ours.search(restrictions) else restrictions
