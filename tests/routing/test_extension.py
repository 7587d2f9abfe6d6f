"""Extensions begin where Postfix says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colocroute.routing.extension import split


@pytest.mark.parametrize(
    ("local", "delimiters", "base", "extension"),
    [
        ("anna+news", "+", "anna", "+news"),
        ("Anna+News", "+", "Anna", "+News"),
        ("anna+", "+", "anna", "+"),
        ("anna+a+b", "+", "anna", "+a+b"),
        ("anna++b", "+", "anna", "++b"),
        ("anna", "+", "anna", ""),
        ("+anna", "+", "+anna", ""),
        ("+anna+x", "+", "+anna+x", ""),
        ("anna+x", "", "anna+x", ""),
        ("anna+x", "-", "anna+x", ""),
        ("anna-x+y", "+-", "anna", "-x+y"),
        ("anna+x-y", "+-", "anna", "+x-y"),
        ("anna+x y", "+", "anna", "+x y"),
        ("postmaster", "+o", "postmaster", ""),
        ("PostMaster", "+o", "PostMaster", ""),
        ("postmaster+x", "+", "postmaster", "+x"),
        ("mailer-daemon", "-", "mailer-daemon", ""),
        ("MAILER-DAEMON", "-", "MAILER-DAEMON", ""),
        ("double-bounce", "+-", "double-bounce", ""),
        ("Double-Bounce", "+-", "Double-Bounce", ""),
        ("owner-list", "-", "owner-list", ""),
        ("Owner-list+x", "+-", "Owner-list+x", ""),
        ("owner-list+x", "+", "owner-list", "+x"),
        ("owners-list", "-", "owners", "-list"),
        ("list-request", "-", "list-request", ""),
        ("list+x-Request", "+-", "list+x-Request", ""),
        ("list+x-request", "+", "list", "+x-request"),
        ("list-requests", "-", "list", "-requests"),
        ("-request", "-", "-request", ""),
        ("", "+", "", ""),
    ],
)
def test_split(local: str, delimiters: str, base: str, extension: str) -> None:
    assert split(local, delimiters) == (base, extension)


@given(st.text(st.sampled_from("ab+-_ü@ ")), st.text(st.sampled_from("+-_"), max_size=3))
def test_nothing_is_lost(local: str, delimiters: str) -> None:
    base, extension = split(local, delimiters)
    assert base + extension == local
    assert bool(base) == bool(local)
    assert not extension or (extension[0] in delimiters and not set(base) & set(delimiters))
