import pytest
from hypothesis import given
from hypothesis import strategies as st

from colocroute.directory.filter import (
    MAX_DEPTH,
    And,
    Compare,
    Filter,
    FilterError,
    Not,
    Or,
    Present,
    Substrings,
    names,
    parse,
    render,
)

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,8}", fullmatch=True)
LEAVES = st.one_of(
    st.builds(Present, NAMES),
    st.builds(Compare, NAMES, st.sampled_from(["=", "~=", ">=", "<="]), st.binary(max_size=8)),
    st.builds(
        lambda name, first, middle, last: Substrings(name, (first, *middle, last)),
        NAMES,
        st.binary(min_size=1, max_size=4),
        st.lists(st.binary(min_size=1, max_size=4), max_size=3),
        st.binary(max_size=4),
    ),
)
FILTERS: st.SearchStrategy[Filter] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda parts: And(tuple(parts)), st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: Or(tuple(parts)), st.lists(inner, min_size=1, max_size=3)),
        st.builds(Not, inner),
    ),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(uid=*)", Present("uid")),
        ("(uid=anna)", Compare("uid", "=", b"anna")),
        ("(uid=)", Compare("uid", "=", b"")),
        ("(uid~=anna)", Compare("uid", "~=", b"anna")),
        ("(uidNumber>=10)", Compare("uidNumber", ">=", b"10")),
        ("(uidNumber<=10)", Compare("uidNumber", "<=", b"10")),
        ("(relativeDomainName=@)", Compare("relativeDomainName", "=", b"@")),
        ("(cn=a=b)", Compare("cn", "=", b"a=b")),
        (r"(cn=\2a\28\29\5c\00)", Compare("cn", "=", b"*()\\\0")),
        ("(cn=Lück)", Compare("cn", "=", "Lück".encode())),
        ("(cn= a )", Compare("cn", "=", b" a ")),
        ("(mail=anna@*)", Substrings("mail", (b"anna@", b""))),
        ("(mail=*@test.tux)", Substrings("mail", (b"", b"@test.tux"))),
        ("(mail=a*b*c)", Substrings("mail", (b"a", b"b", b"c"))),
        ("(mail=*b*)", Substrings("mail", (b"", b"b", b""))),
        ("(!(a=*))", Not(Present("a"))),
        ("(&(a=*)(b=1))", And((Present("a"), Compare("b", "=", b"1")))),
        (" ( | (a=*) ( b=1) ) ", Or((Present("a"), Compare("b", "=", b"1")))),
        ("(&(a=*)(|(b=*)(!(c=*))))", And((Present("a"), Or((Present("b"), Not(Present("c"))))))),
    ],
)
def test_parse(text: str, expected: Filter) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "at", "why"),
    [
        ("", 1, r"expected '\(', found the end"),
        ("uid=anna", 1, r"expected '\(', found 'u'"),
        ("(uid=anna", 10, r"expected '\)', found the end"),
        ("(uid=anna))", 11, "nothing may follow"),
        ("(uid=anna)(a=b)", 11, "nothing may follow"),
        ("(uid)", 5, "after 'uid'"),
        ("(=anna)", 2, "name of an attribute"),
        ("()", 2, "name of an attribute"),
        ("(2.5.4.3=x)", 2, "name of an attribute"),
        ("(&)", 3, r"expected '\('"),
        ("(|)", 3, r"expected '\('"),
        ("(!)", 3, r"expected '\('"),
        ("(!(a=*)(b=*))", 13, "only one filter"),
        (r"(a=\zz)", 4, "two hexadecimal digits"),
        ("(a=\\", 4, "two hexadecimal digits"),
        ("(a=b(c)", 5, r"expected '\)', found '\('"),
        ("(a=**)", 6, "two '\\*' in a row"),
        ("(a=b**c)", 8, "two '\\*' in a row"),
        ("(a>=b*)", 7, "cannot be used with '>='"),
        ("(a:=b)", 3, "extensible matches"),
        ("(a:dn:2.4.6:=b)", 3, "extensible matches"),
        ("(:caseExactMatch:=b)", 2, "extensible matches"),
        ("(mail;lang-de=x)", 6, "attribute options"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(text: str, at: int, why: str) -> None:
    with pytest.raises(FilterError, match=why) as caught:
        parse(text)
    assert f"character {at}: " in str(caught.value)


def test_depth_is_limited() -> None:
    deepest = "(!" * MAX_DEPTH + "(a=*)" + ")" * MAX_DEPTH
    parse(deepest)
    with pytest.raises(FilterError, match="parentheses"):
        parse(f"(!{deepest})")
    with pytest.raises(FilterError, match="parentheses"):
        parse("(&" * 100_000)


@given(FILTERS)
def test_rendering_and_parsing_are_inverse(node: Filter) -> None:
    text = render(node)
    assert parse(text) == node
    assert text.isascii()


def test_names_in_order() -> None:
    assert list(names(parse("(&(b=*)(|(A=1)(!(c=x*))(b>=2)))"))) == ["b", "A", "c", "b"]
