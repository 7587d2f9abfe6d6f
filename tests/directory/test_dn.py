import pytest
from hypothesis import given
from hypothesis import strategies as st

from colocroute.directory.dn import is_below, normalise, split


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("uid=anna,dc=test,dc=tux", "uid=anna,dc=test,dc=tux"),
        ("UID=Anna, DC=Test , dc=TUX", "uid=anna,dc=test,dc=tux"),
        ("uid = anna ;dc=test", "uid=anna,dc=test"),
        ("cn=Anna  Smith,dc=tux", "cn=anna smith,dc=tux"),
        ("sn=b+CN=a,dc=tux", "cn=a+sn=b,dc=tux"),
        (r"cn=Smith\, Anna,dc=tux", r"cn=smith\2c anna,dc=tux"),
        (r"cn=Smith\2C Anna,dc=tux", r"cn=smith\2c anna,dc=tux"),
        ('cn="Smith, Anna",dc=tux', r"cn=smith\2c anna,dc=tux"),
        (r"cn=anna\ ,dc=tux", "cn=anna,dc=tux"),
        (r"cn=L\c3\bcck,dc=tux", "cn=lück,dc=tux"),
        ("cn=STRASSE,dc=tux", "cn=strasse,dc=tux"),
        ("cn=Straße,dc=tux", "cn=strasse,dc=tux"),
        ("2.5.4.3=a,dc=tux", "2.5.4.3=a,dc=tux"),
        ("cn=a=b,dc=tux", r"cn=a\3db,dc=tux"),
        ("cn=,dc=tux", "cn=,dc=tux"),
        ("", ""),
        ("  ", ""),
    ],
)
def test_one_spelling_for_every_writing_of_a_name(written: str, normal: str) -> None:
    assert normalise(written) == normal
    assert normalise(normal) == normal


@given(
    st.lists(st.tuples(st.sampled_from(["uid", "CN ", " dc"]), st.text("aÄß .@\t=", max_size=6)), min_size=1)
)
def test_the_short_way_for_plain_names_is_the_same(parts: list[tuple[str, str]]) -> None:
    written = [f"{kind}={value}" for kind, value in parts]
    assert split(",".join(written)) == split(";".join([*written, "dc=x"]))[:-1]


@pytest.mark.parametrize(
    "bad", ["anna", "uid=anna,", ",dc=tux", "=x", "u id=x", "cn=a\\", 'cn="a', "ünï=x", "cn=a+"]
)
def test_bad_syntax_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="DN"):
        normalise(bad)


def test_the_base_itself_and_what_lies_below_it() -> None:
    base = split("dc=test,dc=tux")
    assert is_below(split("uid=a,dc=Test,dc=TUX"), base)
    assert is_below(base, base)
    assert is_below(split("dc=tux"), ())
    assert not is_below(split("dc=tux"), base)
    assert not is_below(split("dc=atest,dc=tux"), base)
    assert not is_below(split("uid=a,dc=other"), base)
