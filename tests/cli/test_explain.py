"""The verb: what it prints, and its exit code."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from colocroute.cli.main import main
from colocroute.model import UserEntry
from tests.lab.daemon import daemon
from tests.lab.held import configured, holds
from tests.vectors import COMPANY_LDIF, HERE, RULES, USER_FILTER, company_entries
from tests.vectors.company import BASE


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = configured(tmp_path_factory.mktemp("company"))
    holds(path, company_entries())
    return path


@pytest.mark.parametrize(
    ("address", "code"),
    [("anna@test.tux", 0), ("nobody@test.tux", 1), ("dora@test.tux", 1), ("x@y.z", 1), ("team@test.tux", 75)],
)
def test_the_exit_code(config: Path, address: str, code: int) -> None:
    assert main(["explain", "-c", str(config), address]) == code


def test_for_a_person(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "-c", str(config), "a.smith+x@test.tux"]) == 0
    out = capsys.readouterr().out
    for line in (
        "Mail for a.smith+x@test.tux goes to anna@external.test.tux, by smtp:[10.2.0.1]\n",
        "entry      uid=anna,ou=users,dc=test,dc=tux (owner; anna@external.test.tux)\n",
        "matched    public address (alias) a.smith@test.tux\n",
        "site       external.test.tux, elsewhere\n",
        "  1. virtual_alias a.smith+x@test.tux -> anna+x@external.test.tux   (smtpd at RCPT TO, cleanup)\n",
        "The mirror is live since ",
    ):
        assert line in out


def test_nothing_unprintable_reaches_the_terminal(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "-c", str(config), "\x1b[31m\udcff@test.tux"]) == 1
    assert r"\x1b[31m\udcff@test.tux is no address" in capsys.readouterr().out


def test_for_programs(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--json", "-c", str(config), "bob@test.tux"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert value["address"] == "bob@test.tux"
    assert value["dn"] == "uid=bob,ou=users,dc=test,dc=tux"
    assert value["matched"].startswith("public address")
    assert (value["route"], value["site"]) == ("bob@central.test.tux", "central.test.tux")
    assert (value["nexthop"], value["here"], value["state"]) == ("smtp:[10.1.0.1]", True, "live")
    assert value["age"] >= 0
    assert [(step["map"], step["answer"]) for step in value["steps"]] == [
        ("virtual_alias", "bob@central.test.tux"),
        ("virtual_alias", "NOTFOUND"),
        ("transport", "NOTFOUND"),
    ]


@pytest.mark.parametrize(
    ("uri", "address", "matched"),
    [
        ("", "anna@test.tux", "public address (mail)"),
        ("", "any@second.test", "catch-all (alias)"),
        ("", "anna@external.test.tux", "route address (colocRouteAddress)"),
        (
            "ldif:/nonexistent",
            "anna@test.tux",
            "public address (mail or alias: the directory cannot be asked which)",
        ),
    ],
)
def test_the_attribute_is_what_the_directory_says_now(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], uri: str, address: str, matched: str
) -> None:
    path = configured(tmp_path, **({"uri": uri} if uri else {}))
    holds(path, company_entries())
    assert main(["explain", "--json", "-c", str(path), address]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["matched"] == matched
    assert said.err == ""


def test_what_the_directory_does_not_have_any_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = configured(tmp_path)
    new = UserEntry(("anna.new@test.tux",), ("anna@external.test.tux",))
    changed = [
        msgspec.structs.replace(entry, user=new) if entry.dn.startswith("uid=anna,") else entry
        for entry in company_entries()
    ]
    holds(path, changed)
    assert main(["explain", "--json", "-c", str(path), "anna.new@test.tux"]) == 0
    matched = json.loads(capsys.readouterr().out)["matched"]
    assert matched == "public address (mail or alias: the directory has it in none of them now)"


def test_one_attribute_alone_needs_no_asking(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = configured(tmp_path, uri="ldif:/nonexistent")
    path.write_text(path.read_text().replace("[schema]", '[schema]\naddresses = ["mail"]'))
    holds(path, company_entries())
    assert main(["explain", "--json", "-c", str(path), "anna@test.tux"]) == 0
    assert json.loads(capsys.readouterr().out)["matched"] == "public address (mail)"


def test_an_empty_mirror(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = configured(tmp_path)
    assert main(["explain", "-c", str(path), "anna@test.tux"]) == 75
    assert "The mirror is empty" in capsys.readouterr().out
    assert main(["explain", "-c", str(path), "x@example.com"]) == 1


def test_beside_the_daemon_and_after_it() -> None:
    sections: dict[str, dict[str, Any]] = {
        "directory": {"uri": f"ldif:{COMPANY_LDIF}", "base": BASE},
        "schema": {"user_filter": USER_FILTER},
        "routing": {"domains": list(RULES.domains), "here": list(HERE)},
    }
    with daemon(sections) as running:
        running.wait_state("live")
        beside = running.run("explain", "--json", "anna+x@test.tux")
        running.stop()
        after = running.run("explain", "--json", "anna+x@test.tux")
    assert beside.returncode == after.returncode == 0
    one, other = json.loads(beside.stdout), json.loads(after.stdout)
    assert one["mirror"]["last_contact"]
    for field in ("dn", "matched", "route", "site", "nexthop", "here", "steps", "extension"):
        assert one[field] == other[field]
