"""Every way to a real slapd, and every way that must be refused."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from colocroute.directory import connect as connect_module
from colocroute.directory.client import open_session
from colocroute.errors import DirectoryError
from tests.lab.certificates import Authority
from tests.lab.company import Person, company_ldif
from tests.lab.directory import connect, entries, refresh, settings_for
from tests.lab.slapd import Slapd
from tests.lab.slapd_conf import PASSWORD, ROOT_DN


@pytest.fixture(scope="module")
def slapd() -> Iterator[Slapd]:
    with Slapd(company_ldif(3), tls_names=("localhost", "127.0.0.1")) as server:
        yield server


@pytest.fixture
def password(tmp_path: Path) -> str:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    file.chmod(0o600)
    return str(file)


def works(slapd: Slapd, **others: Any) -> list[str]:
    """Reads everything; returns the warnings."""
    session = connect(slapd, **others)
    try:
        assert Person(2).dn in [entry.dn for entry in entries(refresh(session))]
        return session.warnings
    finally:
        session.close()


def refused(slapd: Slapd, why: str, **others: Any) -> None:
    with pytest.raises(DirectoryError, match=why) as caught:
        connect(slapd, **others)
    assert "\n" not in str(caught.value)


def test_ldapi_as_whom_the_process_is(slapd: Slapd) -> None:
    assert works(slapd) == []
    assert works(slapd, uris=(f"ldapi://{slapd.socket}",)) == []


def test_ldap_anonymously(slapd: Slapd) -> None:
    assert works(slapd, uris=(slapd.ldap,)) == []


@pytest.mark.parametrize("scheme", ["ldapi", "ldap", "ldaps"])
def test_simple_bind(slapd: Slapd, password: str, scheme: str) -> None:
    uri = getattr(slapd, scheme)
    ca_file = str(slapd.ca_file) if scheme == "ldaps" else ""
    assert works(slapd, uris=(uri,), bind_dn=ROOT_DN, bind_password_file=password, ca_file=ca_file) == []


def test_the_bind_is_real(password: str) -> None:
    with Slapd(company_ldif(3), access=f'access to * by dn.exact="{ROOT_DN}" read') as closed:
        refused(closed, "noSuchObject")
        assert works(closed, bind_dn=ROOT_DN, bind_password_file=password) == []


def test_a_wrong_password_is_refused(slapd: Slapd, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("wrong")
    file.chmod(0o600)
    refused(
        slapd, r"bind: LDAP result 49 \(invalidCredentials\)", bind_dn=ROOT_DN, bind_password_file=str(file)
    )


def test_a_password_file_that_cannot_be_used_is_refused(slapd: Slapd, tmp_path: Path) -> None:
    key = "directory.bind_password_file: "
    refused(slapd, f"{key}/none: No such file", bind_dn=ROOT_DN, bind_password_file="/none")
    refused(slapd, f"{key}.*Is a directory", bind_dn=ROOT_DN, bind_password_file=str(tmp_path))
    for content, why in ((b"", "is empty"), (b"\n", "is empty"), (b"x" * 5000, "more than 4096 bytes")):
        file = tmp_path / "password"
        file.write_bytes(content)
        refused(slapd, f"{key}.*{why}", bind_dn=ROOT_DN, bind_password_file=str(file))


def test_a_password_file_that_everybody_can_read_is_warned_of(slapd: Slapd, password: str) -> None:
    Path(password).chmod(0o644)
    [warning] = works(slapd, bind_dn=ROOT_DN, bind_password_file=password)
    assert "everybody on this machine can read it (mode 0644)" in warning


def test_start_tls(slapd: Slapd, password: str) -> None:
    localhost = slapd.ldap.replace("127.0.0.1", "localhost")
    for uri in (slapd.ldap, localhost):
        assert works(slapd, uris=(uri,), start_tls=True, ca_file=str(slapd.ca_file)) == []
    bind = {"bind_dn": ROOT_DN, "bind_password_file": password}
    assert works(slapd, uris=(slapd.ldap,), start_tls=True, ca_file=str(slapd.ca_file), **bind) == []


def test_ldaps_by_name_and_by_address(slapd: Slapd) -> None:
    for uri in (slapd.ldaps, slapd.ldaps.replace("localhost", "127.0.0.1")):
        assert works(slapd, uris=(uri,), ca_file=str(slapd.ca_file)) == []


def test_a_certificate_of_another_authority_is_refused(slapd: Slapd, tmp_path: Path) -> None:
    other = str(Authority(tmp_path).ca_file)
    for ca_file in (other, ""):
        refused(slapd, "CERTIFICATE_VERIFY_FAILED", uris=(slapd.ldaps,), ca_file=ca_file)
        refused(slapd, "CERTIFICATE_VERIFY_FAILED", uris=(slapd.ldap,), start_tls=True, ca_file=ca_file)


def test_a_certificate_for_another_name_is_refused() -> None:
    with Slapd(company_ldif(1), tls_names=("ldap.test.tux", "10.2.0.1")) as server:
        ca_file = str(server.ca_file)
        by_address = server.ldaps.replace("localhost", "127.0.0.1")
        refused(server, "Hostname mismatch", uris=(server.ldaps,), ca_file=ca_file)
        refused(server, "IP address mismatch", uris=(by_address,), ca_file=ca_file)
        refused(server, "IP address mismatch", uris=(server.ldap,), start_tls=True, ca_file=ca_file)


def test_start_tls_that_the_server_does_not_grant_is_refused(password: str) -> None:
    with Slapd(company_ldif(1)) as server:
        bind = {"bind_dn": ROOT_DN, "bind_password_file": password}
        refused(server, "startTLS failed", uris=(server.ldap,), start_tls=True, **bind)


def test_a_ca_file_that_cannot_be_used_is_refused(slapd: Slapd, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("rubbish")
    refused(slapd, "directory.ca_file: /none: No such file", uris=(slapd.ldaps,), ca_file="/none")
    refused(slapd, "no certificates in PEM form", uris=(slapd.ldaps,), ca_file=str(tmp_path / "ca.pem"))


def test_a_password_over_the_network_is_refused_without_encryption(
    slapd: Slapd, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bind = {"bind_dn": ROOT_DN, "bind_password_file": password}
    refused(slapd, "unencrypted: use ldaps://", uris=("ldap://192.0.2.1",), **bind)
    # A name is judged by the address that it led to, before anything is sent.
    monkeypatch.setattr(connect_module, "is_loopback", lambda _address: False)
    uri = slapd.ldap.replace("127.0.0.1", "localhost")
    refused(slapd, "unencrypted: use ldaps://", uris=(uri,), **bind)
    assert works(slapd, uris=(uri,), allow_plaintext_bind=True, **bind) == []


def test_the_first_address_that_answers_is_taken(slapd: Slapd) -> None:
    nobody = "ldapi:///nowhere"
    session = connect(slapd, uris=(nobody, slapd.ldapi, slapd.ldap))
    assert session.uri == slapd.ldapi
    session.close()
    refused(slapd, "ldapi:///nowhere: .*; ldapi:///elsewhere: ", uris=(nobody, "ldapi:///elsewhere"))


def test_nobody_there_is_refused(slapd: Slapd) -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        refused(slapd, "refused", uris=(f"ldap://127.0.0.1:{unused.getsockname()[1]}",))
    refused(slapd, "the host name cannot be resolved", uris=("ldap://no-such-host.invalid",))


@pytest.mark.parametrize(
    "reply",
    [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x30\x0c\x02\x01\x01\x61\x07\x0a", b"\x30\x03\x02\x01\x01"],
)
def test_something_else_that_listens_is_refused(slapd: Slapd, reply: bytes) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        refused(slapd, "ldap://127.0.0.1", uris=(f"ldap://127.0.0.1:{server.getsockname()[1]}",))
        thread.join()


def test_silence_is_refused_in_time(slapd: Slapd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect_module, "ANSWER_SECONDS", 1)
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        uri = f"127.0.0.1:{server.getsockname()[1]}"
        refused(slapd, "timed out", uris=(f"ldap://{uri}",))
        refused(slapd, "timed out", uris=(f"ldaps://{uri}",), ca_file=str(slapd.ca_file))


def test_settings_that_cannot_be_used_are_refused(slapd: Slapd) -> None:
    refused(slapd, r"directory.uri: .*directory.base: ", uris=("http://x",), base="test.tux")
    with pytest.raises(DirectoryError, match="no address"):
        open_session(settings_for(slapd, uris=()), b"", heartbeat=1.0)
