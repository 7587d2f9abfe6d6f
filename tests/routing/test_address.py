"""Addresses: parsed, folded, quoted, and domains as A-labels."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from colocroute.routing.address import (
    KEY_LIMIT,
    UNICODE_LOCAL_PART_LIMIT,
    Address,
    all_plain,
    decode_key,
    domain_of,
    fold,
    fold_domain,
    fold_login,
    fold_text,
    key_of,
    parse,
    render,
)
from tests.vectors.vector import UNUSABLE_KEYS

LOCAL_PARTS = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cc", "Cs"]),
        st.sampled_from('abzABZ019.+-_ "\\@<>()[],;:ßéÉıſK\u0345\u0301\u0327'),
    ),
    min_size=1,
    max_size=30,
)
DOMAINS = st.sampled_from(["test.tux", "a.b", "xn--bcher-kva.test", "x_y.test", "localhost"])


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("anna@test.tux", "anna@test.tux"),
        ("ANNA@Test.Tux", "anna@test.tux"),
        ("anna@test.tux.", "anna@test.tux"),
        ('"anna"@test.tux', "anna@test.tux"),
        ('"a b"@test.tux', "a b@test.tux"),
        ("a b@test.tux", "a b@test.tux"),
        (r'"a\"b\\c"@test.tux', 'a"b\\c@test.tux'),
        (r"a\b@test.tux", r"a\b@test.tux"),
        ('"a@b"@test.tux', "a@b@test.tux"),
        ("a@b@test.tux", "a@b@test.tux"),
        ('a"b@test.tux', 'a"b@test.tux'),
        ('"a"b"@test.tux', '"a"b"@test.tux'),
        ('"a\\"@test.tux', '"a\\"@test.tux'),
        ('"@test.tux', '"@test.tux'),
        (".a@test.tux", ".a@test.tux"),
        ("a..b@test.tux", "a..b@test.tux"),
        ("jörg@test.tux", "jörg@test.tux"),
        ("JO\u0308RG@test.tux", "jörg@test.tux"),
        ("Groß@test.tux", "gross@test.tux"),
        ("a@bücher.test", "a@xn--bcher-kva.test"),
        ("a@BU\u0308CHER.test", "a@xn--bcher-kva.test"),
        ("a@XN--BCHER-KVA.test", "a@xn--bcher-kva.test"),
        ("a@bücher。test。", "a@xn--bcher-kva.test"),
        ("a@faß.test", "a@xn--fa-hia.test"),
        ("a@x_y.test", "a@x_y.test"),
        ("a@_dmarc.x-.test", None),
        ("a@_dmarc.test", "a@_dmarc.test"),
        ("a@xn--not-punycode-.test", None),
        ("a@xn--zzzzzz.test", "a@xn--zzzzzz.test"),
        ("a@☕.test", "a@xn--53h.test"),
        ("a@bü_x.test", "a@xn--b_x-hoa.test"),
        ("a@localhost", "a@localhost"),
        ("a@" + "x" * 63 + ".test", "a@" + "x" * 63 + ".test"),
        ("a@" + "x" * 64 + ".test", None),
        ("a@" + "ü" * 60 + ".test", None),
        ("a@" + ".".join(["x" * 63] * 4)[:253], "a@" + ".".join(["x" * 63] * 4)[:253]),
        ("a@" + ".".join(["x" * 61] * 4) + ".yyyyy", "a@" + ".".join(["x" * 61] * 4) + ".yyyyy"),
        ("a@" + ".".join(["x" * 61] * 4) + ".yyyyyy", None),
        ("a@1.2.3.4", None),
        ("a@12", None),
        ("a@1.2.3.4x", "a@1.2.3.4x"),
        ("a@test..tux", None),
        ("a@test.tux..", None),
        ("a@.", None),
        ("a\u0085b@test.tux", None),
        ("a@te\ud800st.tux", None),
        ("\udc80@test.tux", None),
        ("ü" * UNICODE_LOCAL_PART_LIMIT + "@test.tux", "ü" * UNICODE_LOCAL_PART_LIMIT + "@test.tux"),
        ("ü" * (UNICODE_LOCAL_PART_LIMIT + 1) + "@test.tux", None),
        ("x" * 5_000 + "@test.tux", "x" * 5_000 + "@test.tux"),
        ("x" * KEY_LIMIT + "@test.tux", None),
    ],
)
def test_fold(text: str, key: str | None) -> None:
    assert fold(text) == key


@pytest.mark.parametrize("key", UNUSABLE_KEYS)
def test_unusable_keys_are_none(key: str | bytes) -> None:
    text = decode_key(key) if isinstance(key, bytes) else key
    assert text is None or fold(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "\u0301\u0327" * 50_000 + "@test.tux",
        "a@" + "ü" * 100_000,
        "a@" + "a-" * 50_000 + ".test",
        '"' + "\\a" * 50_000 + '@test.tux"@test.tux',
        '"' * 100_000,
        "@" * 100_000,
        "." * 100_000,
    ],
)
def test_long_keys_are_none(text: str) -> None:
    assert fold(text) is None
    assert fold(text[: KEY_LIMIT - 20] + "@1.2.3.4") is None


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (b"anna@test.tux", "anna@test.tux"),
        ("jörg".encode(), "jörg"),
        (b"", ""),
        (b"j\xf6rg@test.tux", None),
        (b"\xed\xa0\x80", None),
        (b"\xc0\xaf", None),
        (b"x" * KEY_LIMIT, "x" * KEY_LIMIT),
        (b"x" * (KEY_LIMIT + 1), None),
    ],
)
def test_decode_key(key: bytes, text: str | None) -> None:
    assert decode_key(key) == text


@pytest.mark.parametrize(
    ("local", "rendered"),
    [
        ("anna", "anna@test.tux"),
        ("Anna.Smith+x", "Anna.Smith+x@test.tux"),
        ("!#$%&'*+-/=?^_`{|}~", "!#$%&'*+-/=?^_`{|}~@test.tux"),
        ("jörg", "jörg@test.tux"),
        ("a b", '"a b"@test.tux'),
        ("a@b", '"a@b"@test.tux'),
        ('a"b', r'"a\"b"@test.tux'),
        ("a\\b", r'"a\\b"@test.tux'),
        (".a", '".a"@test.tux'),
        ("a.", '"a."@test.tux'),
        ("a..b", '"a..b"@test.tux'),
        ("a,b", '"a,b"@test.tux'),
        ("<>", '"<>"@test.tux'),
    ],
)
def test_render(local: str, rendered: str) -> None:
    assert render(Address(local, "test.tux")) == rendered


def is_822_dot_string(local: str) -> bool:
    """Postfix's `quote_822_local.c` with QUOTE_FLAG_8BITCLEAN, in its own order."""
    if not local or local[0] == "." or ".." in local:
        return False
    if any(
        character in ' ()<>@,;:\\"[]' or ord(character) < 32 or ord(character) == 127 for character in local
    ):
        return False
    return local[-1] != "."


