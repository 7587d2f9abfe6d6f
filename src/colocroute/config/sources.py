"""The keys of `[directory]` and `[schema]`, declared once: type, default, unit and help.

Owns what can be said about where the truth comes from and how its entries are read.  The other sections are
in `settings`.  Must not know LDAP: that a filter or a DN makes sense is checked by a function handed to
`load`.
"""

from typing import Annotated, Literal

import msgspec

from colocroute.config import kinds
from colocroute.config.setting import Setting

Mode = Literal["auto", "syncrepl", "poll"]
Preset = Literal["open-xchange"]

ATTRIBUTE = kinds.text("an attribute name", "mail", r"[A-Za-z0-9][A-Za-z0-9.;-]*")
FILTER = kinds.text("an LDAP filter", "(objectClass=person)", r"\(.*\)")
SECRET = kinds.text("an absolute path", "/etc/colocroute/secret", r"/.*", empty=True)
CERTIFICATES = kinds.text("an absolute path", "/etc/ssl/certs/company.pem", r"/.*", empty=True)


class Directory(msgspec.Struct, frozen=True, kw_only=True):
    """Where the truth comes from."""

    uri: Annotated[
        tuple[str, ...],
        Setting(
            kinds.many(
                '"ldapi:///", "ldap://HOST", "ldaps://HOST", a list of these, or "ldif:/PATH"',
                kinds.spelled("", kinds.read_uri, str),
                least=1,
                bare=True,
            ),
            "The directory: `ldapi://`, `ldap://`, `ldaps://`, or a list of these in order of preference; or "
            "one LDIF file as `ldif:/path/users.ldif`, whose changes are seen within two seconds.",
        ),
    ] = ("ldapi:///",)
    base: Annotated[
        str,
        Setting(
            kinds.text("a distinguished name", "dc=test,dc=tux", r".*=.*"),
            "The entry below which everything is looked for.",
            required=True,
            example='"dc=test,dc=tux"',
        ),
    ] = ""
    bind_dn: Annotated[
        str,
        Setting(
            kinds.text("a distinguished name", "cn=mail,dc=test,dc=tux", r".*=.*", empty=True),
            "Who we are to the directory. Empty: SASL EXTERNAL on `ldapi`, anonymous elsewhere.",
        ),
    ] = ""
    bind_password_file: Annotated[
        str, Setting(SECRET, "A file with the password of `bind_dn`; a trailing newline is not part of it.")
    ] = ""
    allow_plaintext_bind: Annotated[
        bool,
        Setting(
            kinds.flag(),
            "Let the password cross the network unencrypted. Without it, a bind over plain `ldap://` is "
            "refused unless the server is on the loopback.",
        ),
    ] = False
    start_tls: Annotated[
        bool, Setting(kinds.flag(), "Encrypt `ldap://` with StartTLS before anything else.")
    ] = False
    ca_file: Annotated[
        str,
        Setting(
            CERTIFICATES,
            "Certificates to trust, PEM. Empty: those of the system. They are verified in any case.",
        ),
    ] = ""
    mode: Annotated[
        Mode,
        Setting(
            kinds.choice(Mode),
            "`syncrepl`: follow the directory by RFC 4533. `poll`: a full refresh each `poll_interval`, for "
            "servers without syncprov. `auto`: the first if the server can, else the second.",
        ),
    ] = "auto"
    poll_interval: Annotated[
        float, Setting(kinds.duration("1s"), "Time between two full refreshes when polling.")
    ] = 60.0
    full_refresh_interval: Annotated[
        float,
        Setting(
            kinds.duration("1s"),
            "Time between two full refreshes when following; the only cure for a replica restored from a "
            "backup.",
        ),
    ] = 86400.0


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """How an entry is read. Each key overrides the preset."""

    preset: Annotated[
        Preset, Setting(kinds.choice(Preset), "Where the defaults of this section come from.")
    ] = "open-xchange"
    user_filter: Annotated[str, Setting(FILTER, "Which entries are mail users.")] = "(colocRouteAddress=*)"
    route: Annotated[str, Setting(ATTRIBUTE, "The attribute with the route address.")] = "colocRouteAddress"
    addresses: Annotated[
        tuple[str, ...],
        Setting(
            kinds.many('a list of attribute names such as ["mail", "alias"]', ATTRIBUTE, least=1),
            "The attributes with the public addresses. The first value of the first is the primary address.",
        ),
    ] = ("mail", "alias")
    login: Annotated[str, Setting(ATTRIBUTE, "The attribute with the login.")] = "uid"
    imap_server: Annotated[str, Setting(ATTRIBUTE, "The attribute with the IMAP server.")] = "imapServer"
    smtp_server: Annotated[str, Setting(ATTRIBUTE, "The attribute with the SMTP server.")] = "smtpServer"
    enabled: Annotated[
        str,
        Setting(
            ATTRIBUTE,
            "The attribute that can disable a user: `NONE`, `FALSE` or `NO` in any case. Absent: enabled.",
        ),
    ] = "mailEnabled"
    site_filter: Annotated[str, Setting(FILTER, "Which entries are transports.")] = (
        "(objectClass=suseMailTransport)"
    )
    site_domain: Annotated[str, Setting(ATTRIBUTE, "The attribute with the site domain of a transport.")] = (
        "suseMailTransportDestination"
    )
    site_nexthop: Annotated[str, Setting(ATTRIBUTE, "The attribute with the nexthop of a transport.")] = (
        "suseMailTransportNexthop"
    )
    domain_filter: Annotated[str, Setting(FILTER, "Which entries declare a public domain.")] = (
        "(&(relativeDomainName=@)(zoneName=*))"
    )
    domain: Annotated[str, Setting(ATTRIBUTE, "The attribute with the name of a public domain.")] = "zoneName"


PRESETS = {"open-xchange": Schema()}
