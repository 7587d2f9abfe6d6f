"""The directory read past the mirror."""

import errno
import socket
from pathlib import Path

import pytest

from colocroute.daemon import build, here, live
from colocroute.errors import DirectoryError
from colocroute.model import State, TempFail
from colocroute.routing.maps import MAPS
from tests.lab.company import SUFFIX, Person, company_ldif
from tests.lab.held import configured
from tests.lab.slapd import Slapd
from tests.vectors import HERE, company_records
from tests.vectors.company import BASE


def test_every_record_as_the_mirror_would_keep_it(tmp_path: Path) -> None:
    config = build.load(configured(tmp_path))
    said = live.read_directory(config)
    assert sorted(said, key=lambda record: record.dn) == sorted(
        company_records(), key=lambda record: record.dn
    )
    assert not (tmp_path / "store").exists(), "nothing is written"


def test_it_is_live_and_knows_what_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    view = live.live_view(build.load(configured(tmp_path, here=list(HERE))))
    assert view.state is State.LIVE
    assert [domain for domain, site in view.topology.sites.items() if site.here] == list(HERE)
    assert len(view.owners("team@test.tux")) == 2
    monkeypatch.setattr(here, "FIND_SECONDS", 0.0)  # nobody is to ask the DNS
    view = live.live_view(build.load(configured(tmp_path, proxy_addresses=["10.2.0.1"])))
    assert [domain for domain, site in view.topology.sites.items() if site.here] == ["external.test.tux"]


def test_a_site_that_may_be_here_is_sent_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(here, "FIND_SECONDS", 0.0)  # no name is resolved
    view = live.live_view(build.load(configured(tmp_path)))
    paris = view.topology.sites["paris.test.tux"]
    assert (paris.nexthop, "not been resolved yet" in paris.problem) == ("", True)
    assert isinstance(MAPS["transport"](view, "x@paris.test.tux"), TempFail)
    assert view.topology.sites["external.test.tux"].nexthop == "smtp:[10.2.0.1]"
    view = live.live_view(build.load(configured(tmp_path, here=list(HERE))))
    assert view.topology.sites["paris.test.tux"].nexthop == "smtp:[mail.paris.test.tux]:2525"


def test_a_server_is_read_whole_and_left(tmp_path: Path) -> None:
    with Slapd(company_ldif(20)) as slapd:
        config = build.load(configured(tmp_path, uri=slapd.ldapi))
        view = live.live_view(config)
        assert len(view.owners("user7@test.tux")) == 1
        assert set(view.topology.sites) == {"central.test.tux", "external.test.tux", "paris.test.tux"}
    with pytest.raises(DirectoryError, match=slapd.ldapi):
        live.read_directory(config)


def test_which_attributes_hold_an_address(tmp_path: Path) -> None:
    config = build.load(configured(tmp_path))
    anna = f"uid=anna,ou=users,{BASE}"
    assert live.holding(config, anna, "anna@test.tux") == ("mail",)
    assert live.holding(config, anna.upper(), "a.smith@test.tux") == ("alias",)
    assert live.holding(config, anna, "anna@xn--bcher-kva.test") == ("alias",)
    assert live.holding(config, f"uid=postbox,ou=users,{BASE}", "@second.test") == ("alias",)
    assert live.holding(config, anna, "bob@test.tux") == ()
    assert live.holding(config, f"uid=gone,{BASE}", "bob@test.tux") == ()


def test_which_attributes_of_an_entry_of_a_server(tmp_path: Path) -> None:
    one = Person(0)
    both = "dn: cn=below,{dn}\nobjectClass: inetOrgPerson\ncn: below\nsn: x\nmail: {mail}\n\n"
    with Slapd(company_ldif(2) + both.format(dn=one.dn, mail=one.aliases[0])) as slapd:
        config = build.load(configured(tmp_path, uri=slapd.ldapi))
        assert live.holding(config, one.dn, one.mail) == ("mail",)
        assert live.holding(config, one.dn, one.aliases[0]) == ("alias",), "not that of an entry below it"
        with pytest.raises(DirectoryError, match="uid=gone"):
            live.holding(config, f"uid=gone,{SUFFIX}", one.mail)


def test_who_waits_for_a_directory_does_not_wait_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "ASK_SECONDS", 0.2)
    path = f"{tmp_path}/slow"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        config = build.load(configured(tmp_path, uri=f"ldapi://{path.replace('/', '%2F')}"))
        with pytest.raises(DirectoryError, match=r"no answer within 0\.2 s"):
            live.holding(config, f"uid=anna,{BASE}", "anna@test.tux")


def test_a_full_disk_under_the_directory_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> tuple[str, ...]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(live, "_holding", full)
    with pytest.raises(DirectoryError, match="No space left on device"):
        live.holding(build.load(configured(tmp_path)), f"uid=anna,{BASE}", "anna@test.tux")
