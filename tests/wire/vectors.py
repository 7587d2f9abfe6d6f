"""What is on the wire and what it means: drives decoding, encoding, the fuzz seeds and the documentation."""

from colocroute.model import NOT_FOUND, Answer, Found, TempFail
from colocroute.wire import policy, socketmap, tcp_table

# Each stands for exactly these bytes in both directions.
SOCKETMAP_REQUESTS: list[tuple[bytes, socketmap.Request]] = [
    (b"27:virtual_alias anna@test.tux,", socketmap.Request(b"virtual_alias", b"anna@test.tux")),
    (b'19:transport "a b"@x.y,', socketmap.Request(b"transport", b'"a b"@x.y')),
    (b"17:transport a b@x.y,", socketmap.Request(b"transport", b"a b@x.y")),
    (b"11:transport *,", socketmap.Request(b"transport", b"*")),
    (b"10:transport ,", socketmap.Request(b"transport", b"")),
    (b"12:transport  x,", socketmap.Request(b"transport", b" x")),
    (b"2: x,", socketmap.Request(b"", b"x")),
    (b"1: ,", socketmap.Request(b"", b"")),
    (b"8:m \x00\xff\r\n,:,", socketmap.Request(b"m", b"\x00\xff\r\n,:")),
    (b"10003:m " + b"k" * 10_001 + b",", socketmap.Request(b"m", b"k" * 10_001)),
    (b"100000:m " + b"k" * 99_998 + b",", socketmap.Request(b"m", b"k" * 99_998)),
]

# Requests as well, though Postfix never frames one like this.
SOCKETMAP_ODD_REQUESTS: list[tuple[bytes, socketmap.Request]] = [
    (b"0:,", socketmap.Request(b"", b"")),
    (b"9:transport,", socketmap.Request(b"transport", b"")),
]

# What breaks the framing, the bytes up to the first that does, and what is said of it.
SOCKETMAP_ERRORS: list[tuple[bytes, int, str]] = [
    (b":transport x,", 1, "colon where the length"),
    (b"x", 1, "byte 0x78 where the length"),
    (b"GET / HTTP/1.1\r\n\r\n", 1, "byte 0x47 where the length"),
    (b"-1:a,", 1, "byte 0x2d where the length"),
    (b"+1:a,", 1, "byte 0x2b where the length"),
    (b" 1:a,", 1, "byte 0x20 where the length"),
    (b"1 :a,", 2, "byte 0x20 where the length"),
    (b"1_0:aaaaaaaaaa,", 2, "byte 0x5f where the length"),
    (b"12x", 3, "byte 0x78 where the length"),
    (b"\xb2:aa,", 1, "byte 0xb2 where the length"),
    (b"01:a,", 2, "leading zero"),
    (b"00:,", 2, "leading zero"),
    (b"100001:" + b"k" * 100_001 + b",", 6, "netstring of 100001 bytes or more, the limit is 100000"),
    (b"1234567:", 6, "netstring of 123456 bytes or more"),
    (b"99999999999999999999999", 6, "netstring of 999999 bytes or more"),
    (b"1:ab", 4, "byte 0x62 where the comma after 1 bytes"),
    (b"0:x", 3, "byte 0x78 where the comma after 0 bytes"),
    (b"3:a b\n", 6, "byte 0x0a where the comma"),
]

SOCKETMAP_REPLIES: list[tuple[bytes, Answer]] = [
    (b"25:OK anna@external.test.tux,", Found("anna@external.test.tux")),
    (b"14:OK j\xc3\xbcrgen@x.y,", Found("jürgen@x.y")),
    (b"9:OK  a  b ,", Found(" a  b ")),
    (b"9:NOTFOUND ,", NOT_FOUND),
    (b"20:TEMP unknown map 'x',", TempFail("unknown map 'x'")),
    (b"5:TEMP ,", TempFail("")),
]

TCP_TABLE_REQUESTS: list[tuple[bytes, tcp_table.Request]] = [
    (b"get anna@test.tux\n", tcp_table.Request(b"anna@test.tux")),
    (b"get %22a%20b%22@x.y\n".replace(b"%22", b'"'), tcp_table.Request(b'"a b"@x.y')),
    (b"get 100%25@x.y\n", tcp_table.Request(b"100%@x.y")),
    (b"get %00%0A%0D%7F%C3%BC\n", tcp_table.Request(b"\x00\n\r\x7f\xc3\xbc")),
    (b"get *\n", tcp_table.Request(b"*")),
    (b"get \n", tcp_table.Request(b"")),
    (b"get " + b"%FF" * 10_001 + b"\n", tcp_table.Request(b"\xff" * 10_001)),
]

