"""What is dumped is what a lookup answers, and what a table made of it answers too."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from colocroute.cli import dump
from colocroute.cli.main import main
from colocroute.daemon import asking, build
from colocroute.daemon.whole import whole
from colocroute.model import Entry, Found, SiteEntry, TempFail, UserEntry
from colocroute.routing import maps
from tests.lab.daemon import daemon
from tests.lab.held import configured, holds
from tests.lab.mailcompany import age
from tests.vectors import COMPANY_LDIF, HERE, RULES, USER_FILTER, VECTORS, Kind, company_entries
from tests.vectors.company import BASE


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = configured(tmp_path_factory.mktemp("company"))
    holds(path, moved(company_entries(), "anna@central.test.tux"))
    holds(path, company_entries())
    return path


def moved(entries: list[Entry], route: str) -> list[Entry]:
    """Anna where she was before."""
    return [
        msgspec.structs.replace(entry, user=msgspec.structs.replace(entry.user, routes=(route,)))
        if entry.user and entry.dn.startswith("uid=anna,")
        else entry
        for entry in entries
    ]


def dumped(config: Path, map_name: str) -> dict[str, str]:
    with whole(build.load(config)) as view:
        pairs = list(dump.lines(view, map_name))
    keys = [key for key, _ in pairs]
    assert keys == sorted(set(keys))
    return {key: answer.value for key, answer in pairs if isinstance(answer, Found)}


@pytest.mark.parametrize("map_name", maps.MAPS)
def test_each_line_is_what_a_lookup_says(config: Path, map_name: str) -> None:
    lines = dumped(config, map_name)
    assert lines
    with asking.resolver(build.load(config)) as resolver:
        for key, value in lines.items():
            if not key.startswith("@"):
                assert resolver.answer(map_name.encode(), key.encode()) == Found(value)


@pytest.mark.parametrize("map_name", maps.MAPS)
def test_no_key_that_the_vectors_know_is_missing(config: Path, map_name: str) -> None:
    """But for extensions, other spellings, and addresses that only a domain or catch-all stands for."""
    values = set(dumped(config, map_name).values())
    wanted = {
        vector.value
        for vector in VECTORS
        if vector.map_name == map_name and vector.kind is Kind.FOUND and b"+" not in vector.key
    }
    assert wanted <= values


def test_catch_all_quoted_and_former(config: Path) -> None:
    lines = dumped(config, "virtual_alias")
    assert lines["@second.test"] == "postbox@central.test.tux"
    assert lines['"ida q"@test.tux'] == '"ida q"@external.test.tux'
    assert lines["anna@central.test.tux"] == "anna@external.test.tux"
    assert lines["anna@xn--bcher-kva.test"] == "anna@external.test.tux"
    assert not {"team@test.tux", "dora@test.tux", "anna@elsewhere.example"} & lines.keys()
    transports = dumped(config, "transport")
    assert transports["anna@central.test.tux"] == "smtp:[10.2.0.1]"
    assert transports["external.test.tux"] == "smtp:[10.2.0.1]"
    assert "second.test" not in transports, "its catch-all is here"
    assert not [key for key in transports if key.startswith("@")], "transport(5) never looks them up"
    assert "test.tux" not in transports, "a public domain without a catch-all"
    assert "@second.test" not in dumped(config, "sender_login")


def test_an_address_that_only_the_catch_all_has(tmp_path: Path) -> None:
    holder = Entry(
        b"x", "uid=x", UserEntry(("nobody0@test.tux", "nobody1@test.tux", "@test.tux"), ("x@a.test.tux",))
    )
    site = Entry(b"a", "cn=a", site=SiteEntry(("a.test.tux",), ("smtp:[10.1.0.1]",)))
    path = configured(tmp_path)
    holds(path, [holder, site], here=())
    with whole(build.load(path)) as view:
        assert dump.unowned(view, "test.tux") == "nobody2@test.tux"
        assert dict(dump.lines(view, "transport"))["test.tux"] == Found("smtp:[10.1.0.1]")


def test_what_is_left_out_is_named(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dump", "-c", str(config)]) == 0
    captured = capsys.readouterr()
    assert "anna@test.tux\tanna@external.test.tux\n" in captured.out
    assert "team@test.tux" not in captured.out
    assert "@second.test\tpostbox@central.test.tux\n" in captured.out, "nothing of its domain is left out"
    assert "colocroute: team@test.tux: left out: <team@test.tux> has several routes\n" in captured.err


CATCHER = Entry(b"x", "uid=x", UserEntry(("@test.tux", "x@test.tux"), ("x@a.test.tux",)))
SITES = [
    Entry(site.encode(), f"cn={site}", site=SiteEntry((f"{site}.test.tux",), (f"smtp:[10.{n}.0.1]",)))
    for n, site in enumerate("ab")
]
TEAM = [
    Entry(site.encode() * 2, f"uid={site}", UserEntry(("team@test.tux",), (f"team@{site}.test.tux",)))
    for site in "ab"
]


@pytest.mark.parametrize("map_name", ["virtual_alias", "recipient", "transport"])
def test_a_catch_all_gets_nothing_that_was_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], map_name: str
) -> None:
    """virtual(5) and transport(5) would give it the mail of the team: a later is no yes."""
    path = configured(tmp_path, domains=["test.tux", "second.test"])
    second = Entry(b"y", "uid=y", UserEntry(("@second.test",), ("y@a.test.tux",)))
    holds(path, [CATCHER, second, *SITES, *TEAM], here=())
    assert main(["dump", "-c", str(path), "--map", map_name]) == 1
    said = capsys.readouterr()
    printed = [line.split("\t")[0] for line in said.out.splitlines()]
    in_domain = "" if map_name == "transport" else "@"
    assert f"{in_domain}test.tux" not in printed
    assert {f"{in_domain}second.test", "x@test.tux"} <= set(printed), "the others stay"
    warnings = [line for line in said.err.splitlines() if "@test.tux: left out, or" in line]
    assert warnings == [
        "colocroute: warning: @test.tux: left out, or a table would give it the mail of team@test.tux"
    ]


def test_a_catch_all_in_another_map_has_no_say(tmp_path: Path) -> None:
    path = configured(tmp_path, domains=["test.tux"])
    holds(path, [CATCHER, *SITES, *TEAM], here=())
    assert main(["dump", "-c", str(path), "--map", "imap_server"]) == 0


def test_the_transport_of_a_catch_all_takes_nothing_from_the_site_that_is_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who is here, without a local_transport, has no line."""
    path = configured(tmp_path, domains=["test.tux"], here=["b.test.tux"])
    bob = Entry(b"bob", "uid=bob", UserEntry(("bob@test.tux",), ("bob@b.test.tux",)))
    holds(path, [CATCHER, bob, *SITES], here=("b.test.tux",))
    assert main(["dump", "-c", str(path), "--map", "transport"]) == 1
    said = capsys.readouterr()
    assert "\ntest.tux\t" not in said.out and "bob@test.tux" in said.err
    assert main(["dump", "-c", str(path)]) == 0


