"""A directory that changes, as its users, its servers and its administrators do: the mirror follows.

In each scenario a watcher asks all the time; at the end the mirror equals the directory.
"""

from functools import partial

from colocroute.model import Found, NotFound
from tests.lab.company import SITES, USERS, Person, company_ldif
from tests.lab.daemon import Daemon, daemon, wait_for
from tests.lab.slapd import Slapd
from tests.lab.watched import PEOPLE, answers, replicated, sections, watched
from tests.lab.watcher import wait_equal


def test_entrycsn_hidden_is_warned_of_and_nothing_is_missed() -> None:
    hidden = "access to attrs=entryCSN by * none\naccess to * by * read"
    with Slapd(company_ldif(PEOPLE), access=hidden) as slapd, watched(slapd) as (service, watcher):
        assert any("entryCSN" in warning for warning in service.status()["directory"]["warnings"])
        moved = Person(3)
        route = f"{moved.uid}@paris.test.tux"
        watcher.known[moved.mail] = [moved.route, route]
        service.wait_state("live")
        slapd.restart()
        slapd.modify(moved.dn, colocRouteAddress=[route])
        wait_for(lambda: service.ask("virtual_alias", moved.mail) == Found(route), "the move", 60)
        wait_equal(service)


def test_without_syncprov_it_polls_and_says_so() -> None:
    with (
        Slapd(company_ldif(PEOPLE), syncprov=False) as slapd,
        watched(slapd, poll_interval="1s") as (service, watcher),
    ):
        assert service.status()["directory"]["mode"] == "poll"
        moved = Person(3)
        route = f"{moved.uid}@paris.test.tux"
        watcher.known[moved.mail] = [moved.route, route]
        slapd.modify(moved.dn, colocRouteAddress=[route])
        wait_for(lambda: service.ask("virtual_alias", moved.mail) == Found(route), "the move")
        wait_equal(service)


def test_the_second_address_serves_while_the_first_is_dead() -> None:
    with replicated() as (provider, replica):
        both = [replica.ldapi, provider.ldapi]
        with watched(replica, uri=both) as (service, _):
            replica.kill()
            wait_for(lambda: service.status()["directory"]["uri"] == provider.ldapi, "the other", 40)
            service.wait_state("live", 40)
            wait_equal(service)


def test_a_second_address_that_is_behind_loses_nothing_for_good() -> None:
    """One that never heard of what another provider wrote: slapd resumes without a word of that."""
    first, second = providers()
    with first, second, Slapd(providers=[first, second]) as near, Slapd(providers=[first, second]) as far:
        second.modify(Person(0).dn, sn=["of the second"])
        first.modify(Person(1).dn, sn=["of the first"])
        for one in (second, near, far):
            one.wait_for(first)
        follow(first)
        follow(far, first)
        with daemon(sections(near, uri=[near.ldapi, far.ldapi])) as service:
            service.wait_state("live")
            new, later = Person(PEOPLE + 5), "later@test.tux"
            second.add(new.dn, new.attributes())
            wait_for(partial(answers, service, new.mail, new.route), "the creation")
            near.stop()
            first.modify(Person(6).dn, alias=[later])
            wait_for(partial(answers, service, later, Person(6).route), "a change by the other", 60)
            far.stop()
            near.start()
            wait_for(partial(answers, service, new.mail, new.route), "the creation, again", 40)


def providers() -> tuple[Slapd, Slapd]:
    """Two that write, and replicate from each other."""
    first, second = Slapd(company_ldif(PEOPLE)), Slapd()
    for number, (one, other) in enumerate(((first, second), (second, first)), 1):
        one.options.server_id = number
        one.options.providers = [other]
        one.options.multi_provider = True
    return first, second


def follow(slapd: Slapd, *others: Slapd) -> None:
    """It replicates from these only from now on."""
    slapd.stop()
    slapd.options.providers = others
    slapd.options.multi_provider = False
    slapd.start()


