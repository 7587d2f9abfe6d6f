"""LDAP messages on the wire and what they mean: drives decoding, encoding and the fuzz seeds.

Those named `slapd` were recorded from slapd 2.5.13 (Debian 12).
"""

from colocroute.directory.controls import (
    ADD,
    DELETE,
    MODIFY,
    SYNC_INFO,
    NewCookie,
    RefreshDelete,
    RefreshPresent,
    SyncDone,
    SyncIdSet,
)
from colocroute.directory.messages import (
    NOTICE_OF_DISCONNECTION,
    Intermediate,
    Kind,
    Message,
    RawEntry,
    Result,
    SearchReference,
)

Vector = tuple[str, bytes, Message]

# Each stands for exactly these bytes in both directions.
EXACT: list[Vector] = [
    (
        "slapd: a deletion",
        bytes.fromhex(
            "308198020102641e041a7569643d75392c6f753d612c64633d746573742c64633d7475783000a07330710418312e332e"
            "362e312e342e312e343230332e312e392e312e32045530530a010304101d1dc69e7c2a10419aff094d799a9c35043c72"
            "69643d3030302c7369643d3030312c63736e3d32303236313132343038303932392e3433363531365a23303030303030"
            "2330303123303030303030"
        ),
        RawEntry(
            2,
            b"uid=u9,ou=a,dc=test,dc=tux",
            {},
            DELETE,
            bytes.fromhex("1d1dc69e7c2a10419aff094d799a9c35"),
            b"rid=000,sid=001,csn=20261124080929.436516Z#000000#001#000000",
        ),
    ),
    (
        "slapd: entries that are unchanged",
        bytes.fromhex(
            "306d02010279688018312e332e362e312e342e312e343230332e312e392e312e34814ca34a314804101bcde7b07c2a10"
            "4199f19ba381e1128104101bcde9fe7c2a104199f29ba381e1128104101bd7edb47c2a10419afc094d799a9c3504101b"
            "d8114a7c2a10419afe094d799a9c35"
        ),
        Intermediate(
            2,
            SYNC_INFO,
            SyncIdSet(
                None,
                False,
                (
                    bytes.fromhex("1bcde7b07c2a104199f19ba381e11281"),
                    bytes.fromhex("1bcde9fe7c2a104199f29ba381e11281"),
                    bytes.fromhex("1bd7edb47c2a10419afc094d799a9c35"),
                    bytes.fromhex("1bd8114a7c2a10419afe094d799a9c35"),
                ),
            ),
        ),
    ),
    (
        "slapd: an entry deleted, from the session log",
        bytes.fromhex(
            "3081d50201027981cf8018312e332e362e312e342e312e343230332e312e392e312e348181b2a381af0481957269643d"
            "3030302c7369643d3030312c63736e3d32303236313132343038313031372e3339373933345a23303030303030233030"
            "30233030303030303b32303236313132343038313031372e3435373732355a2330303030303023303031233030303030"
            "302c64656c63736e3d32303236313132343038313031382e3932363030325a2330303030303023303031233030303030"
            "300101ff311204103a9606c87c2a104199d4711b927e88d7"
        ),
        Intermediate(
            2,
            SYNC_INFO,
            SyncIdSet(
                b"rid=000,sid=001,csn=20261124081017.397934Z#000000#000#000000;20261124081017.457725Z#000000#001#000000,delcsn=20261124081018.926002Z#000000#001#000000",
                True,
                (bytes.fromhex("3a9606c87c2a104199d4711b927e88d7"),),
            ),
        ),
    ),
    (
        "slapd: the end of a first refresh",
        bytes.fromhex(
            "30818b0201027981858018312e332e362e312e342e312e343230332e312e392e312e348169a16704657269643d303030"
            "2c7369643d3030312c63736e3d32303236313132343038303932352e3831343239305a23303030303030233030302330"
            "30303030303b32303236313132343038303932352e3838303833305a233030303030302330303123303030303030"
        ),
        Intermediate(
            2,
            SYNC_INFO,
            RefreshDelete(
                b"rid=000,sid=001,csn=20261124080925.814290Z#000000#000#000000;20261124080925.880830Z#000000#001#000000"
            ),
        ),
    ),
    (
        "slapd: nothing changed",
        bytes.fromhex("3023020102791e8018312e332e362e312e342e312e343230332e312e392e312e348102a100"),
        Intermediate(2, SYNC_INFO, RefreshDelete(None)),
    ),
    (
        "slapd: the end of a refresh without a position",
        bytes.fromhex("302502010279208018312e332e362e312e342e312e343230332e312e392e312e348104a1020400"),
        Intermediate(2, SYNC_INFO, RefreshDelete(b"")),
    ),
    (
        "slapd: the end of a present phase",
        bytes.fromhex(
            "30818b0201027981858018312e332e362e312e342e312e343230332e312e392e312e348169a26704657269643d303030"
            "2c7369643d3030312c63736e3d32303236313132343038303932352e3831343239305a23303030303030233030302330"
            "30303030303b32303236313132343038303932372e3330313733375a233030303030302330303123303030303030"
        ),
        Intermediate(
            2,
            SYNC_INFO,
            RefreshPresent(
                b"rid=000,sid=001,csn=20261124080925.814290Z#000000#000#000000;20261124080927.301737Z#000000#001#000000"
            ),
        ),
    ),
    (
        "slapd: a change elsewhere",
        bytes.fromhex(
            "3081890201027981838018312e332e362e312e342e312e343230332e312e392e312e34816780657269643d3030302c73"
            "69643d3030312c63736e3d32303236313132343038303932352e3831343239305a233030303030302330303023303030"
            "3030303b32303236313132343038303933392e3239373239305a233030303030302330303123303030303030"
        ),
        Intermediate(
            2,
            SYNC_INFO,
            NewCookie(
                b"rid=000,sid=001,csn=20261124080925.814290Z#000000#000#000000;20261124080939.297290Z#000000#001#000000"
            ),
        ),
    ),
    (
        "slapd: the end of refreshOnly, delete phase",
        bytes.fromhex(
            "30819a02010265070a010004000400a0818b3081880418312e332e362e312e342e312e343230332e312e392e312e3304"
            "6c306a04657269643d3030302c7369643d3030312c63736e3d32303236313132343038303932352e3831343239305a23"
            "30303030303023303030233030303030303b32303236313132343038303933322e3235393436325a2330303030303023"
            "303031233030303030300101ff"
        ),
        Result(
            2,
            Kind.SEARCH_DONE,
            0,
            sync_done=SyncDone(
                b"rid=000,sid=001,csn=20261124080925.814290Z#000000#000#000000;20261124080932.259462Z#000000#001#000000",
                True,
            ),
        ),
    ),
    (
        "slapd: the end of refreshOnly, present phase",
        bytes.fromhex(
            "30819702010265070a010004000400a081883081850418312e332e362e312e342e312e343230332e312e392e312e3304"
            "69306704657269643d3030302c7369643d3030312c63736e3d32303236313132343038303932352e3831343239305a23"
            "30303030303023303030233030303030303b32303236313132343038303933332e3637323933385a2330303030303023"
            "30303123303030303030"
        ),
        Result(
            2,
            Kind.SEARCH_DONE,
            0,
            sync_done=SyncDone(
                b"rid=000,sid=001,csn=20261124080925.814290Z#000000#000#000000;20261124080933.672938Z#000000#001#000000",
                False,
            ),
        ),
    ),
    (
        "slapd: refreshOnly, nothing changed or nothing there",
        bytes.fromhex(
            "303102010265070a010004000400a02330210418312e332e362e312e342e312e343230332e312e392e312e3304053003"
            "0101ff"
        ),
        Result(2, Kind.SEARCH_DONE, 0, sync_done=SyncDone(None, True)),
    ),
    (
        "slapd: the end of a plain search",
        bytes.fromhex("300c02010265070a010004000400"),
        Result(2, Kind.SEARCH_DONE, 0),
    ),
    (
        "slapd: no base",
        bytes.fromhex("300c02010265070a012004000400"),
        Result(2, Kind.SEARCH_DONE, 32),
    ),
    (
        "slapd: no syncprov",
        bytes.fromhex(
            "3033020102652e0a010c04000427637269746963616c20636f6e74726f6c20756e617661696c61626c6520696e20636f"
            "6e74657874"
        ),
        Result(2, Kind.SEARCH_DONE, 12, text="critical control unavailable in context"),
    ),
    (
        "slapd: a cookie for an empty database",
        bytes.fromhex(
            "303902010265340a01350400042d636f6e73756d65722068617320737461746520696e666f206275742070726f766964"
            "657220646f65736e277421"
        ),
        Result(2, Kind.SEARCH_DONE, 53, text="consumer has state info but provider doesn't!"),
    ),
    (
        "slapd: a stale cookie",
        bytes.fromhex("3021020102651c0a0210000400041473796e6320636f6f6b6965206973207374616c65"),
        Result(2, Kind.SEARCH_DONE, 4096, text="sync cookie is stale"),
    ),
    (
        "slapd: notice of disconnection",
        bytes.fromhex(
            "303802010078330a010204000414756e6b6e6f776e204c44415020726571756573748a16312e332e362e312e342e312e"
            "313436362e3230303336"
        ),
        Result(0, Kind.EXTENDED, 2, text="unknown LDAP request", oid=NOTICE_OF_DISCONNECTION),
    ),
    (
        "slapd: a refused bind",
        bytes.fromhex("300c02010261070a013104000400"),
        Result(2, Kind.BIND, 49),
    ),
]

