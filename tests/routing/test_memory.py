"""The view in memory, which is also the measure of other views."""

from colocroute.model import State
from colocroute.routing.memory import MemoryView
from colocroute.routing.view import Topology, View
from tests.routing.worlds import SITES, company, person
from tests.vectors import HERE, RULES, company_records

ANNA = person("anna", ["Anna@test.tux", "a@test.tux", "@test.tux"], ["Anna@west.test.tux"], ["Anna", "a"])
TWIN = person("twin", ["anna@test.tux"], ["anna@west.test.tux"], ["twin"])


def test_finds_users_by_folded_keys() -> None:
    view: View = MemoryView([*SITES, ANNA, TWIN], rules=RULES)
    assert view.owners("anna@test.tux") == [ANNA.user, TWIN.user]
    assert view.owners("@test.tux") == [ANNA.user]
    assert view.residents("anna@west.test.tux") == [ANNA.user, TWIN.user]
    assert view.users_by_login("anna") == [ANNA.user]
    assert view.state is State.LIVE


def test_knows_nobody_else() -> None:
    view = MemoryView([*SITES, ANNA], rules=RULES)
    assert not view.owners("Anna@test.tux")
    assert not view.owners("anna@west.test.tux")
    assert not view.residents("anna@test.tux")
    assert not view.former_residents("anna@west.test.tux")
    assert not view.users_by_login("anna@test.tux")
    assert not MemoryView(rules=RULES).owners("anna@test.tux")


def test_former_residents() -> None:
    view = MemoryView([*SITES, ANNA], rules=RULES, former={"Old@East.Test.Tux": ["anna", "nobody"]})
    assert view.former_residents("old@east.test.tux") == [ANNA.user]


def test_an_empty_mirror_knows_the_configured_domains() -> None:
    view = MemoryView(company_records(), rules=RULES, here=HERE, state=State.EMPTY)
    assert view.topology == Topology(frozenset({"test.tux", "xn--bcher-kva.test"}), {})
    assert not view.owners("anna@test.tux")


def test_disabled_users_are_never_returned() -> None:
    former = {"dora@paris.test.tux": ["uid=dora,ou=users,dc=test,dc=tux"]}
    view = company(former=former)
    assert not view.owners("dora@test.tux")
    assert not view.residents("dora@external.test.tux")
    assert not view.former_residents("dora@paris.test.tux")
    assert not view.users_by_login("dora")


def test_a_site_of_which_nobody_knows_where_it_is_is_sent_nothing() -> None:
    view = MemoryView(company_records(), rules=RULES, here=HERE, unplaced=("paris.test.tux",))
    assert view.topology.sites["paris.test.tux"].nexthop == ""
    assert view.topology.sites["external.test.tux"].nexthop == "smtp:[10.2.0.1]"