def test_an_address_that_is_behind_is_passed_over() -> None:
    with (
        replicated() as (provider, far),
        watched(provider, uri=[far.ldapi, provider.ldapi]) as (service, watcher),
    ):
        far.stop()
        wait_for(lambda: connected_to(service) == provider.ldapi, "the other", 40)
        new, moved = Person(PEOPLE + 5), Person(3)
        provider.add(new.dn, new.attributes())
        wait_for(partial(answers, service, new.mail, new.route), "the creation")
        watcher.known[new.mail] = [new.route]
        follow(far)
        provider.restart()
        wait_for(
            lambda: f"{provider.ldapi}: the directory closed" in service.log_text(), "the end of a session"
        )
        route = f"{moved.uid}@paris.test.tux"
        watcher.known[moved.mail] = [moved.route, route]
        provider.modify(moved.dn, colocRouteAddress=[route])
        wait_for(partial(answers, service, moved.mail, route), "a change", 40)
        assert connected_to(service) == provider.ldapi


def connected_to(service: Daemon) -> str:
    """The directory that it follows, empty for none."""
    told = service.status()["directory"]
    return str(told["uri"]) if told["connected"] else ""


def test_several_providers_each_with_its_own_sid() -> None:
    first, second = providers()
    with first, second:
        wait_for(lambda: second.count() == PEOPLE, "the second to be filled", 40)
        with watched(second) as (service, watcher):
            for number, slapd in enumerate((first, second)):
                moved = Person(3 + 3 * number)
                route = f"{moved.uid}@paris.test.tux"
                watcher.known[moved.mail] = [moved.route, route]
                slapd.modify(moved.dn, colocRouteAddress=[route])
                wait_for(partial(answers, service, moved.mail, route), "the move", 40)
            assert service.status()["directory"]["cookie"].count("#") >= 4, "csns of both"
            wait_equal(service)


def test_moved_out_of_the_base_and_no_longer_matching() -> None:
    with Slapd(company_ldif(PEOPLE)) as slapd, watched(slapd) as (service, _):
        gone, renamed = Person(1), Person(2)
        slapd.modify(gone.dn, colocRouteAddress=[])
        wait_for(lambda: service.ask("virtual_alias", gone.mail) == NotFound(), "the deletion")
        slapd.rename(renamed.dn, "uid=renamed2")
        wait_for(
            lambda: service.run("lookup", "--map", "sender_login", renamed.mail).stdout == b"renamed2\n",
            "uid",
        )
        wait_equal(service)


def test_a_user_moves_and_the_former_route_leads_on() -> None:
    with Slapd(company_ldif(PEOPLE)) as slapd, daemon(sections(slapd)) as service:
        service.wait_state("live")
        moved = Person(1)
        assert moved.site == "external"
        slapd.modify(moved.dn, colocRouteAddress=[f"{moved.uid}@paris.test.tux"])
        wait_for(
            lambda: service.ask("virtual_alias", moved.route) == Found(f"{moved.uid}@paris.test.tux"),
            "the move",
        )
        paris = Found(f"smtp:[{SITES['paris']}]")
        assert service.ask("transport", moved.route) == paris
        slapd.restart()
        service.stop()
        service.start()
        service.wait_state("live", 40)
        assert service.ask("transport", moved.route) == paris, "kept over restarts and full refreshes"


def test_created_is_answered_and_deleted_is_denied() -> None:
    with Slapd(company_ldif(PEOPLE)) as slapd, watched(slapd) as (service, _):
        new = Person(PEOPLE + 5)
        assert service.settled("virtual_alias", new.mail) == NotFound()
        slapd.add(new.dn, new.attributes())
        wait_for(lambda: service.ask("virtual_alias", new.mail) == Found(new.route), "the creation")
        slapd.delete(new.dn)
        wait_for(lambda: service.ask("virtual_alias", new.mail) == NotFound(), "the deletion")
        assert USERS in new.dn
