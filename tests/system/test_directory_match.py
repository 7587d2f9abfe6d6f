"""What a filter means here is what it means to a real slapd."""

from collections.abc import Iterator

import ldap3
import pytest

from colocroute.directory.filter import parse, render
from colocroute.directory.match import compile_filter, standard_names
from tests.lab.company import SUFFIX, Person, company_ldif
from tests.lab.slapd import Slapd

FILTERS = [
    "(uid=USER1)",
    "(userid=user1)",
    "(rfc822Mailbox=user2@test.tux)",
    "(cn=first   LAST3)",
    "(cn= First Last3 )",
    "(mail=*)",
    "(alias=f*)",
    "(alias=F1*@*tux)",
    "(alias=*last1*)",
    "(cn=first *)",
    "(cn=*st l*t4)",
    r"(description=\2a\28star\29)",
    "(description=Straße)",
    "(description=STRASSE)",
    "(description=Änne)",
    "(description=änne)",
    "(createTimestamp>=20000101000000Z)",
    "(createTimestamp<=20000101000000Z)",
    "(seeAlso=UID=user1, OU=users,  DC=test,DC=tux)",
    "(seeAlso=uid=user1,ou=users,dc=test)",
    "(objectClass=person)",
    "(objectClass=ORGANIZATIONALPERSON)",
    "(objectClass=top)",
    "(objectClass=oxuserobject)",
    "(objectClass=suseMailTransport)",
    "(&(relativeDomainName=@)(zoneName=*))",
    "(!(mail=*))",
    "(!(description=*))",
    "(&(mail=*)(!(uid=user1)))",
    "(|(uid=user1)(zoneName=test.tux)(dc=test))",
    "(|(colocRouteAddress=*)(objectClass=suseMailTransport)(&(relativeDomainName=@)(zoneName=*)))",
    "(uid=)",
]


@pytest.fixture(scope="module")
def slapd() -> Iterator[Slapd]:
    with Slapd(company_ldif(8)) as server:
        server.modify(Person(1).dn, description=["*(star)", "Straße"])
        server.modify(Person(2).dn, description=["Änne"], seeAlso=[Person(1).dn])
        yield server


@pytest.mark.parametrize("text", FILTERS)
def test_the_same_entries_match(slapd: Slapd, text: str) -> None:
    node = parse(text)
    matches = compile_filter(node)
    with slapd.admin() as admin:
        admin.search(SUFFIX, "(objectClass=*)", ldap3.SUBTREE, attributes=["*", "+"])
        here = set()
        for entry in admin.response:
            raw = {name.lower().encode(): values for name, values in entry["raw_attributes"].items()}
            if matches(standard_names(raw)):
                here.add(entry["dn"])
        admin.search(SUFFIX, render(node), ldap3.SUBTREE, attributes=["1.1"])
        there = {entry["dn"] for entry in admin.response}
    assert here == there
