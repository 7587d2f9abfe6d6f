"""The verb: where it looks, what it prints, and its exit code."""

import json
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from colocroute.cli.check import lines, session_warnings
from colocroute.cli.finding import finding
from colocroute.cli.main import main
from colocroute.model import Entry, SiteEntry, UserEntry
from tests.lab.company import SUFFIX, company_ldif
from tests.lab.daemon import daemon
from tests.lab.held import configured, holds
from tests.lab.mailcompany import age
from tests.lab.slapd import Slapd
from tests.vectors import COMPANY_LDIF, HERE, RULES, USER_FILTER, company_entries
from tests.vectors.company import BASE

IN_ORDER = [
    Entry(b"site", "cn=site", site=SiteEntry(("central.test.tux",), ("smtp:[10.1.0.1]",))),
    Entry(b"anna", "uid=anna", UserEntry(("anna@test.tux",), ("anna@central.test.tux",), ("anna",))),
]
WARNED = [Entry(b"x", "uid=x", UserEntry(("x@example.com",), ("x@central.test.tux",)))]


@pytest.fixture
def directory() -> Iterator[Path]:
    """Short enough for a socket, and open to all."""
    path = Path(tempfile.mkdtemp(prefix="cr", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def etc(directory: Path) -> Path:
    return postfix(directory)


def postfix(directory: Path, main: str = "recipient_delimiter = +\n", chroot: str = "n") -> Path:
    etc = directory / "etc"
    etc.mkdir(exist_ok=True)
    (etc / "main.cf").write_text(f"compatibility_level = 3.6\n{main}")
    (etc / "master.cf").write_text(f"smtp inet n - {chroot} - - smtpd\n")
    age(etc)
    return etc


def check(config: Path, etc: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict[str, str]]]:
    code = main(["check", "--json", "-c", str(config), "--config-dir", str(etc)])
    found: list[dict[str, str]] = json.loads(capsys.readouterr().out)
    return code, found


def codes(found: list[dict[str, str]]) -> list[str]:
    return [one["code"] for one in found]


def test_all_in_order(directory: Path, etc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(directory)
    holds(config, IN_ORDER)
    assert check(config, etc, capsys) == (0, [])
    assert main(["check", "-c", str(config), "--config-dir", str(etc)]) == 0
    assert capsys.readouterr().out == "0 errors, 0 warnings\n"


def test_warnings_alone_are_no_failure(
    directory: Path, etc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configured(directory)
    holds(config, [*IN_ORDER, *WARNED])
    code, found = check(config, etc, capsys)
    assert (code, codes(found)) == (0, ["foreign-address"])
    assert found[0].keys() == {"level", "code", "subject", "message", "remedy"}


def test_the_company_has_errors(directory: Path, etc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(directory)
    holds(config, company_entries())
    code, found = check(config, etc, capsys)
    assert code == 1
    levels = [one["level"] for one in found]
    assert levels == sorted(levels), "errors first"
    assert {"duplicate-owner", "bad-nexthop", "no-route", "foreign-address"} <= set(codes(found))
    assert main(["check", "-c", str(config), "--config-dir", str(etc)]) == 1
    out = capsys.readouterr().out
    assert "error: duplicate-owner: team@test.tux\n    2 entries have it" in out
    assert out.endswith("9 errors, 5 warnings\n")


def test_a_wrong_configuration(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(directory, stale_after="soon")
    assert main(["check", "-c", str(config)]) == 78
    assert "routing.stale_after" in capsys.readouterr().err


def test_before_the_first_start_the_directory_itself_is_read(
    directory: Path, etc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = check(configured(directory, here=list(HERE)), etc, capsys)
    assert code == 1
    assert [one["level"] for one in found if one["code"] == "mirror-empty"] == ["warning"]
    assert "duplicate-owner" in codes(found)


def test_no_mirror_and_no_directory(directory: Path, etc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(directory, uri=f"ldif:{directory}/none.ldif")
    code, found = check(config, etc, capsys)
    assert code == 1
    assert (found[0]["level"], found[0]["code"]) == ("error", "mirror-empty")
    assert "none.ldif" in found[0]["message"]


def test_a_directory_that_is_down_is_a_warning(
    directory: Path, etc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configured(directory, uri=f"ldapi://{str(directory).replace('/', '%2F')}%2Fnone")
    holds(config, IN_ORDER)
    code, found = check(config, etc, capsys)
    assert (code, codes(found)) == (0, ["directory-unreachable"])


def test_a_real_directory_that_hides_entrycsn(
    directory: Path, etc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hidden = "access to attrs=entryCSN by * none\naccess to * by * read"
    with Slapd(company_ldif(2), access=hidden) as slapd:
        config = configured(directory, uri=slapd.ldapi, here=list(HERE))
        text = config.read_text()
        config.write_text(text.replace(f'base = "{BASE}"', f'base = "{SUFFIX}"'))
        holds(config, IN_ORDER)
        code, found = check(config, etc, capsys)
    assert (code, codes(found)) == (0, ["entrycsn-unreadable"])


def test_warnings_of_a_session() -> None:
    (one,) = session_warnings(["7 referrals to other servers were not followed"], "ldapi:///")
    assert (one.level, one.code, one.subject) == ("warning", "directory-warning", "ldapi:///")


def test_the_postfix_of_this_machine(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(directory)
    holds(config, IN_ORDER)
    map_socket = directory / "map.sock"
    table = f"virtual_alias_maps = socketmap:unix:{map_socket}:virtual_alias\n"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(map_socket))
        map_socket.chmod(0o600)
        code, found = check(config, postfix(directory, table, chroot="y"), capsys)
        assert (code, codes(found)) == (
            1,
            ["socket-unreachable", "socket-unreachable", "delimiter-mismatch"],
        )
        assert "not in the chroot" in "".join(one["message"] for one in found)
        map_socket.chmod(0o666)
        proxied = f"{table.replace('socketmap:', 'proxy:socketmap:')}recipient_delimiter = +\n"
        assert check(config, postfix(directory, proxied, chroot="y"), capsys) == (0, [])


def test_a_postfix_that_was_named_must_be_there(directory: Path) -> None:
    config = configured(directory)
    holds(config, IN_ORDER)
    assert main(["check", "-c", str(config), "--config-dir", str(directory / "none")]) == 75


def test_a_thousand_of_a_kind_are_cut_for_a_person() -> None:
    told = list(lines([finding("no-route", f"uid={n:04}", "why") for n in range(1000)]))
    assert len(told) == 20 * 3 + 2
    assert told[-2:] == ["error: no-route: 980 more, which --json lists", "1000 errors, 0 warnings"]


def test_nothing_unprintable_reaches_the_terminal() -> None:
    assert "error: no-route: \\x1b[31m" in list(lines([finding("no-route", "\x1b[31m", "why")]))


def test_beside_the_daemon_and_after_it(etc: Path) -> None:
    sections: dict[str, dict[str, Any]] = {
        "directory": {"uri": f"ldif:{COMPANY_LDIF}", "base": BASE},
        "schema": {"user_filter": USER_FILTER},
        "routing": {"domains": list(RULES.domains), "here": list(HERE)},
        "listen": {"socket_mode": "0666"},
    }
    with daemon(sections) as running:
        running.directory.chmod(0o755)
        running.wait_state("live")
        beside = running.run("check", "--json", "--config-dir", str(etc))
        away = running.socket.rename(running.directory / "away")
        lost = running.run("check", "--json", "--config-dir", str(etc))
        away.rename(running.socket)
        running.stop()
        after = running.run("check", "--json", "--config-dir", str(etc))
    assert beside.returncode == after.returncode == lost.returncode == 1
    assert json.loads(beside.stdout) == json.loads(after.stdout)
    assert "duplicate-owner" in codes(json.loads(after.stdout))
    assert "socket-unreachable" not in codes(json.loads(beside.stdout))
    assert "socket-unreachable" in codes(json.loads(lost.stdout))


def test_a_site_that_came_after_the_lists_of_main_cf(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configured(directory)
    holds(config, IN_ORDER)
    etc = postfix(directory)
    assert main(["postconf", "-c", str(config), "--config-dir", str(etc), "--apply"]) == 0
    age(etc)
    capsys.readouterr()
    code, found = check(config, etc, capsys)
    assert "unlisted-domain" not in codes(found)
    rome = Entry(b"rome", "cn=rome", site=SiteEntry(("rome.test.tux",), ("smtp:[10.4.0.1]",)))
    holds(config, [*IN_ORDER, rome])
    code, found = check(config, etc, capsys)
    assert (code, [one["subject"] for one in found if one["code"] == "unlisted-domain"]) == (
        1,
        ["rome.test.tux"],
    )
