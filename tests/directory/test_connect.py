import ssl

import pytest
from ldap3.core.exceptions import LDAPSocketOpenError

from colocroute.directory.connect import _reason


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (LDAPSocketOpenError("('socket ssl wrapping error: it\\'s bad (_ssl.c:1006)',)"), "TLS: it's bad"),
        (LDAPSocketOpenError("invalid server address"), "the host name cannot be resolved"),
        (
            LDAPSocketOpenError(
                "unable", [(OSError("no"), ("::1", 1)), (OSError("('never',)"), ("127.0.0.1", 1))]
            ),
            "::1: no; 127.0.0.1: never",
        ),
        (ssl.SSLError(1, "x\ny"), "x?y"),
        (IndexError("index out of range"), "no usable answer (index out of range)"),
        (IndexError(), "no usable answer (IndexError)"),
    ],
)
def test_what_ldap3_raises_is_told_in_one_line(error: Exception, text: str) -> None:
    assert _reason(error) == text
