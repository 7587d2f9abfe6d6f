"""Invariant: any bytes have one answer in every map and state, and all spellings of an address have the same.

Permitted exceptions: none, because whatever is not a usable key is NotFound.
"""

from colocroute.model import Answer, Found, NotFound, State, TempFail
from colocroute.routing import address, nexthop
from colocroute.routing.maps import MAPS, answer
from colocroute.routing.memory import MemoryView
from colocroute.routing.policy import action
from colocroute.routing.view import Rules
from fuzz import driver
from tests.vectors import HERE, RULES, VECTORS, company_records

VIEWS = [MemoryView(company_records(), rules=RULES, here=HERE, state=state) for state in State]
LIVE = VIEWS[list(State).index(State.LIVE)]


def seeds() -> list[bytes]:
    """The keys of the vectors, each once; nexthops are fuzzed too."""
    nexthops = [
        value.encode() for record in company_records() if record.site for value in record.site.nexthops
    ]
    return [*dict.fromkeys(vector.key for vector in VECTORS), *nexthops]


def check(data: bytes) -> None:
    """Raises AssertionError if the invariant does not hold for these bytes."""
    text = address.decode_key(data)
    if text is None:
        text = data.decode("utf-8", "surrogateescape")
        assert len(data) > address.KEY_LIMIT or address.fold(text) is None
    _check_address(text)
    _check_nexthop(text)
    for view in VIEWS:
        for map_name in MAPS:
            _check_answer(answer(view, map_name, text), view, map_name)
        said = action(view, {"sender": text, "recipient": text}, servers=(), trusted=())
        assert said.isascii()
        assert said.isprintable()


def _check_address(text: str) -> None:
    key, parsed = address.fold(text), address.parse(text)
    if parsed is None:
        assert key is None
        return
    assert key == address.key_of(parsed)
    assert address.domain_of(key) == parsed.domain == address.fold_domain(parsed.domain)
    external = address.render(parsed)
    assert address.parse(external) == parsed, "quoted form is another address"
    unquoted = f"{parsed.local}@{parsed.domain}"
    looks_quoted = parsed.local.startswith('"') and parsed.local.endswith('"')
    assert looks_quoted or address.fold(unquoted) == key, "unquoted form has another key"
    for map_name in MAPS:
        assert answer(LIVE, map_name, text) == answer(LIVE, map_name, external)


def _check_nexthop(text: str) -> None:
    outcome = nexthop.parse(text, Rules().transports)
    if isinstance(outcome, nexthop.Nexthop):
        assert nexthop.parse(outcome.text, Rules().transports) == outcome
        outcome.text.encode()


def _check_answer(said: Answer, view: MemoryView, map_name: str) -> None:
    match said:
        case Found(value):
            assert value.strip()
            assert not set(value.encode()) & {*range(32), 127}
        case TempFail(reason):
            assert reason.strip()
            assert "\n" not in reason
            assert map_name != "generic", "smtp(8) dies of it"
            reason.encode()
        case NotFound():
            pass
    assert view.state is not State.EMPTY or not isinstance(said, Found) or map_name == "virtual_alias_domains"


def main() -> None:
    """Fuzzes under atheris."""
    driver.run(check, seeds)


if __name__ == "__main__":
    main()