# These are read only: the value does not keep all that was written.
READ: list[Vector] = [
    (
        "slapd: an entry of a refresh",
        bytes.fromhex(
            "3081fe0201026481c1041a7569643d75302c6f753d612c64633d746573742c64633d7475783081a2301e040b6f626a65"
            "6374436c617373310f040d696e65744f7267506572736f6e300b0403756964310404027530300e0402636e3108040655"
            "7365722030300a0402736e310404025330302204046d61696c311a040b753040746573742e747578040b763040746573"
            "742e74757830330409656e747279555549443126042431626437656462342d376332612d313034312d396166632d3039"
            "34643739396139633335a03530330418312e332e362e312e342e312e343230332e312e392e312e32041730150a010104"
            "101bd7edb47c2a10419afc094d799a9c35"
        ),
        RawEntry(
            2,
            b"uid=u0,ou=a,dc=test,dc=tux",
            {
                b"objectclass": [b"inetOrgPerson"],
                b"uid": [b"u0"],
                b"cn": [b"User 0"],
                b"sn": [b"S0"],
                b"mail": [b"u0@test.tux", b"v0@test.tux"],
                b"entryuuid": [b"1bd7edb4-7c2a-1041-9afc-094d799a9c35"],
            },
            ADD,
            bytes.fromhex("1bd7edb47c2a10419afc094d799a9c35"),
        ),
    ),
    (
        "slapd: a change",
        bytes.fromhex(
            "3082013b0201026481c0041a7569643d75392c6f753d612c64633d746573742c64633d7475783081a1301e040b6f626a"
            "656374436c617373310f040d696e65744f7267506572736f6e300b0403756964310404027539300e0402636e31080406"
            "557365722039302204046d61696c311a040b753940746573742e747578040b763940746573742e74757830330409656e"
            "747279555549443126042431643164633639652d376332612d313034312d396166662d30393464373939613963333530"
            "090402736e3103040179a07330710418312e332e362e312e342e312e343230332e312e392e312e32045530530a010204"
            "101d1dc69e7c2a10419aff094d799a9c35043c7269643d3030302c7369643d3030312c63736e3d323032363131323430"
            "38303932382e3732373135395a233030303030302330303123303030303030"
        ),
        RawEntry(
            2,
            b"uid=u9,ou=a,dc=test,dc=tux",
            {
                b"objectclass": [b"inetOrgPerson"],
                b"uid": [b"u9"],
                b"cn": [b"User 9"],
                b"mail": [b"u9@test.tux", b"v9@test.tux"],
                b"entryuuid": [b"1d1dc69e-7c2a-1041-9aff-094d799a9c35"],
                b"sn": [b"y"],
            },
            MODIFY,
            bytes.fromhex("1d1dc69e7c2a10419aff094d799a9c35"),
            b"rid=000,sid=001,csn=20261124080928.727159Z#000000#001#000000",
        ),
    ),
    (
        "slapd: an entry of a plain search",
        bytes.fromhex(
            "30650201026460040e64633d746573742c64633d747578304e3017040b6f626a656374436c61737331080406646f6d61"
            "696e30330409656e747279555549443126042431626364653762302d376332612d313034312d393966312d3962613338"
            "31653131323831"
        ),
        RawEntry(
            2,
            b"dc=test,dc=tux",
            {b"objectclass": [b"domain"], b"entryuuid": [b"1bcde7b0-7c2a-1041-99f1-9ba381e11281"]},
        ),
    ),
    (
        "slapd: a referral",
        bytes.fromhex(
            "306f020102733304316c6461703a2f2f6f746865722e746573742e7475782f6f753d7265662c64633d6f746865722c64"
            "633d7475783f3f737562a03530330418312e332e362e312e342e312e343230332e312e392e312e32041730150a010104"
            "10ed81668c7c2b10418852f3b22a7ead1c"
        ),
        SearchReference(2, (b"ldap://other.test.tux/ou=ref,dc=other,dc=tux??sub",)),
    ),
    (
        "slapd: an extended response (its value is skipped)",
        bytes.fromhex("302802010778230a0100040004008b1a646e3a636e3d61646d696e2c64633d746573742c64633d747578"),
        Result(7, Kind.EXTENDED, 0),
    ),
]
