"""A directory that is down, empty, half filled, older, rebuilt or silent: nobody gets a wrong answer.

In each scenario a watcher asks all the time; at the end the mirror equals the directory, or is held.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from colocroute.model import Found, NotFound, TempFail
from tests.lab.company import SITES, USERS, Person, company_ldif
from tests.lab.daemon import Daemon, daemon, wait_for
from tests.lab.slapd import Slapd
from tests.lab.watcher import Watcher, wait_equal

PEOPLE = 120
KNOWN = {Person(number).mail: [Person(number).route] for number in range(0, PEOPLE, 3)}
STALE_AFTER = "2s"


def sections(slapd: Slapd, **directory: Any) -> dict[str, dict[str, Any]]:
    return {
        "directory": {"uri": slapd.ldapi, "base": "dc=test,dc=tux", **directory},
        "routing": {"domains": ["test.tux"], "here": [], "stale_after": STALE_AFTER},
    }


@contextmanager
def watched(slapd: Slapd, **directory: Any) -> Iterator[tuple[Daemon, Watcher]]:
    """A live daemon that follows `slapd`, and somebody who asks."""
    with daemon(sections(slapd, **directory)) as service:
        service.wait_state("live")
        with Watcher(service.socket, KNOWN) as watcher:
            yield service, watcher
        watcher.check()


@contextmanager
def replicated(people: int = PEOPLE) -> Iterator[tuple[Slapd, Slapd]]:
    """A provider and its replica, which is a provider itself, as at every site."""
    with Slapd(company_ldif(people)) as provider, Slapd(providers=[provider]) as replica:
        replica.wait_for(provider)
        yield provider, replica


def answers(service: Daemon, key: str, route: str) -> bool:
    """Whether this is the answer now."""
    return service.ask("virtual_alias", key) == Found(route)


def base_ldif() -> str:
    """The company without its users."""
    return company_ldif(0)


def test_a_slapd_that_is_down_at_the_start_is_waited_for() -> None:
    slapd = Slapd(company_ldif(PEOPLE))
    try:
        with daemon(sections(slapd)) as service:
            assert isinstance(service.ask("virtual_alias", Person(1).mail), TempFail)
            assert isinstance(service.ask("transport", Person(1).route), TempFail)
            assert service.ask("virtual_alias", "somebody@example.com") == NotFound()
            status = service.status()
            assert status["state"] == "empty"
            assert status["directory"]["last_error"]
            slapd.start()
            service.wait_state("live", 40)
            assert service.ask("virtual_alias", Person(1).mail) == Found(Person(1).route)
            assert service.ask("virtual_alias", "nobody@test.tux") == NotFound()
    finally:
        slapd.kill()


def test_killed_and_restarted() -> None:
    with Slapd(company_ldif(PEOPLE)) as slapd, watched(slapd) as (service, _):
        slapd.kill()
        service.wait_state("stale")
        assert service.ask("virtual_alias", Person(3).mail) == Found(Person(3).route)
        assert isinstance(service.ask("virtual_alias", "nobody@test.tux"), TempFail)
        slapd.start()
        service.wait_state("live", 60)
        assert service.ask("virtual_alias", "nobody@test.tux") == NotFound()
        wait_equal(service)


def test_silent_is_noticed_by_the_heartbeat() -> None:
    with Slapd(company_ldif(PEOPLE)) as slapd, watched(slapd) as (service, _):
        slapd.pause()
        try:
            service.wait_state("stale")
            assert service.ask("virtual_alias", Person(3).mail) == Found(Person(3).route)
        finally:
            slapd.resume()
        service.wait_state("live", 60)
        wait_equal(service)


def test_first_fill_caught_half_way() -> None:
    people = 4000
    with Slapd(company_ldif(people)) as provider, Slapd(providers=[provider]) as replica:
        with daemon(sections(replica)) as service, Watcher(service.socket, KNOWN) as watcher:
            service.wait_state("live", 90)
            replica.wait_for(provider)
            wait_equal(service, 60)
        watcher.check()
        assert watcher.later, "it was not caught half way"


def test_replica_emptied_is_held_and_ends_by_itself() -> None:
    with Slapd(company_ldif(PEOPLE)) as slapd, watched(slapd) as (service, _):
        slapd.stop()
        slapd.wipe()
        slapd.load("dn: dc=test,dc=tux\nobjectClass: domain\ndc: test\n")
        slapd.start()
        status = service.wait_state("held", 40)
        assert status["guard"]["would_remove"] >= PEOPLE
        assert isinstance(service.ask("virtual_alias", "nobody@test.tux"), TempFail)
        slapd.stop()
        slapd.wipe()
        slapd.load(company_ldif(PEOPLE))
        slapd.start()
        service.wait_state("live", 90)
        wait_equal(service)


def test_rebuilt_without_the_users_is_held_until_accepted() -> None:
    with Slapd(company_ldif(PEOPLE)) as slapd, daemon(sections(slapd)) as service:
        service.wait_state("live")
        with Watcher(service.socket, KNOWN) as watcher:
            slapd.stop()
            slapd.wipe()
            slapd.load(base_ldif())
            slapd.start()
            service.wait_state("held", 40)
            refused = service.run("accept")
            assert refused.returncode == 64, "without a terminal and without --yes nothing is accepted"
            assert b"user0" in refused.stdout
        watcher.check()
        assert service.run("accept", "--yes").returncode == 0
        service.wait_state("live")
        assert service.ask("virtual_alias", Person(3).mail) == NotFound()
        wait_equal(service)


def test_mass_deletion_one_by_one() -> None:
    with Slapd(company_ldif(PEOPLE), session_log=1000) as slapd, watched(slapd) as (service, watcher):
        doomed = [Person(number) for number in range(PEOPLE) if number % 3]
        slapd.delete(*(person.dn for person in doomed[:60]))
        service.wait_state("held")
        for person in doomed[:60]:
            assert service.ask("virtual_alias", person.mail) == Found(person.route)
        watcher.known.update({person.mail: [person.route] for person in doomed[:60]})
        with slapd.admin() as connection:
            for person in doomed[:60]:
                connection.add(person.dn, attributes=person.attributes())
        service.wait_state("live", 90)
        wait_equal(service)


def test_reloaded_from_ldif_under_new_uuids() -> None:
    with Slapd(company_ldif(PEOPLE)) as slapd, watched(slapd) as (service, _):
        slapd.stop()
        slapd.wipe()
        slapd.load(company_ldif(PEOPLE))
        slapd.start()
        wait_for(lambda: service.status()["directory"]["connected"], "the next session", 40)
        wait_equal(service, 60)
        service.wait_state("live", 40)


def test_an_older_backup_is_found_out_by_the_full_refresh() -> None:
    slapd = Slapd(company_ldif(PEOPLE))
    moved = Person(1)
    with slapd, daemon(sections(slapd, full_refresh_interval="3s")) as service:
        service.wait_state("live")
        slapd.stop()
        backup = slapd.dump()
        slapd.start()
        service.wait_state("live", 60)
        slapd.modify(moved.dn, colocRouteAddress=[f"{moved.uid}@paris.test.tux"])
        wait_for(
            lambda: service.ask("virtual_alias", moved.mail) == Found(f"{moved.uid}@paris.test.tux"),
            "the move",
        )
        slapd.stop()
        slapd.wipe()
        slapd.load(backup)
        slapd.start()
        wait_for(
            lambda: service.ask("virtual_alias", moved.mail) == Found(moved.route), "the older truth", 60
        )
        wait_equal(service)


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


def test_a_size_limit_never_becomes_a_mirror() -> None:
    with (
        Slapd(company_ldif(PEOPLE), size_limit="50") as slapd,
        daemon(sections(slapd)) as service,
        Watcher(service.socket, KNOWN) as watcher,
    ):
        wait_for(lambda: "4" in service.status()["directory"]["last_error"], "the refusal")
        assert service.status()["state"] == "empty"
        slapd.options.size_limit = "unlimited"
        slapd.restart()
        service.wait_state("live", 90)
    watcher.check()


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


def test_several_providers_each_with_its_own_sid() -> None:
    first, second = Slapd(company_ldif(PEOPLE)), Slapd()
    for number, (one, other) in enumerate(((first, second), (second, first)), 1):
        one.options.server_id = number
        one.options.providers = [other]
        one.options.multi_provider = True
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
        assert service.ask("virtual_alias", new.mail) == NotFound()
        slapd.add(new.dn, new.attributes())
        wait_for(lambda: service.ask("virtual_alias", new.mail) == Found(new.route), "the creation")
        slapd.delete(new.dn)
        wait_for(lambda: service.ask("virtual_alias", new.mail) == NotFound(), "the deletion")
        assert USERS in new.dn


@pytest.mark.parametrize("broken", ["base", "password"])
def test_a_directory_that_answers_and_refuses_is_not_alive(broken: str) -> None:
    with Slapd(company_ldif(10)) as slapd, daemon({}, start=False) as service:
        wrong = sections(slapd)
        if broken == "base":
            wrong["directory"]["base"] = "dc=other,dc=tux"
        else:
            secret = service.directory / "password"
            secret.write_text("wrong\n")
            secret.chmod(0o600)
            wrong["directory"] |= {"bind_dn": "cn=admin,dc=test,dc=tux", "bind_password_file": str(secret)}
        service.write_config(wrong)
        service.start()
        wait_for(lambda: bool(service.status()["directory"]["last_error"]), "the reason")
        assert service.status()["state"] == "empty"
        assert isinstance(service.ask("virtual_alias", Person(1).mail), TempFail)
