"""A directory that is down, empty, half filled, older, rebuilt or silent: nobody gets a wrong answer.

In each scenario a watcher asks all the time; at the end the mirror equals the directory, or is held.
"""

import pytest

from colocroute.model import Found, NotFound, TempFail
from tests.lab.company import Person, company_ldif
from tests.lab.daemon import daemon, wait_for
from tests.lab.slapd import Slapd
from tests.lab.watched import KNOWN, PEOPLE, sections, watched
from tests.lab.watcher import Watcher, wait_equal


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
            wait_for(lambda: bool(service.status()["directory"]["last_error"]), "the reason")
            assert service.status()["state"] == "empty"
            slapd.start()
            service.wait_state("live", 40)
            assert service.ask("virtual_alias", Person(1).mail) == Found(Person(1).route)
            assert service.settled("virtual_alias", "nobody@test.tux") == NotFound()
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
        assert service.settled("virtual_alias", "nobody@test.tux") == NotFound()
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
    with Slapd(company_ldif(people)) as provider:
        provider.pause()
        with (
            Slapd(providers=[provider]) as replica,
            daemon(sections(replica)) as service,
            Watcher(service.socket, KNOWN) as watcher,
        ):
            wait_for(lambda: watcher.later > 0, "a question before the fill")
            provider.resume()
            service.wait_state("live", 90)
            replica.wait_for(provider)
            wait_equal(service, 60)
        watcher.check()


def test_replica_emptied_is_held_and_ends_by_itself() -> None:
    with Slapd(company_ldif(PEOPLE)) as slapd, watched(slapd) as (service, _):
        slapd.stop()
        slapd.wipe()
        slapd.load("dn: dc=test,dc=tux\nobjectClass: domain\ndc: test\n")
        slapd.start()
        service.wait_state("held", 40)
        # The state is held before it is written down why.
        wait_for(lambda: service.status()["guard"]["would_remove"] >= PEOPLE, "the loss")
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
        assert service.settled("virtual_alias", Person(3).mail) == NotFound()
        wait_equal(service)


def test_hidden_addresses_are_held_and_end_by_themselves() -> None:
    """An access rule that takes our bind DN the addresses: formally every entry is still there."""
    with (
        Slapd(company_ldif(PEOPLE)) as slapd,
        watched(slapd, full_refresh_interval="2s") as (service, _),
    ):
        seen = slapd.options.access
        slapd.options.access = f"access to attrs=mail,alias by * none\n{seen}"
        slapd.restart()
        service.wait_state("held", 90)
        assert service.ask("virtual_alias", Person(4).mail) == Found(Person(4).route)
        assert isinstance(service.ask("virtual_alias", "nobody@test.tux"), TempFail)
        assert "addresses" in service.status()["guard"]["reason"]
        slapd.options.access = seen
        slapd.restart()
        service.wait_state("live", 90)
        assert service.settled("virtual_alias", "nobody@test.tux") == NotFound()
        wait_equal(service)


def test_mass_deletion_one_by_one() -> None:
    with Slapd(company_ldif(PEOPLE), session_log=1000) as slapd, watched(slapd) as (service, watcher):
        doomed = [Person(number) for number in range(PEOPLE) if number % 3]
        slapd.delete(*(person.dn for person in doomed[:60]))
        service.wait_state("held")
        for person in doomed[:60]:
            assert service.settled("virtual_alias", person.mail) == Found(person.route)
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


def test_what_becomes_visible_to_us_is_found_out_by_the_next_resume() -> None:
    """An access rule that goes changes no entry: a resume lists whom it hid as if we knew them."""
    shown = Person(1)
    hidden = f'access to dn.exact="{shown.dn}" by * none\naccess to * by * read'
    with Slapd(company_ldif(PEOPLE), access=hidden) as slapd, watched(slapd) as (service, _):
        assert service.settled("virtual_alias", shown.mail) == NotFound()
        slapd.stop()
        slapd.options.access = "access to * by * read"
        slapd.start()
        slapd.modify(Person(3).dn, mail=[Person(3).mail])
        wait_for(lambda: service.ask("virtual_alias", shown.mail) == Found(shown.route), "the one shown", 40)
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
