import pytest

from colocroute.directory.filter import FilterError, parse
from colocroute.directory.match import Attributes
from colocroute.directory.schema import Mapper, Schema
from colocroute.model import Entry, SiteEntry, UserEntry

ID = b"0123456789abcdef"
DN = b"uid=anna,dc=test,dc=tux"


def mapped(attributes: Attributes, schema: Schema | None = None) -> Entry:
    return (schema or Schema()).mapper()(ID, DN, attributes)


ANNA: Attributes = {
    b"uid": [b"anna"],
    b"mail": [b"anna@test.tux", b"Anna@test.tux"],
    b"alias": [b"a.smith@test.tux", b"sales@test.tux"],
    b"imapserver": [b"imap.external.test.tux"],
    b"smtpserver": [b"smtp.external.test.tux", b"second"],
    b"colocrouteaddress": [b"anna@external.test.tux"],
    b"objectclass": [b"inetOrgPerson"],
}


def test_a_user() -> None:
    assert mapped(ANNA) == Entry(
        ID,
        "uid=anna,dc=test,dc=tux",
        UserEntry(
            addresses=("anna@test.tux", "Anna@test.tux", "a.smith@test.tux", "sales@test.tux"),
            routes=("anna@external.test.tux",),
            logins=("anna",),
            imap_server="imap.external.test.tux",
            smtp_server="smtp.external.test.tux",
        ),
    )


def test_addresses_follow_the_order_of_the_configured_attributes() -> None:
    user = mapped(ANNA, Schema(addresses=("alias", "mail"))).user
    assert user is not None
    assert user.addresses[0] == "a.smith@test.tux"
    assert user.addresses[-1] == "Anna@test.tux"


def test_several_routes_are_kept() -> None:
    user = mapped({b"colocrouteaddress": [b"b@x.tux", b"a@x.tux"]}).user
    assert user == UserEntry(routes=("b@x.tux", "a@x.tux"))


@pytest.mark.parametrize("value", [b"NONE", b"none", b"False", b"no", b" No "])
def test_a_disabled_user(value: bytes) -> None:
    user = mapped({**ANNA, b"mailenabled": [value]}).user
    assert user is not None
    assert user.enabled is False


@pytest.mark.parametrize("values", [[], [b"TRUE"], [b"OK"], [b""], [b"NOT"]])
def test_an_enabled_user(values: list[bytes]) -> None:
    user = mapped({**ANNA, b"mailenabled": values}).user
    assert user is not None
    assert user.enabled is True


def test_a_site_and_a_domain() -> None:
    site = mapped(
        {
            b"objectclass": [b"top", b"SUSEMailTransport"],
            b"susemailtransportdestination": [b"external.test.tux"],
            b"susemailtransportnexthop": [b"smtp:[10.2.0.1]"],
        }
    )
    assert site == Entry(ID, DN.decode(), site=SiteEntry(("external.test.tux",), ("smtp:[10.2.0.1]",)))
    zone = {b"relativedomainname": [b"@"], b"zonename": [b"test.tux"]}
    assert mapped(zone) == Entry(ID, DN.decode(), domains=("test.tux",))


def test_an_entry_may_be_all_at_once() -> None:
    entry = mapped(
        {
            **ANNA,
            b"objectclass": [b"suseMailTransport"],
            b"susemailtransportdestination": [b"x.test.tux"],
            b"relativedomainname": [b"@"],
            b"zonename": [b"test.tux"],
        }
    )
    assert entry.user is not None
    assert entry.site == SiteEntry(("x.test.tux",), ())
    assert entry.domains == ("test.tux",)


def test_values_that_are_not_utf8_are_kept_readable() -> None:
    entry = Schema().mapper()(ID, b"uid=\xff", {b"colocrouteaddress": ["ä@x".encode(), b"\xfc@x"]})
    assert entry == Entry(ID, "uid=\\xff", UserEntry(routes=("ä@x", "\\xfc@x")))


