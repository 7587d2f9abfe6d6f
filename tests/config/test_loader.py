"""The configuration file: the contract's example, every mistake with its line, and all mistakes at once."""

import tempfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colocroute.config import Config, load
from colocroute.config.loader import MAX_BYTES
from colocroute.errors import ConfigError
from tests.config.files import DEFAULTS, REQUIRED, all_declared, mistakes, with_required, written

CONTRACT = Path(__file__).with_name("section6.toml")


def test_the_example_of_the_contract_is_the_default() -> None:
    assert load(CONTRACT) == DEFAULTS


def test_the_smallest_file(tmp_path: Path) -> None:
    assert load(written(tmp_path, with_required("store", ""))) == DEFAULTS


def test_every_key_of_the_contract_is_declared_and_no_other() -> None:
    contract = {
        f"{section}.{key}" for section, keys in tomllib.loads(CONTRACT.read_text()).items() for key in keys
    }
    assert {item.name for item in all_declared()} == contract | {"listen.allow_remote"}


@pytest.mark.parametrize("section", REQUIRED)
def test_what_is_required_is_missed(tmp_path: Path, section: str) -> None:
    others = "\n".join(f"[{name}]\n{body}" for name, body in REQUIRED.items() if name != section)
    (found,) = mistakes(tmp_path, others)
    assert found.startswith(f"{section}.{REQUIRED[section].partition(' ')[0]}: is missing, expected ")


def test_all_mistakes_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = mistakes(
        tmp_path,
        """workers = 3
[listen]
socketmap = ["inet:0.0.0.0:25", "inet:10.0.0.1:25"]
http = "127.0.0.1:80"

[directory]
bas = "dc=test"
bind_dn = "cn=x"
[routing]
domains = ["test.tux", "a b", 3]
stale_after = "0s"
[nonsense]
""",
    )
    assert [(line.partition(":")[0], line.rpartition(" (line ")[2].rstrip(")")) for line in found[:-1]] == [
        ("workers", "1"),
        ("listen.socketmap", "3"),
        ("listen.socketmap", "3"),
        ("listen.http", "4"),
        ("directory.bas", "7"),
        ("directory.bind_dn", "8"),
        ("routing.domains", "10"),
        ("routing.domains", "10"),
        ("routing.stale_after", "11"),
        ("nonsense", "12"),
    ]
    assert found[-1].startswith("directory.base: is missing")


def test_dotted_and_quoted_keys_have_lines_too(tmp_path: Path) -> None:
    found = mistakes(tmp_path, 'directory.base = "dc=x"\nrouting.domains = ["x y"]\nserver."spin" = "1"\n')
    assert [line.rpartition(" ")[2] for line in found] == ["2)", "3)"]


def test_a_section_that_is_no_table(tmp_path: Path) -> None:
    found = mistakes(tmp_path, 'store = "/x"\nserver = [1]\n' + with_required("guard", ""))
    assert [line.partition(",")[0] for line in found] == [
        'store: "/x" is not a section',
        "server: a list is not a section",
    ]


def test_checks_that_are_handed_in(tmp_path: Path) -> None:
    def refuse(value: str) -> None:
        raise ValueError(f"no {value}")

    path = written(tmp_path, with_required("listen", 'tcp_table = { nomap = "127.0.0.1:1" }'))
    with pytest.raises(ConfigError) as caught:
        load(path, {"listen.tcp_table": refuse, "routing.domains": refuse, "directory.base": refuse})
    assert sorted(caught.value.mistakes) == [
        "directory.base: no dc=test,dc=tux (line 2)",
        "listen.tcp_table: no nomap (line 7)",
        "routing.domains: no test.tux (line 4)",
    ]


def test_a_check_sees_no_value_of_the_wrong_type(tmp_path: Path) -> None:
    def unreachable(value: str) -> None:
        raise AssertionError(value)

    with pytest.raises(ConfigError):
        load(written(tmp_path, with_required("directory", "base = 5")), {"directory.base": unreachable})


FILES = [
    (b"[directory\n", "not TOML: ", "line 1, column 11"),
    (b'a = 1\nb = "x\n', "not TOML: ", "line 2, column 7"),
    (b"a = 1\na = 2\n", "not TOML: ", "line 2"),
    (b"a = 1\nb = '\xff'\n", "not UTF-8: byte 0xff", "(line 2)"),
    (b"a = " + b"[" * 50_000, "not TOML: too deeply nested", ""),
    (b"a = 9" + b"9" * 5000, "not TOML: ", ""),
    (b"#" * (MAX_BYTES + 1), "more than", "this is not a configuration file"),
]


@pytest.mark.parametrize(("data", "what", "where"), FILES, ids=range(len(FILES)))
def test_a_file_that_is_no_configuration(tmp_path: Path, data: bytes, what: str, where: str) -> None:
    (found,) = mistakes(tmp_path, data)
    assert found.startswith(f"{tmp_path}/colocroute.toml: {what}")
    assert where in found


def test_a_byte_order_mark_and_dos_lines_are_no_mistake(tmp_path: Path) -> None:
    text = "\ufeff" + with_required("store", "").replace("\n", "\r\n")
    assert load(written(tmp_path, text)) == DEFAULTS


@pytest.mark.parametrize("name", ["missing.toml", ".", "x\0y", "x" * 300])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / name)
    (found,) = caught.value.mistakes
    assert "cannot be read: " in found


SCALARS = st.one_of(
    st.booleans(), st.integers(-(2**40), 2**40), st.text(max_size=20), st.floats(allow_nan=False),
    st.sampled_from(["auto", "5s", "unix:/x", "inet:127.0.0.1:25", "ldap://h", "ldif:/x", "a.tux", "dc=x"]),
)  # fmt: skip
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
NAMES = st.sampled_from([item.key for item in all_declared()]) | st.text("abc_", min_size=1, max_size=5)


def as_toml(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(as_toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(c):08X}" for c in value) + '"'
    return repr(value)


@given(
    st.dictionaries(
        st.sampled_from(
            ["directory", "schema", "routing", "guard", "listen", "policy", "server", "store", "x"]
        ),
        st.dictionaries(NAMES, VALUES, max_size=4),
    )
)
def test_any_toml_is_a_configuration_or_a_list_of_mistakes(document: dict[str, dict[str, object]]) -> None:
    text = "\n".join(
        f"[{section}]\n" + "\n".join(f"{key} = {as_toml(value)}" for key, value in keys.items())
        for section, keys in document.items()
    )
    check(text.encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_configuration_or_a_list_of_mistakes(data: bytes) -> None:
    check(data)


def check(data: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        try:
            assert isinstance(load(Path(file.name)), Config)
        except ConfigError as error:
            assert error.mistakes
            assert all(line.isprintable() for line in error.mistakes)
