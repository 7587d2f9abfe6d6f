"""The comparison: Postfix's own `ldap:` tables in colocroute's place, as a competent postmaster writes them.

Owns the tables and the parameters that name them.  The address classes are those of `colocroute postconf`: static
lists, recipients validated, sub-domains hidden by a service for the outside.  The transport of a server's own site
is written down on each server, for the directory's would lead back to itself.
"""

from collections.abc import Mapping
from pathlib import Path

from tests.lab.company import DOMAIN, SITES, TRANSPORTS, USERS

_SITE_DOMAINS = " ".join(f"{site}.{DOMAIN}" for site in SITES)
_ALIAS = {
    "search_base": USERS,
    "domain": DOMAIN,
    "query_filter": "(&(colocRouteAddress=*)(|(mail=%s)(alias=%s)))",
    "result_attribute": "colocRouteAddress",
}
_RECIPIENT = {
    "search_base": USERS,
    "domain": _SITE_DOMAINS,
    "query_filter": "(colocRouteAddress=%s)",
    "result_attribute": "colocRouteAddress",
}
_TRANSPORT = {
    "search_base": TRANSPORTS,
    "query_filter": "(&(objectClass=suseMailTransport)(suseMailTransportDestination=%s))",
    "result_attribute": "suseMailTransportNexthop",
}
_GENERIC = {
    "search_base": USERS,
    "domain": _SITE_DOMAINS,
    "query_filter": "(colocRouteAddress=%s)",
    "result_attribute": "mail",
}
_TABLES = {"alias": _ALIAS, "recipient": _RECIPIENT, "transport": _TRANSPORT, "generic": _GENERIC}


def write_tables(directory: Path, uri: str) -> None:
    """Writes the files that `parameters` and `master` name; `uri` is the local replica's."""
    for name, table in _TABLES.items():
        lines = {"server_host": uri, "version": "3", "bind": "no", "timeout": "5", "scope": "sub", **table}
        text = "".join(f"{key} = {value}\n" for key, value in lines.items())
        (directory / f"{name}.cf").write_text(text)


def parameters(directory: Path, site: str, local_transport: str) -> Mapping[str, str]:
    """What main.cf gets."""
    own = f"inline:{{ {{ {site}.{DOMAIN} = {local_transport} }} }}"
    return {
        "virtual_alias_domains": DOMAIN,
        "virtual_mailbox_domains": "",
        "relay_domains": _SITE_DOMAINS,
        "parent_domain_matches_subdomains": "",
        "virtual_alias_maps": f"ldap:{directory}/alias.cf",
        "relay_recipient_maps": f"ldap:{directory}/recipient.cf",
        "transport_maps": f"{own}, ldap:{directory}/transport.cf",
        "recipient_delimiter": "+",
        "enable_original_recipient": "no",
        "default_transport": "outbound",
    }


def master(directory: Path) -> str:
    """What master.cf gets."""
    return f"outbound unix - - n - - smtp -o smtp_generic_maps=ldap:{directory}/generic.cf\n"
