"""Asking the real Postfix and the real file system."""

import os
import shutil
import socket
import stat
from pathlib import Path

import pytest

from colocroute.cli.postfix_facts import account, is_absent, nodes, read_postfix
from colocroute.errors import ColocrouteError
from tests.lab.mailcompany import age


def test_a_postfix(tmp_path: Path) -> None:
    (tmp_path / "main.cf").write_text(
        "compatibility_level = 3.6\nrecipient_delimiter = $x\nx = +-\nmail_owner = postfix\n"
        "table = socketmap:unix:/run/x.sock\ntransport_maps = $table:transport\n"
    )
    (tmp_path / "master.cf").write_text("smtp inet n - y - - smtpd\n")
    age(tmp_path)
    postfix = read_postfix(tmp_path)
    assert postfix is not None
    assert postfix.recipient_delimiter == "+-"
    assert postfix.parameters["transport_maps"] == "socketmap:unix:/run/x.sock:transport"
    assert postfix.installed.chrooted == {"smtpd"}
    assert postfix.account is not None and postfix.account.name == "postfix"


def test_no_postfix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ColocrouteError, match=r"main\.cf"):
        read_postfix(tmp_path)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    assert read_postfix(None) is None


def test_accounts() -> None:
    root = account("root")
    assert root is not None and root.uid == 0 and 0 in root.groups
    assert account("no-such-user") is None


def test_the_way_to_a_socket(directory: Path) -> None:
    path = directory / "a" / "map.sock"
    assert [node.path for node in nodes(str(path))] == ["/", "/tmp", str(directory)]
    path.parent.mkdir(mode=0o711)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        path.chmod(0o640)
        found = nodes(str(path))
    assert [node.path for node in found[-2:]] == [str(path.parent), str(path)]
    assert stat.S_ISSOCK(found[-1].mode) and stat.S_IMODE(found[-1].mode) == 0o640
    assert (found[-1].uid, found[-1].gid) == (os.geteuid(), os.getegid())


def test_what_is_certainly_no_socket(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = directory / "map.sock"
    assert is_absent(str(path))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        assert not is_absent(str(path))
    path.unlink()
    path.touch()
    assert is_absent(str(path)) and is_absent(str(path / "below"))

    def refuse(_: Path) -> os.stat_result:
        raise PermissionError

    monkeypatch.setattr(Path, "stat", refuse)
    assert not is_absent(str(path))
