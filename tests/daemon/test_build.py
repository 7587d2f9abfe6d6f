"""Every key of the configuration reaches the part that it is for, and mistakes that only parts can see are seen."""

from pathlib import Path

import msgspec
import pytest

from colocroute.config import Config
from colocroute.daemon import build
from colocroute.directory.schema import Schema
from colocroute.errors import ConfigError
from colocroute.model import State
from colocroute.replicate.backoff import LONGEST_SECONDS
from colocroute.routing.view import Rules
from colocroute.store.mirror import Mirror
from tests.lab.held import configured, holds
from tests.vectors import company_entries

MINIMAL = '[directory]\nbase = "dc=test,dc=tux"\n[routing]\ndomains = ["test.tux"]\n'
EXAMPLE = Path(__file__).parents[2] / "postfix" / "colocroute.toml.example"


def load(directory: Path, text: str = MINIMAL) -> Config:
    path = directory / "colocroute.toml"
    path.write_text(text)
    return build.load(path)


def test_the_defaults_of_the_parts_are_those_of_the_configuration(tmp_path: Path) -> None:
    config = load(tmp_path)
    assert build.schema(config) == Schema()
    assert build.rules(config) == Rules(domains=("test.tux",))
    assert build.heartbeat(config) == build.HEARTBEAT_LONGEST


SAID = """
[directory]
uri = ["ldaps://a.test.tux", "ldapi:///"]
base = "dc=x,dc=tux"
bind_dn = "cn=mail,dc=x,dc=tux"
bind_password_file = "SECRET"
ca_file = "CA"
mode = "poll"
poll_interval = "7s"
full_refresh_interval = "2h"
[schema]
user_filter = "(mail=*)"
route = "r"
addresses = ["a", "b"]
login = "l"
imap_server = "i"
smtp_server = "s"
enabled = "e"
site_filter = "(cn=site)"
site_domain = "sd"
site_nexthop = "sn"
domain_filter = "(cn=domain)"
domain = "d"
[routing]
domains = ["test.tux"]
recipient_delimiter = "-"
propagate_extension = false
local_transport = "lmtp:unix:private/lmtp"
transports = ["smtp"]
dns_fallback = true
unknown_when_stale = "reject"
stale_after = "6s"
remember_moves = "3d"
[guard]
max_shrink_percent = 1
max_shrink_entries = 2
window = "3m"
"""


def test_every_key_reaches_its_part(tmp_path: Path) -> None:
    secret, ca_file = tmp_path / "secret", tmp_path / "ca.pem"
    for path in (secret, ca_file):
        path.touch(mode=0o600)
    config = load(tmp_path, SAID.replace("SECRET", str(secret)).replace('"CA"', f'"{ca_file}"'))
    assert build.rules(config) == Rules(
        ("test.tux",),
        "-",
        False,
        "lmtp:unix:private/lmtp",
        ("smtp",),
        dns_fallback=True,
        reject_when_stale=True,
    )
    schema = build.schema(config)
    assert not set(msgspec.structs.astuple(schema)) & set(msgspec.structs.astuple(Schema()))
    assert (schema.route, schema.addresses, schema.domain) == ("r", ("a", "b"), "d")
    directory = build.directory(config)
    assert directory.uris == ("ldaps://a.test.tux", "ldapi:///")
    assert (directory.base, directory.bind_dn) == ("dc=x,dc=tux", "cn=mail,dc=x,dc=tux")
    assert (directory.bind_password_file, directory.ca_file) == (str(secret), str(ca_file))
    assert (directory.mode, directory.poll_interval, directory.schema) == ("poll", 7, schema)
    guard = build.guard_rules(config)
    assert (guard.max_shrink_percent, guard.max_shrink_entries) == (1, 2)
    times = build.replicator_rules(config)
    assert (times.stale_after, times.full_refresh_interval) == (6, 7200)
    assert (times.remember_moves, times.window, times.longest_retry) == (3 * 86400, 180, LONGEST_SECONDS)
    assert build.heartbeat(config) == 2


def test_a_file_is_tried_again_within_what_was_promised_of_changes(tmp_path: Path) -> None:
    config = load(
        tmp_path, MINIMAL.replace("[directory]", f'[directory]\nuri = "ldif:{tmp_path}/users.ldif"')
    )
    assert build.replicator_rules(config).longest_retry < 2


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("schema.user_filter", '"(&(mail=*)"', "expected ')'"),
        ("schema.site_filter", '"(mail)"', "character"),
        ("schema.domain_filter", '"(a:=b)"', "extensible"),
        ("schema.route", '"mail;lang-de"', "plain name"),
        ("schema.addresses", '["mail", "2.5.4.3"]', "plain name"),
        ("directory.base", '"dc=test,dc"', "attribute=value"),
        ("directory.bind_dn", '"cn=admin,"', "attribute=value"),
        (
            "listen.tcp_table",
            '{ virtual = "127.0.0.1:1" }',
            "unknown map 'virtual', there are: virtual_alias",
        ),
    ],
)
def test_a_value_that_only_its_part_understands_is_refused(
    tmp_path: Path, key: str, value: str, why: str
) -> None:
    section, _, name = key.partition(".")
    text = MINIMAL.replace('base = "dc=test,dc=tux"', "") if key == "directory.base" else MINIMAL
    before, after = f"[{section}]\n", f"[{section}]\n{name} = {value}\n"
    text = text.replace(before, after) if before in text else text + after
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    (mistake,) = caught.value.mistakes
    assert key in mistake
    assert why in mistake


def test_the_example_that_is_shipped_loads() -> None:
    assert build.load(EXAMPLE).routing.domains


def changed(path: Path, old: str, new: str) -> Path:
    other = path.with_name("other.toml")
    other.write_text(path.read_text().replace(old, new))
    assert other.read_text() != path.read_text()
    return other


def state(config: Path) -> State:
    with build.open_mirror(build.load(config), writable=False) as mirror:
        return _state(mirror)


def _state(mirror: Mirror) -> State:
    return mirror.pulse.state(mirror.pulse.contact(), 60)


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ('base = "dc=test,dc=tux"', 'base = "DC=Test, DC=tux"', True),
        ('domains = ["test.tux"', 'domains = ["more.tux", "test.tux"', True),
        ('base = "dc=test,dc=tux"', 'base = "dc=tux"', False),
        ("(alias=*)", "(cn=*)", False),
    ],
)
def test_a_mirror_is_of_one_base_and_one_schema(tmp_path: Path, old: str, new: str, same: bool) -> None:
    config = configured(tmp_path)
    holds(config, company_entries())
    assert state(config) is State.LIVE
    assert state(changed(config, old, new)) is (State.LIVE if same else State.EMPTY)


def test_a_mirror_of_another_form_of_records_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(tmp_path)
    holds(config, company_entries())
    monkeypatch.setattr(build, "RECORD_FORMAT", build.RECORD_FORMAT + 1)
    assert state(config) is State.EMPTY