def test_names_that_the_directory_writes_otherwise() -> None:
    schema = Schema(login="userid", addresses=("rfc822Mailbox",))
    user = mapped({b"colocrouteaddress": [b"r"], b"uid": [b"anna"], b"mail": [b"a@x"]}, schema).user
    assert user == UserEntry(addresses=("a@x",), routes=("r",), logins=("anna",))
    user = mapped(
        {b"colocrouteaddress": [b"r"], b"userid": [b"anna"], b"mail;lang-de": [b"a@x"]}, schema
    ).user
    assert user == UserEntry(addresses=("a@x",), routes=("r",), logins=("anna",))


def test_an_entry_that_the_directory_chose_is_never_dropped() -> None:
    mapper = Schema(user_filter="(memberOf=cn=mail,dc=tux)").mapper()
    entry = mapper(ID, DN, {b"mail": [b"anna@test.tux"]})
    assert entry.user == UserEntry(addresses=("anna@test.tux",))
    assert (mapper.doubtful, mapper.doubtful_dn) == (1, DN.decode())
    entry = mapper(ID, DN, {b"susemailtransportdestination": [b"x"], b"susemailtransportnexthop": [b"y"]})
    assert entry == Entry(ID, DN.decode(), site=SiteEntry(("x",), ("y",)))
    assert mapper.doubtful == 2


def test_without_a_directory_the_filters_choose() -> None:
    mapper: Mapper = Schema().mapper()
    assert mapper.choose(ID, DN, ANNA) == mapped(ANNA)
    assert mapper.choose(ID, DN, {b"colocrouteaddress": [b"r"], b"description": [b"x"]}) == mapped(
        {b"colocrouteaddress": [b"r"]}
    )
    assert mapper.choose(ID, DN, {b"mail": [b"anna@test.tux"]}) is None
    assert mapper.doubtful == 0


def test_one_search_finds_all() -> None:
    assert Schema().search_filter() == (
        "(|(colocRouteAddress=*)(objectClass=suseMailTransport)(&(relativeDomainName=@)(zoneName=*)))"
    )
    only_users = Schema(site_filter="", domain_filter="")
    assert only_users.search_filter() == "(colocRouteAddress=*)"
    assert (
        mapped({b"objectclass": [b"suseMailTransport"], b"colocrouteaddress": [b"r"]}, only_users).site
        is None
    )


def test_only_attributes_in_use_are_asked_for() -> None:
    assert Schema(login="cn", enabled="").attributes() == (
        "colocRouteAddress",
        "mail",
        "alias",
        "cn",
        "imapServer",
        "smtpServer",
        "suseMailTransportDestination",
        "suseMailTransportNexthop",
        "zoneName",
        "objectClass",
        "relativeDomainName",
    )


def test_the_fingerprint_follows_the_meaning() -> None:
    plain = Schema().fingerprint("dc=test,dc=tux")
    assert plain == Schema(site_filter=" ( objectClass=suseMailTransport) ").fingerprint("dc=test,dc=tux")
    others = [
        Schema().fingerprint("dc=tux"),
        Schema(addresses=("alias", "mail")).fingerprint("dc=test,dc=tux"),
        Schema(domain_filter="").fingerprint("dc=test,dc=tux"),
        Schema(login="cn").fingerprint("dc=test,dc=tux"),
    ]
    assert len({plain, *others}) == 5


def test_mistakes_are_told_all_at_once() -> None:
    assert Schema().mistakes() == []
    schema = Schema(user_filter="(a", site_filter="(b:=c)", login="u id", addresses=("mail", "alias;x"))
    assert [line.partition(": ")[0] for line in schema.mistakes()] == [
        "schema.user_filter",
        "schema.site_filter",
        "schema.login",
        "schema.addresses",
    ]
    nothing = Schema(user_filter="", site_filter="", domain_filter="")
    assert nothing.mistakes() == ["schema.user_filter: at least one of the filters must be set"]
    with pytest.raises(FilterError):
        nothing.search_filter()
    with pytest.raises(FilterError):
        Schema(user_filter="(a").mapper()
    parse(Schema().search_filter())