def test_a_mirror_that_is_old_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = configured(tmp_path)
    holds(path, company_entries(), live=False)
    assert main(["dump", "-c", str(path)]) == 0
    assert "warning: the mirror is stale" in capsys.readouterr().err


def test_an_empty_mirror_is_no_empty_map(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dump", "-c", str(configured(tmp_path))]) == 75
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "the mirror is empty" in captured.err


def test_an_unknown_map(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dump", "-c", str(config), "--map", "x"]) == 64
    assert "unknown map 'x'; there are: virtual_alias," in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["lmdb", "hash"])
@pytest.mark.parametrize("map_name", ["virtual_alias", "transport", "recipient", "relay_domains"])
def test_a_table_made_of_it_answers_alike(
    config: Path, kind: str, map_name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dump", "-c", str(config), "--map", map_name]) == 0
    table = tmp_path / "table"
    table.write_text(capsys.readouterr().out)
    (tmp_path / "main.cf").write_text("compatibility_level = 3.6\n")
    age(tmp_path)
    postmap = ["postmap", "-c", str(tmp_path)]
    subprocess.run([*postmap, f"{kind}:{table}"], check=True, timeout=30)
    keys = [line.split("\t")[0] for line in table.read_text().splitlines()]
    done = subprocess.run(
        [*postmap, "-q", "-", f"{kind}:{table}"],
        input="\n".join(keys),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout == table.read_text()


def test_beside_the_daemon_and_after_it() -> None:
    sections: dict[str, dict[str, Any]] = {
        "directory": {"uri": f"ldif:{COMPANY_LDIF}", "base": BASE},
        "schema": {"user_filter": USER_FILTER},
        "routing": {"domains": list(RULES.domains), "here": list(HERE)},
    }
    with daemon(sections) as running:
        running.wait_state("live")
        beside = running.run("dump", "--map", "transport")
        for line in beside.stdout.decode().splitlines():
            key, value = line.split("\t")
            assert running.ask("transport", key) == Found(value)
        running.stop()
        after = running.run("dump", "--map", "transport")
    assert beside.returncode == after.returncode == 0
    assert beside.stdout == after.stdout != b""


def test_nothing_but_temporary_failures_is_left_out(config: Path) -> None:
    with whole(build.load(config)) as view:
        out = {key for key, answer in dump.lines(view, "recipient") if isinstance(answer, TempFail)}
    assert {"team@test.tux", "erik@test.tux", "gina@test.tux", "hugo@test.tux"} <= out


def test_a_table_is_utf_8_in_every_locale(config: Path) -> None:
    def said(**environment: str) -> bytes:
        argv = [sys.executable, "-m", "colocroute", "dump", "-c", str(config)]
        return subprocess.run(argv, capture_output=True, check=True, env={**os.environ, **environment}).stdout

    assert said(PYTHONIOENCODING="latin1") == said(PYTHONIOENCODING="ascii") == said(PYTHONIOENCODING="utf-8")
    assert not said(PYTHONIOENCODING="ascii").isascii()
