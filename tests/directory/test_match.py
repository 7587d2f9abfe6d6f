import pytest

from colocroute.directory.filter import parse
from colocroute.directory.match import REMEMBERED, canonical, compile_filter, standard_names

ANNA = {
    b"objectclass": [b"inetOrgPerson", b"OXUserObject"],
    b"uid": [b"anna"],
    b"cn": [b"Anna  Smith", "Änne".encode()],
    b"mail": [b"Anna@test.tux"],
    b"uidnumber": [b"1000"],
    b"memberof": [b"cn=mail,ou=groups,dc=test,dc=tux"],
    b"modifytimestamp": [b"20260101120000Z"],
    b"photo": [b"\xff\xfe"],
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(uid=*)", True),
        ("(UID=*)", True),
        ("(userid=anna)", True),
        ("(rfc822Mailbox=anna@test.tux)", True),
        ("(alias=*)", False),
        ("(uid=ANNA)", True),
        ("(uid=ann)", False),
        ("(uid~=anna)", True),
        ("(cn=anna smith)", True),
        ("(cn=  anna   smith )", True),
        ("(cn=annasmith)", False),
        ("(cn=änne)", True),
        ("(memberOf=CN=mail, OU=groups, DC=test, DC=tux)", True),
        ("(memberOf=cn=mail,ou=groups,dc=test)", False),
        ("(mail=anna*)", True),
        ("(mail=*@TEST.tux)", True),
        ("(mail=a*@*tux)", True),
        ("(mail=*test*)", True),
        ("(mail=*n*n*a@*)", True),
        ("(mail=*n*n*n*)", False),
        ("(mail=anna@test*est.tux)", False),
        ("(mail=b*)", False),
        ("(mail=*b)", False),
        ("(cn=anna *)", True),
        ("(uidNumber>=999)", True),
        ("(uidNumber>=1000)", True),
        ("(uidNumber>=1001)", False),
        ("(uidNumber<=1000)", True),
        ("(uidNumber<=999)", False),
        ("(modifyTimestamp>=20251231000000Z)", True),
        ("(modifyTimestamp<=20251231000000Z)", False),
        ("(gidNumber>=0)", False),
        (r"(photo=\ff\fe)", True),
        ("(objectClass=OXUSEROBJECT)", True),
        ("(objectClass=person)", True),
        ("(objectClass=organizationalPerson)", True),
        ("(objectClass=top)", True),
        ("(objectClass=suseMailTransport)", False),
        ("(!(uid=anna))", False),
        ("(!(alias=x))", True),
        ("(&(uid=anna)(mail=*))", True),
        ("(&(uid=anna)(alias=*))", False),
        ("(&(uid=anna)(alias=*)(mail=*))", False),
        ("(|(uid=bob)(mail=*))", True),
        ("(|(uid=bob)(alias=*))", False),
    ],
)
def test_filters_match_as_in_a_directory(text: str, expected: bool) -> None:
    assert compile_filter(parse(text))(ANNA) is expected


def test_what_is_remembered_of_values_is_bounded_and_right() -> None:
    matches = compile_filter(parse("(uid=anna)"))
    for number in range(REMEMBERED + 100):
        assert not matches({b"uid": [b"user%d" % number]})
    assert matches({b"uid": [b"user0", b"Anna"]})
    assert not matches({b"uid": [b"user0"]})


def test_standard_names_join_options_and_other_names() -> None:
    entry = {b"mail": [b"a"], b"rfc822mailbox": [b"b"], b"mail;lang-de": [b"c"], b"userid": [b"d"]}
    assert standard_names(entry) == {b"mail": [b"a", b"b", b"c"], b"uid": [b"d"]}
    assert entry[b"mail"] == [b"a"]
    assert standard_names({b"mail": [b"a"]}) == {b"mail": [b"a"]}
    assert canonical("userID") == b"uid"
