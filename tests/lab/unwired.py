"""A configuration with a filled mirror, and a Postfix that is not running and knows nothing of colocroute."""

from pathlib import Path

from colocroute.cli.main import main
from tests.lab import mailcompany

NEXTHOPS = {"central.test.tux": "smtp:[10.1.0.1]", "external.test.tux": "smtp:[10.2.0.1]"}

WIRINGS = [(), ("--no-rewriting",), ("--wiring", "maps"), ("--wiring", "maps", "--no-rewriting")]


def unwired(directory: Path) -> tuple[Path, Path]:
    """The configuration, and the directory of main.cf."""
    config = directory / "colocroute.toml"
    config.write_text(
        '[directory]\nbase = "dc=test,dc=tux"\n[routing]\ndomains = ["test.tux"]\n'
        'local_transport = "lmtp:unix:private/dovecot-lmtp"\n[listen]\npolicy = ["inet:127.0.0.1:2527"]\n'
        f'[store]\npath = "{directory}/store"\n'
    )
    mailcompany.fill_mirror(config, mailcompany.records(NEXTHOPS))
    etc = directory / "etc"
    etc.mkdir()
    (etc / "main.cf").write_text("compatibility_level = 3.6\nmyhostname = mx1.test.tux\n")
    (etc / "master.cf").write_text("smtp inet n - n - - smtpd\n")
    return config, etc


def files(etc: Path) -> list[bytes]:
    """The content of the configuration of Postfix."""
    mailcompany.age(etc)
    return [(etc / name).read_bytes() for name in ("main.cf", "master.cf")]


def postconf(config: Path, etc: Path, *options: str) -> int:
    """The command; `mailcompany.wire` is that with `--apply`."""
    return main(["postconf", "-c", str(config), "--config-dir", str(etc), *options])


def edit(config: Path, old: str, new: str) -> None:
    """Changes the configuration of colocroute."""
    assert old in config.read_text()
    config.write_text(config.read_text().replace(old, new))
