"""The Debian package: what is in it.  Its life is in `test_deb_life`."""

import os
import re
from pathlib import Path

import pytest

from tests.lab.deb import EXAMPLES, HOME, ROOT, run, stubbed


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stubbed(tmp_path_factory.mktemp("stub"), "1.2")


def test_the_control_file_is_well_formed(stub: Path) -> None:
    fields = dict(re.findall(r"(?m)^([A-Z][\w-]*): (.+)$", run("dpkg-deb", "--field", stub)))
    assert stub.name == f"colocroute_1.2_{fields['Architecture']}.deb"
    assert fields["Version"] == "1.2"
    minor = run("/usr/bin/python3", "-c", "import sys; print(sys.version_info[1])").strip()
    assert f"python3 (>= 3.{minor}), python3 (<< 3.{int(minor) + 1})" in fields["Depends"]
    # The group of the socket, the programs of postinst, and /bin/kill of ExecReload=.
    assert {"postfix", "systemd", "procps"} <= set(fields["Depends"].split(", "))
    assert int(fields["Installed-Size"]) > 0


def test_what_comes_before_a_version_sorts_before_it(tmp_path: Path) -> None:
    for name, version, expected in (("rc", "1.0rc1", "1.0~rc1"), ("dev", "1.0.dev3", "1.0~dev3")):
        package = stubbed(tmp_path / name, version)
        assert run("dpkg-deb", "--field", package, "Version").strip() == expected
        run("dpkg", "--compare-versions", expected, "lt", "1.0")


def test_the_maintainer_scripts_are_shell(stub: Path, tmp_path: Path) -> None:
    run("dpkg-deb", "--control", stub, tmp_path / "control")
    for name in ("postinst", "prerm", "postrm"):
        script = tmp_path / "control" / name
        assert os.access(script, os.X_OK)
        assert script.read_text().startswith("#!/bin/sh\n")
        run("sh", "-n", script)


def test_the_list_of_files_is_complete(stub: Path, tmp_path: Path) -> None:
    run("dpkg-deb", "--extract", stub, tmp_path)
    files = {f"/{path.relative_to(tmp_path)}": path for path in tmp_path.rglob("*") if path.is_file()}
    homes = {
        "colocroute.service": "/usr/lib/systemd/system/colocroute.service",
        "colocroute.socket": "/usr/lib/systemd/system/colocroute.socket",
        "colocroute.sysusers.conf": "/usr/lib/sysusers.d/colocroute.conf",
        "colocroute.tmpfiles.conf": "/usr/lib/tmpfiles.d/colocroute.conf",
        "colocroute.toml.example": f"{EXAMPLES}/colocroute.toml",
    }
    for ours in (ROOT / "postfix").iterdir():
        installed = files[homes.get(ours.name, f"{EXAMPLES}/{ours.name}")]
        assert installed.read_bytes() == ours.read_bytes()
    for name in ("copyright", "changelog.gz", "README.md", "docs/install.md", "docs/configuration.md"):
        assert f"/usr/share/doc/colocroute/{name}" in files
    setup = files["/usr/share/doc/colocroute/docs/setup.md"]
    for link in re.findall(r"\]\(([^)#:]+)\)", setup.read_text()):
        assert (setup.parent / link).exists(), link
    assert f"{HOME}/colocroute/__init__.py" in files
    assert os.access(files["/usr/bin/colocroute"], os.X_OK)
    assert HOME in files["/usr/bin/colocroute"].read_text()


def test_its_files_are_root_s_and_no_configuration(stub: Path) -> None:
    for line in run("dpkg-deb", "--contents", stub).splitlines():
        mode, owner, *_, path = line.split()
        assert owner == "root/root"
        assert mode[0] == "l" or mode[1:] in ("rw-r--r--", "rwxr-xr-x"), line
        assert not path.startswith("./etc"), "a configuration is the operator's, and none works everywhere"
