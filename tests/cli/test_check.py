"""The verb: where it looks, what it prints, and its exit code."""

import json
import re
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from colocroute.cli.check import lines, session_warnings
from colocroute.cli.finding import finding
from colocroute.cli.main import main
from colocroute.daemon import build, runtime
from colocroute.model import Entry, SiteEntry, UserEntry
from colocroute.store.meta import Held
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
    """The exit code and the findings, but that the service is stopped, which it is in nearly all tests."""
    code = main(["check", "--json", "-c", str(config), "--config-dir", str(etc)])
    found: list[dict[str, str]] = json.loads(capsys.readouterr().out)
    return code, [one for one in found if one["code"] != "service-stopped"]


def codes(found: list[dict[str, str]]) -> list[str]:
    return [one["code"] for one in found]


def test_all_in_order(directory: Path, etc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(directory)
    holds(config, IN_ORDER)
    assert check(config, etc, capsys) == (0, [])
    assert main(["check", "-c", str(config), "--config-dir", str(etc)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("warning: service-stopped: ") and said.endswith("\n0 errors, 1 warnings\n")


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
    assert re.search(r"\n\d+ errors, \d+ warnings\n$", out)


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


def test_an_edited_schema_is_told_from_a_service_that_has_read_nothing(
    directory: Path, etc: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = configured(directory)
    holds(config, company_entries())
    config.write_text(config.read_text().replace("[schema]", '[schema]\nlogin = "cn"'))
    _, found = check(config, etc, capsys)
    (empty,) = [one for one in found if one["code"] == "mirror-empty"]
    assert empty["message"].startswith(build.OTHERS_MIRROR)
    assert main(["lookup", "anna@test.tux", "-c", str(config)]) == 75
    assert build.OTHERS_MIRROR in capsys.readouterr().err


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
        assert (
            codes(found) == ["socket-unreachable", "socket-unreachable", "delimiter-mismatch"] and code == 1
        )
        assert "not in the chroot" in "".join(one["message"] for one in found)
        map_socket.chmod(0o666)
        proxied = f"{table.replace('socketmap:', 'proxy:socketmap:')}recipient_delimiter = +\n"
        assert check(config, postfix(directory, proxied, chroot="y"), capsys) == (0, [])
        entry = "check_policy_service { inet:[::1]:2527, policy_context=colocroute }"
        gone = f"transport_maps = socketmap:unix:/no/map.sock\nsmtpd_recipient_restrictions = {entry}\n"
        told = codes(check(config, postfix(directory, proxied + gone, chroot="y"), capsys)[1])
        assert told == ["policy-unreachable", "socket-unreachable"]


@pytest.mark.parametrize("named", [True, False])
def test_a_postfix_that_cannot_be_read_is_told(
    directory: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    config = configured(directory)
    holds(config, [*IN_ORDER, *WARNED])
    etc = directory / "none"
    if not named:
        monkeypatch.setenv("MAIL_CONFIG", str(etc))
    where = ["--config-dir", str(etc)] if named else []
    assert main(["check", "--json", "-c", str(config), *where]) == 1
    found = json.loads(capsys.readouterr().out)
    assert {"postfix-unreadable", "foreign-address"} <= set(codes(found))
    (one,) = [one for one in found if one["code"] == "postfix-unreadable"]
    assert "No such file or directory" in one["message"] and str(etc) in one["message"]


def test_without_a_postfix_there_is_nothing_to_say_of_it(
    directory: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(directory)
    holds(config, IN_ORDER)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert main(["check", "--json", "-c", str(config)]) == 0
    assert codes(json.loads(capsys.readouterr().out)) == ["service-stopped"]
    assert main(["check", "--json", "-c", str(config), "--config-dir", str(directory)]) == 1
    assert "is Postfix installed?" in capsys.readouterr().out


def test_what_is_judged_is_old(directory: Path, etc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(directory)
    holds(config, IN_ORDER, live=False)
    store = build.store_path(build.load(config))
    runtime.publish(store, runtime.REPLICATOR_FILE, {"last_error": "the directory is on fire"})
    code, found = check(config, etc, capsys)
    assert (code, codes(found)) == (0, ["mirror-stale"])
    assert found[0]["message"].endswith(": the directory is on fire")


def test_what_is_judged_is_held(directory: Path, etc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = configured(directory)
    holds(config, IN_ORDER)
    with build.open_mirror(build.load(config), writable=True) as mirror, mirror.transaction(1.0) as txn:
        txn.update_meta(held=Held(reason="7 of 8 users would go", would_remove=7, since=1.0))
    code, found = check(config, etc, capsys)
    assert (code, codes(found)) == (1, ["mirror-held"])
    assert "7 of 8 users would go" in found[0]["message"] and "accept" in found[0]["remedy"]


@pytest.mark.parametrize(
    ("password", "level", "remedy"),
    [("{0}/none", "error", "does not start"), ("/run/credentials/x/none", "warning", "start the service")],
)
def test_a_file_that_the_service_needs(
    directory: Path, etc: Path, capsys: pytest.CaptureFixture[str], password: str, level: str, remedy: str
) -> None:
    config = configured(directory)
    holds(config, IN_ORDER)
    server = f'uri = "ldapi:///"\nbind_dn = "cn=x"\nbind_password_file = "{password.format(directory)}"'
    lines = config.read_text().splitlines()
    config.write_text("\n".join(server if line.startswith("uri = ") else line for line in lines))
    code, found = check(config, etc, capsys)
    assert code == (1 if level == "error" else 0)
    (one,) = found
    assert (one["code"], one["level"]) == ("file-unreadable", level)
    assert one["subject"] == "directory.bind_password_file"
    assert "does not exist" in one["message"] and remedy in one["remedy"]


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
    told = json.loads(after.stdout)
    assert codes(json.loads(beside.stdout)) == [code for code in codes(told) if code != "service-stopped"]
    assert "service-stopped" in codes(told)
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


@pytest.mark.parametrize("begun", [False, True])
def test_lists_are_not_held_against_a_mirror_that_knows_only_a_part(
    begun: bool, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a mirror made with another [schema] the transports are known and the sites of mere routes are not."""
    config = configured(directory)
    by_route = Entry(b"zoe", "uid=zoe", UserEntry(("zoe@test.tux",), ("zoe@rome.test.tux",), ("zoe",)))
    holds(config, [*IN_ORDER, by_route])
    etc = postfix(directory)
    assert main(["postconf", "-c", str(config), "--config-dir", str(etc), "--apply"]) == 0
    age(etc)
    config.write_text(config.read_text().replace("[schema]", '[schema]\nlogin = "cn"'))
    if begun:  # the replicator has emptied it and not read the directory yet
        build.open_mirror(build.load(config), writable=True).close()
    capsys.readouterr()
    _, found = check(config, etc, capsys)
    assert not {"obsolete-domain", "unlisted-domain"} & set(codes(found))
    assert main(["postconf", "-c", str(config), "--config-dir", str(etc)]) == 75
    said = capsys.readouterr()
    assert said.out == ""
    assert "not every site is known" in said.err
