"""The one resolution: from a key to the users it means, by the same steps for every map.

Owns the order of the steps (DESIGN.md section 5): exact public address, exact current route address, exact
former route address; the same without the extension; last, where a map wants it, the catch-all.  Also owns
what may be said when nothing is found, and which route several users have in common.  Must not know what a
map answers.

Its rule: a wrong no bounces mail, a wrong yes discloses it, a wrong later only delays it.

Known limit: of the users that share a key, two with different routes decide the answer, and as many are looked at
as it takes to meet them.  Where all agree that is every one, as it is where an answer names or compares all
(`generic`, `sender_login`, servers): some 50 ms for 20,000 users.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Literal

import msgspec

from colocroute.model import NOT_FOUND, Answer, State, TempFail, User
from colocroute.routing.address import VALUE_LIMIT, Address, domain_of, fold, key_of, parse
from colocroute.routing.extension import split
from colocroute.routing.topology import classify
from colocroute.routing.view import View

SHOWN_LIMIT = 100
"""Characters of a key that are repeated in a reason, which Postfix logs up to 200 (`dict_sockmap.c`)."""


class How(Enum):
    """The step at which a key was found."""

    ADDRESS = "public address"
    ROUTE = "route address"
    FORMER = "former route address"
    CATCH_ALL = "catch-all"


class Question(msgspec.Struct, frozen=True, gc=False):
    """A usable key in a domain of ours: the text as asked, its folded form, and whose domain it is."""

    text: str
    key: str
    domain: str
    domain_class: Literal["public", "site"]


class Match(msgspec.Struct, frozen=True, gc=False):
    """Who a key means: at least one user, the folded key that was found, the extension it had to lose."""

    users: Sequence[User]
    how: How
    key: str
    extension: str = ""


def question(view: View, text: str) -> Question | None:
    """The key to look up, or None for what is NotFound in every state: no address, or a foreign domain.

    Does not touch the users: mail to the rest of the world must flow whatever the mirror's state.
    """
    key = fold(text)
    if key is None:
        return None
    domain = domain_of(key)
    domain_class = classify(view, domain)
    return None if domain_class == "foreign" else Question(text, key, domain, domain_class)


def resolve(view: View, asked: Question) -> Match | None:
    """Who the key means, without regard to the catch-all."""
    match = _exact(view, asked, asked.key, "")
    delimiters = view.rules.recipient_delimiter
    if match is not None or not any(delimiter in asked.text for delimiter in delimiters):
        return match
    address = parse(asked.text)
    if address is None:
        return None
    base, extension = split(address.local, delimiters)
    return _exact(view, asked, key_of(Address(base, asked.domain)), extension) if extension else None


def resolve_or_catch_all(view: View, asked: Question) -> Match | None:
    """Who the key means, or who takes all that nobody else has in a public domain."""
    match = resolve(view, asked)
    if match is not None or asked.domain_class != "public":
        return match
    key = f"@{asked.domain}"
    users = view.owners(key)
    return Match(users, How.CATCH_ALL, key) if users else None


def absent(view: View, key: str) -> Answer:
    """What is said of a key of ours that was not found (DESIGN.md section 4)."""
    state = view.state
    if state is State.LIVE or (state is State.STALE and view.rules.reject_when_stale):
        return NOT_FOUND
    return TempFail(f"mirror is {state.value}, cannot deny {shown(key)}")


def route_of(view: View, match: Match) -> str | TempFail:
    """The one current route of all the users, in one spelling; TempFail if there is no such thing."""
    if match.how is How.ROUTE:
        route = _one_spelling(match.users, match.key)
    else:
        common = _common_route(match)
        if isinstance(common, TempFail):
            return common
        route, key = common, fold(common) or common
        if route != key:
            # Others who share the mailbox may write it otherwise, and Postfix drops equal spellings only.
            route = _one_spelling(view.residents(key), key)
    if domain_of(route) not in view.topology.sites:
        return TempFail(f"{shown(match.key)} has a route into a domain that is no site's: {shown(route)}")
    return route


def _common_route(match: Match) -> str | TempFail:
    """The one route of all the users, as the first of them writes it.  Two decide, whatever the others have."""
    spelled: dict[str | None, str] = {}
    is_lacking = False
    for user in match.users:
        for route in user.routes:
            spelled.setdefault(fold(route), route)
        if len(spelled) > 1:
            return TempFail(f"{shown(match.key)} has several routes")
        is_lacking = is_lacking or not user.routes
    if is_lacking:
        return TempFail(f"{shown(match.key)} belongs to an entry without a usable route")
    (route,) = spelled.values()
    return route


def _one_spelling(residents: Sequence[User], key: str) -> str:
    """The route address `key` as it is answered, however many write it each in their way.

    The key itself if anybody writes it so: who does need not look for others.
    """
    written: set[str] = set()
    for user in residents:
        written.update(route for route in user.routes if fold(route) == key)
        if key in written:
            return key
    return min(written)


def owners_disagree(users: Sequence[User]) -> bool:
    """Whether the users have different routes, so that one address of all of them means nobody."""
    routes = (frozenset(map(fold, user.routes)) for user in users)
    first = next(routes, None)
    return any(each != first for each in routes)


def shown(text: str) -> str:
    """A key as part of a one-line reason."""
    return f"<{text}>" if len(text) <= SHOWN_LIMIT else f"<{text[:SHOWN_LIMIT]}...>"


def _exact(view: View, asked: Question, key: str, extension: str) -> Match | None:
    """Public address, current route, former route.  Address values in a site domain are not honoured."""
    if len(key) > VALUE_LIMIT:
        return None
    if asked.domain_class == "public" and (users := view.owners(key)):
        return Match(users, How.ADDRESS, key, extension)
    if users := view.residents(key):
        return Match(users, How.ROUTE, key, extension)
    if users := view.former_residents(key):
        return Match(users, How.FORMER, key, extension)
    return None
