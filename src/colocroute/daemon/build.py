"""Parts from a configuration: one function for each, used by the daemon and by the command line alike.

Owns the translation from keys of the configuration to the values that the layers want.
"""

from pathlib import Path

from colocroute import config as configuration
from colocroute.config import Config
from colocroute.daemon.resolver import Resolver
from colocroute.directory import dn
from colocroute.directory import filter as filters
from colocroute.directory.match import compile_filter
from colocroute.directory.schema import ATTRIBUTE_KEYS, Schema
from colocroute.directory.settings import DirectorySettings
from colocroute.replicate.backoff import LONGEST_SECONDS
from colocroute.replicate.guard import GuardRules
from colocroute.replicate.replicator import ReplicatorRules
from colocroute.routing import maps
from colocroute.routing.records import keys
from colocroute.routing.view import Rules
from colocroute.store.mirror import Mirror

# To be raised when `routing.records` renders a value otherwise than before: an older mirror is then rebuilt.
RECORD_FORMAT = 1

HEARTBEAT_LONGEST = 5.0  # seconds
LDIF_RETRY = 1.5  # seconds: a file that was broken and is mended must be seen within 2 s


def load(path: Path, *, for_service: bool = False) -> Config:
    """The configuration in `path`; raises `ConfigError` with all its mistakes.

    `for_service`: one of them is a file that it names and that cannot be read; commands do without.
    """
    return configuration.load(
        path,
        {
            "schema.user_filter": _check_filter,
            "schema.site_filter": _check_filter,
            "schema.domain_filter": _check_filter,
            "schema.addresses": _check_attribute,
            **{f"schema.{key}": _check_attribute for key in ATTRIBUTE_KEYS},
            "directory.base": _check_dn,
            "directory.bind_dn": _check_dn,
            "listen.tcp_table": _check_map,
        },
        for_service=for_service,
    )


def _check_filter(text: str) -> None:
    compile_filter(filters.parse(text))


def _check_attribute(name: str) -> None:
    if not filters.NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the plain name of an attribute: no options, no numbers")


def _check_dn(text: str) -> None:
    dn.split(text)


def _check_map(name: str) -> None:
    if name not in maps.MAPS:
        raise ValueError(f"unknown map {name!r}, there are: {', '.join(maps.MAPS)}")


def store_path(config: Config) -> Path:
    """The directory of the mirror."""
    return Path(config.store.path)


def rules(config: Config) -> Rules:
    """The `[routing]` section as the maps want it."""
    routing = config.routing
    return Rules(
        domains=routing.domains,
        recipient_delimiter=routing.recipient_delimiter,
        propagate_extension=routing.propagate_extension,
        local_transport=routing.local_transport,
        transports=routing.transports,
        dns_fallback=routing.dns_fallback,
        reject_when_stale=routing.unknown_when_stale == "reject",
    )


def schema(config: Config) -> Schema:
    """The `[schema]` section as the directory wants it."""
    section = config.schema
    return Schema(
        user_filter=section.user_filter,
        route=section.route,
        addresses=section.addresses,
        login=section.login,
        imap_server=section.imap_server,
        smtp_server=section.smtp_server,
        enabled=section.enabled,
        site_filter=section.site_filter,
        site_domain=section.site_domain,
        site_nexthop=section.site_nexthop,
        domain_filter=section.domain_filter,
        domain=section.domain,
    )


def directory(config: Config) -> DirectorySettings:
    """The `[directory]` section as the directory wants it."""
    section = config.directory
    return DirectorySettings(
        uris=section.uri,
        base=section.base,
        bind_dn=section.bind_dn,
        bind_password_file=section.bind_password_file,
        allow_plaintext_bind=section.allow_plaintext_bind,
        start_tls=section.start_tls,
        ca_file=section.ca_file,
        mode=section.mode,
        poll_interval=section.poll_interval,
        schema=schema(config),
    )


def heartbeat(config: Config) -> float:
    """Seconds between two signs of life that the directory is asked for."""
    return min(config.routing.stale_after / 3, HEARTBEAT_LONGEST)


def guard_rules(config: Config) -> GuardRules:
    """The `[guard]` section."""
    section = config.guard
    return GuardRules(section.max_shrink_percent, section.max_shrink_entries, section.window)


def replicator_rules(config: Config) -> ReplicatorRules:
    """The times the replicator keeps."""
    return ReplicatorRules(
        stale_after=config.routing.stale_after,
        full_refresh_interval=config.directory.full_refresh_interval,
        remember_moves=config.routing.remember_moves,
        window=config.guard.window,
        longest_retry=LDIF_RETRY if config.directory.uri[0].startswith("ldif:") else LONGEST_SECONDS,
    )


OTHERS_MIRROR = (
    "the mirror was made with another base or [schema] than this configuration has, so nothing of it is used; "
    "reload or restart the service"
)
"""What there is to say where `Mirror.is_others`."""


def open_mirror(config: Config, *, writable: bool, patient: bool = False) -> Mirror:
    """The mirror of this configuration, see `Mirror.open`; raises `StoreError`."""
    base = dn.normalise(config.directory.base)
    fingerprint = f"records = {RECORD_FORMAT}\n{schema(config).fingerprint(base)}"
    return Mirror.open(
        store_path(config), fingerprint=fingerprint, keys_of=keys, writable=writable, patient=patient
    )


def resolver(config: Config, mirror: Mirror) -> Resolver:
    """What answers from `mirror` under this configuration."""
    return Resolver(mirror, rules(config), config.routing.stale_after, config.policy.trusted)
