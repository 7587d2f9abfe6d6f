"""The configuration file of a slapd for tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.company import SUFFIX

if TYPE_CHECKING:
    from tests.lab.slapd import Slapd

SCHEMAS = ("core", "cosine", "inetorgperson")
OWN_SCHEMA = Path(__file__).parents[2] / "postfix" / "colocroute.schema"
ROOT_DN = f"cn=admin,{SUFFIX}"
PASSWORD = "secret"
INDEXED = "objectClass,entryUUID,entryCSN,uid,mail,alias,colocRouteAddress"


@dataclass
class Options:
    """What differs between slapds; may be changed before the next start."""

    syncprov: bool = True
    session_log: int = 0
    reload_hint: bool = False
    no_present: bool = False
    server_id: int = 0
    """1 to 4095 where there are several providers."""
    providers: "Sequence[Slapd]" = ()
    """Whom to replicate."""
    multi_provider: bool = False
    """Takes writes although it replicates."""
    access: str = "access to * by * read"
    size_limit: str = "unlimited"
    """Of everybody but the root DN."""
    tls_names: Sequence[str] = ()
    """Names in the certificate; none: no TLS."""
    extra: str = ""
    """More lines for the database."""
    clock: str = ""
    """What its clock is ahead (`+365d`) or behind (`-365d`), as in faketime(1)."""


def slapd_conf(options: Options, folder: Path, database: Path, ldapi: str, providers: Sequence[str]) -> str:
    """The text of slapd.conf; `providers` are the URIs of those to replicate."""
    lines = [f"include /etc/ldap/schema/{schema}.schema" for schema in SCHEMAS]
    lines += [
        f"include {OWN_SCHEMA}",
        "modulepath /usr/lib/ldap",
        "moduleload back_mdb",
        "moduleload syncprov" if options.syncprov else "",
        f"pidfile {folder / 'slapd.pid'}",
        "loglevel none",
        "threads 4",
    ]
    if options.server_id:
        lines.append(
            f"serverID {options.server_id} {ldapi}"
            if options.multi_provider
            else f"serverID {options.server_id}"
        )
    if options.tls_names:
        lines += [
            f"TLSCertificateFile {folder / 'server.pem'}",
            f"TLSCertificateKeyFile {folder / 'server.key'}",
        ]
    lines += [
        "database mdb",
        f'suffix "{SUFFIX}"',
        f'rootdn "{ROOT_DN}"',
        f"rootpw {PASSWORD}",
        f"directory {database}",
        "maxsize 1073741824",
        "dbnosync",
        f"index {INDEXED} eq",
        f"limits * size={options.size_limit}",
        options.access,
        options.extra,
    ]
    lines += [_syncrepl(rid, provider) for rid, provider in enumerate(providers, 1)]
    lines.append("multiprovider on" if options.multi_provider and providers else "")
    if options.syncprov:
        lines += _syncprov(options)
    return "\n".join(line for line in lines if line) + "\n"


def _syncrepl(rid: int, provider: str) -> str:
    return (
        f'syncrepl rid={rid:03} provider={provider} type=refreshAndPersist retry="1 +" searchbase="{SUFFIX}"'
        f' bindmethod=simple binddn="{ROOT_DN}" credentials={PASSWORD} attrs="*,+" schemachecking=off'
    )


def _syncprov(options: Options) -> list[str]:
    return [
        "overlay syncprov",
        f"syncprov-sessionlog {options.session_log}" if options.session_log else "",
        "syncprov-reloadhint TRUE" if options.reload_hint else "",
        "syncprov-nopresent TRUE" if options.no_present else "",
    ]
