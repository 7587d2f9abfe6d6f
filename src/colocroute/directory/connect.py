"""From an address to a bound LDAP connection; with `link` the only module that imports `ldap3`.

Owns connecting, TLS and authentication, each with a deadline.  Rules: a certificate is always verified, for
its issuer and for the name in the URI; a password never crosses a network unencrypted unless the operator
says so.  Must not know what is searched for.

Known limit: a host name is resolved by the system, without a deadline of ours.
"""

import re
import ssl
import stat
from pathlib import Path
from typing import Any

import ldap3
from ldap3.core.exceptions import LDAPException

from colocroute.directory.link import Link
from colocroute.directory.messages import describe, printable
from colocroute.directory.settings import DirectorySettings
from colocroute.directory.uri import Uri, is_address, is_loopback
from colocroute.errors import DirectoryError

CONNECT_SECONDS = 5.0  # for each address of the host
ANSWER_SECONDS = 10  # for each of TLS handshake, StartTLS and bind
PASSWORD_MAX_BYTES = 4096

TUPLE = re.compile(r"""\((['"])(.*)\1,\)""", re.DOTALL)
SOURCE = re.compile(r" \(_ssl\.c:\d+\)")


def connect(uri: Uri, settings: DirectorySettings, warnings: list[str]) -> Link:
    """A bound connection.  Raises `DirectoryError`; appends to `warnings` what the operator should know."""
    password = _password(settings, warnings) if settings.bind_dn else b""
    plain = uri.scheme == "ldap" and not settings.start_tls
    guarded = plain and password and not settings.allow_plaintext_bind
    if guarded and is_address(uri.host) and not is_loopback(uri.host):
        _refuse_plaintext(settings)
    try:
        connection = _connection(uri, settings, password)
    except LDAPException as error:
        raise DirectoryError(_reason(error)) from error
    try:
        connection.open(read_server_info=False)
        if settings.start_tls and uri.scheme == "ldap" and not connection.start_tls(read_server_info=False):
            raise DirectoryError("StartTLS was not carried out")
        if guarded and not is_loopback(connection.socket.getpeername()[0]):
            _refuse_plaintext(settings)
        if not connection.bind(read_server_info=False):
            result = connection.result
            raise DirectoryError(f"bind: {describe(result['result'], result['message'])}")
        return Link(connection)
    except DirectoryError:
        _abandon(connection)
        raise
    except Exception as error:  # ldap3's decoder lets errors of any class through when the peer sends rubbish
        _abandon(connection)
        raise DirectoryError(_reason(error)) from error


def _connection(uri: Uri, settings: DirectorySettings, password: bytes) -> Any:
    """The connection, not opened.  Its type lacks types, hence Any."""
    tls = _VerifyingTls(settings.ca_file) if uri.scheme == "ldaps" or settings.start_tls else None
    server = ldap3.Server(uri.canonical, get_info=ldap3.NONE, connect_timeout=CONNECT_SECONDS, tls=tls)
    if settings.bind_dn:
        how = {"authentication": ldap3.SIMPLE, "user": settings.bind_dn, "password": password}
    elif uri.scheme == "ldapi":
        how = {"authentication": ldap3.SASL, "sasl_mechanism": ldap3.EXTERNAL, "sasl_credentials": ""}
    else:
        how = {"authentication": ldap3.ANONYMOUS}
    connection: Any = ldap3.Connection
    return connection(server, auto_referrals=False, receive_timeout=ANSWER_SECONDS, **how)


class _VerifyingTls(ldap3.Tls):
    """TLS with OpenSSL's own check of the name.

    That of ldap3 knows no addresses in certificates from Python 3.12 on, and is not asked for SNI.
    """

    def __init__(self, ca_file: str) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        try:
            self._context = ssl.create_default_context(cafile=ca_file or None)
        except ssl.SSLError as error:
            raise DirectoryError(f"directory.ca_file: {ca_file}: no certificates in PEM form") from error
        except OSError as error:
            raise DirectoryError(f"directory.ca_file: {ca_file}: {error.strerror}") from error

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:  # noqa: ARG002  ldap3's signature
        """Called by ldap3 once the connection is open, or StartTLS was granted."""
        connection.socket = self._context.wrap_socket(
            connection.socket, server_hostname=connection.server.host
        )


def _password(settings: DirectorySettings, warnings: list[str]) -> bytes:
    """The content of the password file.  Raises `DirectoryError` if there is none to be had."""
    where = f"directory.bind_password_file: {settings.bind_password_file or 'not set'}"
    try:
        with Path(settings.bind_password_file or "/nonexistent").open("rb") as file:
            mode = stat.S_IMODE(Path(settings.bind_password_file).stat().st_mode)
            content = file.read(PASSWORD_MAX_BYTES + 1)
    except OSError as error:
        raise DirectoryError(f"{where}: {error.strerror}") from error
    password = content.removesuffix(b"\n").removesuffix(b"\r")
    if not password:
        raise DirectoryError(f"{where}: is empty (that would be an anonymous bind)")
    if len(content) > PASSWORD_MAX_BYTES:
        raise DirectoryError(f"{where}: has more than {PASSWORD_MAX_BYTES} bytes, is it the right file?")
    if mode & stat.S_IROTH:
        warnings.append(f"{where}: everybody on this machine can read it (mode {mode:04o}); chmod o-r")
    return password


def _refuse_plaintext(settings: DirectorySettings) -> None:
    raise DirectoryError(
        f"the password of {settings.bind_dn} would cross the network unencrypted: use ldaps://, "
        "directory.start_tls, or directory.allow_plaintext_bind"
    )


def _reason(error: Exception) -> str:
    """One line for what ldap3 raised."""
    if len(error.args) == 2 and isinstance(
        error.args[1], list
    ):  # each address of the host with its own error
        return "; ".join(f"{address[0]}: {_reason(reason)}" for reason, address in error.args[1])
    text = str(error) or type(error).__name__
    while wrapped := TUPLE.fullmatch(text):  # errors that ldap3 made of the text of errors
        text = wrapped[2].replace("\\'", "'")
    if text == "invalid server address":
        return "the host name cannot be resolved"
    text = text.replace("socket ssl wrapping error", "TLS").replace("wrap socket error", "TLS")
    text = printable(SOURCE.sub("", text))
    return text if isinstance(error, LDAPException | OSError) else f"no usable answer ({text})"


def _abandon(connection: Any) -> None:
    if connection.socket is not None:
        connection.socket.close()
