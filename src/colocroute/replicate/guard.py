"""The guard: whether the mirror may lose what the directory says is gone.

Owns the arithmetic of DESIGN.md section 4; pure.  An emptied or half-filled replica is formally valid LDAP,
so the size of a loss is the only sign of it.  Must not know where the numbers come from.
"""

import msgspec


class GuardRules(msgspec.Struct, frozen=True):
    """The `[guard]` section: both limits must be passed for a refusal; `window` is in seconds."""

    max_shrink_percent: float = 10.0
    max_shrink_entries: int = 20
    window: float = 600.0


class Loss(msgspec.Struct, frozen=True):
    """What a change would do: counts before it, after it, and what was lost already within the window.

    An entry that stays and loses all its addresses counts as removed: its mail would be denied like any other's.
    """

    entries: int
    removed: int
    removed_before: int
    users: int
    users_after: int
    sites: int
    sites_after: int
    addresses: int = 0
    addresses_after: int = 0


def refusal(rules: GuardRules, loss: Loss, approved: int = 0) -> str:
    """Why the change must be refused, or an empty string.

    `approved` is the number of removals the operator has let through: a loss that is larger is judged anew.
    """
    if approved and loss.removed <= approved:
        return ""
    if loss.users and not loss.users_after:
        return f"all {loss.users} users would be gone"
    if loss.removed and loss.addresses and not loss.addresses_after:
        return f"all {loss.addresses} addresses would be gone"
    if loss.sites and not loss.sites_after:
        return f"all {loss.sites} sites would be gone"
    removed = loss.removed + loss.removed_before
    if not loss.removed or removed <= rules.max_shrink_entries:
        return ""
    whole = loss.entries + loss.removed_before
    percent = 100.0 * removed / whole if whole else 0.0
    if percent <= rules.max_shrink_percent:
        return ""
    return (
        f"{removed} of {whole} entries ({percent:.1f} %) would be gone within {rules.window:g} s, "
        f"more than {rules.max_shrink_percent:g} % and more than {rules.max_shrink_entries}"
    )
