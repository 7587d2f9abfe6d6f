"""Hopping between providers: the cookie of one must not make the other take us for it."""

from colocroute.directory.events import Upsert
from tests.lab.company import Person, company_ldif
from tests.lab.directory import changes, connect, last_cookie, refresh
from tests.lab.slapd import Slapd, wait_until


def test_the_second_provider_tells_what_is_written_at_the_first() -> None:
    """slapd keeps from a consumer what was written at the server that its cookie names (`sid=001`)."""
    first = Slapd(company_ldif(3), server_id=1, multi_provider=True)
    second = Slapd(server_id=2, providers=[first])
    with first, second:
        second.wait_for(first)
        first.modify(Person(0).dn, mail=["one@test.tux"])
        wait_until(lambda: first.context_csn() == second.context_csn(), "the second provider")
        session = connect(first)
        cookie = last_cookie(refresh(session))
        session.close()
        session = connect(second, cookie)
        refresh(session)
        first.modify(Person(1).dn, mail=["two@test.tux"])
        [event] = changes(session)
        session.close()
    assert isinstance(event, Upsert)
    assert event.entry.user is not None
    assert "two@test.tux" in event.entry.user.addresses