@given(LOCAL_PARTS)
@example("\xa0")
def test_quotes_where_postfix_does(local: str) -> None:
    assert (render(Address(local, "test.tux"))[0] != '"') == is_822_dot_string(local)


@given(LOCAL_PARTS, DOMAINS)
def test_what_is_rendered_is_parsed_again(local: str, domain: str) -> None:
    address = Address(local, domain)
    assert parse(render(address)) == address


@given(st.one_of(st.text(), st.builds(lambda local, domain: f"{local}@{domain}", LOCAL_PARTS, st.text())))
def test_every_text_has_an_outcome(text: str) -> None:
    key = fold(text)
    address = parse(text)
    assert (key is None) == (address is None)
    if address is not None:
        assert key == key_of(address)
        assert fold(render(address)) == key
        assert fold_domain(address.domain) == address.domain
        render(address).encode()


@given(st.binary())
def test_any_bytes_have_an_outcome(key: bytes) -> None:
    text = decode_key(key)
    assert text is None or text.encode() == key


@given(LOCAL_PARTS, DOMAINS)
def test_quoted_and_unquoted_forms_agree(local: str, domain: str) -> None:
    """But for a local part that looks like a quoted string itself: a known limit."""
    if not (local.startswith('"') and local.endswith('"')):
        assert fold(f"{local}@{domain}") == fold(render(Address(local, domain)))


@given(LOCAL_PARTS.filter(lambda local: not local.startswith('"')), DOMAINS)
def test_case_makes_no_difference(local: str, domain: str) -> None:
    text = f"{local}@{domain}"
    for changed in (text.lower(), text.upper(), text.swapcase()):
        if fold_text(changed) == fold_text(text):  # "ı" is no lower case of "I" to casefold(3)
            assert fold(changed) == fold(text)


@given(
    st.text(st.sampled_from("abcäöüßéñæøåłжщλ中文"), max_size=12), st.sampled_from(["test", "Tux", "ТЕСТ"])
)
def test_u_labels_and_a_labels_agree(label: str, top: str) -> None:
    domain = f"x{label}.{top}"
    folded = fold_domain(domain)
    assert folded is not None
    assert folded.isascii()
    assert fold_domain(folded.upper()) == folded
    assert fold(f"a@{domain}") == fold(f"a@{folded}") == f"a@{folded}"


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ("anna", "anna"),
        ("Anna.Smith", "anna.smith"),
        ("anna@test.tux", "anna@test.tux"),
        ("Jörg", "jörg"),
        ("", None),
        ("anna smith", None),
        ("anna,bob", None),
        ("anna\tbob", None),
        ("anna\xa0bob", None),
        ("*", None),
        ("<>", None),
        ('""', None),
        ("[1.2.3.4]", None),
        ("an\0na", None),
        ("\ud800", None),
        ("x" * 321, None),
    ],
)
def test_fold_login(text: str, login: str | None) -> None:
    assert fold_login(text) == login


def test_plain_addresses_are_their_own_key_and_value() -> None:
    assert all_plain(["anna@test.tux", "a.smith+x@a-b.test.tux"])
    assert not all_plain(["anna@test.tux", "Anna@test.tux"])
    assert not all_plain(["anna@test.tux", ".anna@test.tux"])
    assert not all_plain(["anna@test.tux\nbob@test.tux"])
    assert not all_plain(["a@" + "x" * 64 + ".test"])


@given(st.from_regex(r"[a-zA-Z.\"@ -]{1,10}@[a-z.-]{1,10}", fullmatch=True))
def test_plain_is_no_other_rule(text: str) -> None:
    if all_plain([text]):
        address = parse(text)
        assert address is not None
        assert key_of(address) == render(address) == text


def test_domain_of() -> None:
    assert domain_of("a@b@test.tux") == domain_of('"a@b"@test.tux') == domain_of("@test.tux") == "test.tux"
