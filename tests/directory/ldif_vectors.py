"""LDIF and what it says, for tests and fuzz seeds."""

from colocroute.directory.ldif import LdifRecord

GOOD: list[tuple[bytes, list[LdifRecord]]] = [
    (b"", []),
    (b"\n\n# nothing\n\n", []),
    (b"version: 1\n", []),
    (
        b"dn: uid=anna,dc=tux\nmail: anna@test.tux",
        [LdifRecord(1, b"uid=anna,dc=tux", {b"mail": [b"anna@test.tux"]})],
    ),
    (
        b"version: 1\n\ndn: dc=tux\nMail: a\nmail:b\nmail:  c\nalias;lang-de: d\n\n\n\ndn: dc=b\n\n",
        [
            LdifRecord(3, b"dc=tux", {b"mail": [b"a", b"b", b"c"], b"alias;lang-de": [b"d"]}),
            LdifRecord(11, b"dc=b", {}),
        ],
    ),
    (b"version:1\ndn: dc=tux\ncn:\n", [LdifRecord(2, b"dc=tux", {b"cn": [b""]})]),
    (
        b"# a comment\n that goes on\ndn: uid=an\n na,dc=tux\n# here too\nmail: anna\n @test.\n tux\n",
        [LdifRecord(3, b"uid=anna,dc=tux", {b"mail": [b"anna@test.tux"]})],
    ),
    (
        b"dn:: dWlkPUzDvGNr\ncn:: TMO8Y2s=\ncn::\ncn:: TMO8\n Y2s=\n",
        [LdifRecord(1, "uid=Lück".encode(), {b"cn": ["Lück".encode(), b"", "Lück".encode()]})],
    ),
    (b"\xef\xbb\xbfdn: dc=tux\ncn: L\xfcck\n", [LdifRecord(1, b"dc=tux", {b"cn": [b"L\xfcck"]})]),
    (
        b"dn: dc=tux\nchangetype: add\ncn: a\n\ndn: dc=b\nChangeType: ADD\n",
        [LdifRecord(1, b"dc=tux", {b"cn": [b"a"]}), LdifRecord(5, b"dc=b", {})],
    ),
    (b"dn:\nsupportedControl: 1.2\n", [LdifRecord(1, b"", {b"supportedcontrol": [b"1.2"]})]),
    (b"dn: dc=tux\ncn: a: b:: c\n", [LdifRecord(1, b"dc=tux", {b"cn": [b"a: b:: c"]})]),
]

BAD: list[tuple[bytes, int, str]] = [
    (b"version: 2\n\ndn: dc=tux\n", 1, "expected version: 1"),
    (b"dn: dc=tux\n\nversion: 1\n", 3, "expected 'dn: ...'"),
    (b"mail: anna@test.tux\n", 1, "expected 'dn: ...' at the start of a record, found 'mail: anna@test.tux'"),
    (b"dn: dc=tux\n\n# x\nsearch: 2\nresult: 0 Success\n", 4, "ldapsearch without -LLL"),
    (b"dn: dc=tux\ndn: dc=b\n", 2, "a second 'dn:'"),
    (b" dn: dc=tux\n", 1, "nothing to continue"),
    (b"dn: dc=tux\n\n folded\n", 3, "nothing to continue"),
    (b"dn: dc=tux\nmail\n", 2, "expected 'attribute: value', found 'mail'"),
    (b"dn: dc=tux\n: x\n", 2, "expected 'attribute: value', found ': x'"),
    (b"dn: dc=tux\nm il: x\n", 2, "expected 'attribute: value'"),
    (b"dn: dc=tux\n-\n", 2, "expected 'attribute: value', found '-'"),
    (b"dn: dc=tux\n\x1b[1mx\xff\n", 2, "found '\\x1b[1mx\\xff'"),
    (b"dn: dc=tux\ncn:: %%%\n", 2, "the value of 'cn' is not base64"),
    (b"dn: dc=tux\ncn:: abc\n", 2, "the value of 'cn' is not base64"),
    (b"dn: dc=tux\nphoto:< file:///etc/passwd\n", 2, "values by URL ('photo':<) are not supported"),
    (b"dn: dc=tux\nchangetype: delete\n", 2, "'changetype: delete' is not supported"),
    (b"dn: dc=tux\nchangetype: modify\nadd: cn\ncn: x\n-\n", 2, "'changetype: modify' is not supported"),
    (b"dn: dc=tux\ncontrol: 1.2 true\nchangetype: add\n", 2, "controls are not supported"),
]