# Requests as well, and lines that are answered without being one.
TCP_TABLE_ODD_REQUESTS: list[tuple[bytes, tcp_table.Request | TempFail]] = [
    (b"get anna@test.tux\r\n", tcp_table.Request(b"anna@test.tux")),
    (b"get %c3%bC\n", tcp_table.Request(b"\xc3\xbc")),
    (b"get a b\n", tcp_table.Request(b"a b")),
    (b"get 100%@x.y\n", tcp_table.Request(b"100%@x.y")),
    (b"get %zz%4\n", tcp_table.Request(b"%zz%4")),
    (b"get %\n", tcp_table.Request(b"%")),
    (b"get\n", tcp_table.Request(b"")),
    (b"put a b\n", TempFail("unknown command 'put'")),
    (b"GET / HTTP/1.1\r\n", TempFail("unknown command 'GET'")),
    (b"\xff\n", TempFail("unknown command '\\xff'")),
    (b"\n", TempFail("unknown command ''")),
    (b"x" * 100 + b"\n", TempFail(f"unknown command '{'x' * 40}'")),
]

TCP_TABLE_ERRORS: list[tuple[bytes, int, str]] = [
    (b"get " + b"k" * 99_997 + b"\n", 100_001, "line of more than 100000 bytes"),
]

TCP_TABLE_REPLIES: list[tuple[bytes, Answer]] = [
    (b"200 anna@external.test.tux\n", Found("anna@external.test.tux")),
    (b"200 a%20b%25j%C3%BCrgen\n", Found("a b%jürgen")),
    (b"500 not found\n", NOT_FOUND),
    (b"400 unknown map 'x'\n", TempFail("unknown map 'x'")),
    (b"400 100%25 full\n", TempFail("100% full")),
    (b"400 \n", TempFail("")),
]

# Requests of the policy service, as Postfix sends them but for the order and the number of attributes.
POLICY_REQUESTS: list[tuple[bytes, policy.Request]] = [
    (b"request=smtpd_access_policy\n\n", policy.Request({b"request": b"smtpd_access_policy"})),
    (
        b"protocol_state=RCPT\nsender=\nrequest=smtpd_access_policy\nrecipient=a=b@test.tux\n"
        b"client_address=2001:db8::1\nqueue_id=\nccert_subject= \xc3\xbc \n\n",
        policy.Request(
            {
                b"protocol_state": b"RCPT",
                b"sender": b"",
                b"request": b"smtpd_access_policy",
                b"recipient": b"a=b@test.tux",
                b"client_address": b"2001:db8::1",
                b"queue_id": b"",
                b"ccert_subject": b" \xc3\xbc ",
            }
        ),
    ),
    (
        b"=x\nrequest=smtpd_access_policy\n\n",
        policy.Request({b"": b"x", b"request": b"smtpd_access_policy"}),
    ),
]

POLICY_ERRORS: list[tuple[bytes, int, str]] = [
    (b"\n", 1, "policy request of 0 attributes without 'request'"),
    (b"sender=a\n\n", 10, "policy request of 1 attributes without 'request'"),
    (b"request=junk_policy\nsender=a\n\n", 20, "policy request 'junk_policy' instead of"),
    (b"request=\n\n", 9, "policy request '' instead of"),
    (b"request=smtpd_access_policy\nsender\n\n", 35, "policy attribute of 6 bytes without '=': 'sender'"),
    (b"request=smtpd_access_policy\r\n\r\n", 29, "policy request 'smtpd_access_policy\\r' instead"),
    (b"\xff\x00\n", 3, "policy attribute of 2 bytes without '=': '\\xff\\x00'"),
    (b"a=1\na=1\n", 8, "policy attribute 'a' sent twice"),
    (b"a=" + b"x" * 99_999, 100_001, "policy request of more than 100000 bytes"),
    (b"a=" + b"x" * 99_996 + b"\nb=\n\n", 100_001, "policy request of more than 100000 bytes"),
    (b"a=" + b"x" * 99_998 + b"\n\n", 100_001, "policy request of more than 100000 bytes"),
]
