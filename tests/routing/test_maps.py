"""Every map against the shared vectors, and what holds for all of them."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colocroute.model import NOT_FOUND, Answer, Found, NotFound, State, TempFail
from colocroute.routing.address import decode_key, fold, fold_text
from colocroute.routing.maps import MAPS, answer, unknown
from colocroute.routing.view import Rules, View
from tests.routing.worlds import UnreadableView, company, value
from tests.vectors import RULE_VECTORS, RULES, STATE_VECTORS, VECTORS, Kind, Vector
from tests.vectors.vector import ADDRESS_MAPS, DOMAIN_MAPS, FOREIGN_KEYS, UNUSABLE_KEYS, encoded

VIEWS = {state: company(state) for state in State}
LIVE = VIEWS[State.LIVE]


def asked(view: View, map_name: str, key: bytes) -> Answer:
    """What the joint between wire and maps answers to bytes."""
    text = decode_key(key)
    if text is None:
        return NOT_FOUND if map_name in MAPS else unknown(map_name)
    return answer(view, map_name, text)


def wrong(view: View, vectors: list[Vector]) -> list[tuple[Vector, Answer]]:
    """The vectors that do not hold, with what was answered."""
    kinds = {Found: Kind.FOUND, NotFound: Kind.NOT_FOUND, TempFail: Kind.TEMP}
    outcomes = [(vector, asked(view, vector.map_name, vector.key)) for vector in vectors]
    return [
        (vector, said)
        for vector, said in outcomes
        if (kinds[type(said)], getattr(said, "value", "")) != (vector.kind, vector.value)
    ]


def test_live() -> None:
    assert len(VECTORS) > 150
    assert {vector.map_name for vector in VECTORS} - {"no_such_map"} == set(MAPS)
    assert wrong(LIVE, VECTORS) == []


@pytest.mark.parametrize("state", [State.EMPTY, State.STALE, State.HELD])
def test_states(state: State) -> None:
    assert wrong(VIEWS[state], STATE_VECTORS[state]) == []


@pytest.mark.parametrize(("rules", "vectors"), RULE_VECTORS)
def test_rules(rules: Rules, vectors: list[Vector]) -> None:
    assert wrong(company(rules=rules), vectors) == []


def test_a_vector_that_does_not_hold_is_seen() -> None:
    vector = Vector("virtual_alias", b"anna@test.tux", Kind.FOUND, "bob@central.test.tux")
    assert wrong(LIVE, [vector]) == [(vector, Found("anna@external.test.tux"))]


def test_a_stale_mirror_may_be_told_to_reject() -> None:
    rejecting = company(State.STALE, rules=Rules(domains=RULES.domains, reject_when_stale=True))
    assert wrong(rejecting, [*VECTORS]) == []


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("map_name", MAPS)
def test_foreign_and_unusable_keys_are_denied_without_the_mirror(map_name: str, state: State) -> None:
    view = UnreadableView(state)
    for key in (*UNUSABLE_KEYS, *FOREIGN_KEYS):
        assert asked(view, map_name, encoded(key)) == NOT_FOUND, key


def test_an_empty_mirror_is_not_touched_either() -> None:
    view = UnreadableView(State.EMPTY)
    for map_name in ADDRESS_MAPS:
        for key in ("anna@test.tux", "anna@external.test.tux", "anna"):
            assert not isinstance(answer(view, map_name, key), Found)


@pytest.mark.parametrize("name", ["x", "virtual_alias_maps", "", "a'b", "VIRTUAL_ALIAS"])
def test_unknown_maps(name: str) -> None:
    assert answer(LIVE, name, "anna@test.tux") == TempFail(f"unknown map '{name}'")


@pytest.mark.parametrize("name", ["a\nb", "\ud800", "x" * 5_000])
def test_the_name_of_an_unknown_map_is_shown_on_one_short_line(name: str) -> None:
    reason = unknown(name).reason
    assert reason.isprintable()
    assert len(reason) < 200


KEYS = st.one_of(
    st.text(max_size=9).map(lambda text: f"anna+{text}@test.tux"),
    st.sampled_from([vector.key.decode("utf-8", "replace") for vector in VECTORS]),
    st.text(),
    st.builds(
        lambda local, domain: f"{local}@{domain}",
        st.one_of(
            st.sampled_from(["anna", "team", "bob", "gina", "hugo", "ida q", "kim+x"]), st.text(max_size=9)
        ),
        st.sampled_from(["test.tux", "external.test.tux", "central.test.tux", "bücher.test", "second.test"]),
    ),
)


@given(KEYS, st.sampled_from(sorted(MAPS)), st.sampled_from(State))
def test_every_text_has_an_answer_that_can_be_sent(key: str, map_name: str, state: State) -> None:
    said = answer(VIEWS[state], map_name, key)
    if isinstance(said, Found):
        assert said.value.encode()
        assert decode_key(said.value.encode()) == said.value
        assert not any(unicodedata.category(character) == "Cc" for character in said.value)
    if isinstance(said, TempFail):
        assert said.reason.encode()
        assert "\n" not in said.reason


@given(KEYS, st.sampled_from(sorted(MAPS)), st.sampled_from(State))
def test_case_makes_no_difference(key: str, map_name: str, state: State) -> None:
    said = answer(VIEWS[state], map_name, key)
    for changed in (key.upper(), key.lower(), key.swapcase()):
        if fold_text(changed) != fold_text(key) or fold(changed) != fold(key):
            continue  # "ı" is no lower case of "I" to casefold(3)
        other = answer(VIEWS[state], map_name, changed)
        assert type(said) is type(other)
        if isinstance(said, Found) and isinstance(other, Found):  # an extension is kept as written
            assert fold_text(said.value) == fold_text(other.value)


@given(KEYS, st.sampled_from([State.EMPTY, State.STALE, State.HELD]), st.sampled_from(ADDRESS_MAPS))
def test_only_a_live_mirror_denies_a_public_address(key: str, state: State, map_name: str) -> None:
    folded = fold(key)
    if folded is None or map_name == "generic" or folded.rpartition("@")[2] not in LIVE.topology.public:
        return
    if answer(LIVE, "recipient", key) == NOT_FOUND and state is not State.EMPTY:
        assert isinstance(answer(VIEWS[state], map_name, key), TempFail)
    if state is State.EMPTY and not folded.endswith("@second.test"):
        assert isinstance(answer(VIEWS[state], map_name, key), TempFail)


@given(st.sampled_from(DOMAIN_MAPS), st.sampled_from([State.STALE, State.HELD]), KEYS)
def test_domains_are_known_to_any_complete_mirror(map_name: str, state: State, key: str) -> None:
    assert answer(VIEWS[state], map_name, key) == answer(LIVE, map_name, key)


def test_all_addresses_of_a_user_have_the_same_bytes() -> None:
    for addresses in (
        ["anna@test.tux", "A.Smith@test.tux", "anna@bücher.test", "anna@XN--BCHER-KVA.TEST"],
        ["bob.builder@test.tux", "BOB@test.tux"],
        ["joerg@test.tux", "jörg@bücher.test", "JÖRG@test.tux", "gross@test.tux"],
        ["ida q@test.tux", '"ida q"@test.tux', '"ida@home"@test.tux', "ida@home@test.tux"],
    ):
        assert len({value(LIVE, "virtual_alias", address) for address in addresses}) == 1
