"""What Postfix can reach, and what it is told."""

import stat

import pytest

from colocroute.cli.finding import Finding
from colocroute.cli.postfix_checks import (
    allows,
    check_chroot,
    check_delimiter,
    check_domains,
    check_permission,
    check_policy,
    check_presence,
    check_tables,
    references,
)
from colocroute.cli.postfix_facts import Account, Node, PostfixFacts
from colocroute.cli.wiring_model import Installed
from colocroute.cli.wiring_policy import with_policy

SOCKET = "/run/colocroute/map.sock"
QUEUED = "/var/spool/postfix/colocroute/map.sock"
POSTFIX = Account("postfix", 100, frozenset({100, 200}))


def facts(*, chrooted: tuple[str, ...] = (), delimiter: str = "+", **parameters: str) -> PostfixFacts:
    return PostfixFacts(Installed(chrooted=frozenset(chrooted)), parameters, delimiter, POSTFIX)


def chroot(socket: str, **parameters: str) -> list[Finding]:
    asking = ("smtpd", "cleanup", "trivial-rewrite")
    return list(check_chroot([socket], facts(chrooted=asking, **parameters)))


def test_every_mention_of_a_socket() -> None:
    found = references(
        facts(
            virtual_alias_maps=f"hash:/etc/x, proxy:socketmap:unix:{SOCKET}:virtual_alias",
            smtpd_recipient_restrictions="check_policy_service { unix:colocroute/map.sock, timeout=10s }, permit",
            relayhost="[unix.example]",
        )
    )
    assert [(one.parameter, one.path, one.spelled, one.proxied, one.table) for one in found] == [
        ("virtual_alias_maps", SOCKET, SOCKET, True, True),
        ("smtpd_recipient_restrictions", QUEUED, "colocroute/map.sock", False, False),
    ]


def test_a_socket_outside_of_the_chroot() -> None:
    table = f"socketmap:unix:{SOCKET}:virtual_alias"
    (one,) = chroot(SOCKET, virtual_alias_maps=table, transport_maps=table)
    assert (one.level, one.code, one.subject) == ("error", "socket-unreachable", SOCKET)
    assert "virtual_alias_maps (cleanup), virtual_alias_maps (smtpd)" in one.message
    assert "transport_maps (trivial-rewrite)" in one.message
    assert "postconf --apply" in one.remedy


@pytest.mark.parametrize(
    ("socket", "table"),
    [
        (SOCKET, f"proxy:socketmap:unix:{SOCKET}:virtual_alias"),
        (SOCKET, "socketmap:unix:/run/other.sock:virtual_alias"),
        (SOCKET, "socketmap:inet:127.0.0.1:2526:virtual_alias"),
        (QUEUED, "socketmap:unix:colocroute/map.sock:virtual_alias"),
    ],
)
def test_what_a_chroot_does_not_hide(socket: str, table: str) -> None:
    assert chroot(socket, virtual_alias_maps=table) == []


@pytest.mark.parametrize(
    ("endpoint", "listeners", "found"),
    [
        ("inet:127.0.0.1:2527", ["inet:127.0.0.1:2527"], []),
        ("inet:localhost:2527", ["inet:127.0.0.1:2526", "inet:[::1]:2527"], []),
        ("inet:127.0.0.1:2527", ["inet:127.0.0.1:2528"], ["policy-unreachable"]),
        ("inet:127.0.0.1:2527", [], ["policy-unreachable"]),
        ("unix:colocroute/map.sock", [f"unix:{QUEUED}"], []),
        (f"unix:{SOCKET}", [f"unix:{SOCKET}"], []),
        ("unix:colocroute/map.sock", [f"unix:{SOCKET}"], ["policy-unreachable"]),
    ],
)
def test_where_our_policy_entry_leads(endpoint: str, listeners: list[str], found: list[str]) -> None:
    restrictions = with_policy("", endpoint, ["test.tux"])
    told = list(check_policy(listeners, facts(smtpd_recipient_restrictions=restrictions)))
    assert [one.code for one in told] == found
    assert all((one.level, one.subject) == ("error", endpoint) for one in told)


def test_the_policy_services_of_others_are_not_ours_to_judge() -> None:
    theirs = "check_policy_service inet:127.0.0.1:10023, permit"
    assert list(check_policy([], facts(smtpd_recipient_restrictions=theirs))) == []
    assert list(check_policy([], facts())) == []


def test_tables_on_a_former_socket_of_ours() -> None:
    table = "proxy:socketmap:unix:colocroute/map.sock"
    postfix = facts(transport_maps=f"{table}:transport", virtual_alias_maps=f"{table}:virtual_alias")
    (one,) = check_tables([SOCKET], lambda _: True, postfix)
    assert (one.level, one.code, one.subject) == ("error", "socket-unreachable", QUEUED)
    assert "transport_maps, virtual_alias_maps" in one.message
    assert list(check_tables([SOCKET], lambda path: path != QUEUED, postfix)) == []
    assert list(check_tables([QUEUED], lambda _: True, postfix)) == []
    no_table = facts(smtpd_milters="unix:milter.sock", virtual_alias_maps="lmdb:/etc/aliases")
    assert list(check_tables([SOCKET], lambda _: True, no_table)) == []


def test_inside_a_chroot_a_full_path_leads_nowhere() -> None:
    assert chroot(QUEUED, virtual_alias_maps=f"socketmap:unix:{QUEUED}:virtual_alias")


def test_who_is_not_chrooted_reaches_all() -> None:
    table = f"socketmap:unix:{SOCKET}:generic"
    assert chroot(SOCKET, smtp_generic_maps=table) == []
    assert list(check_chroot([SOCKET], facts(chrooted=("smtp",), smtp_generic_maps=table)))


@pytest.mark.parametrize(
    ("ours", "theirs", "differ"), [("+", "+", False), ("+-", "-+", False), ("+", "", True), ("", "+", True)]
)
def test_the_delimiter(ours: str, theirs: str, differ: bool) -> None:
    found = list(check_delimiter(ours, facts(delimiter=theirs)))
    assert bool(found) is differ
    assert all((one.level, one.code) == ("warning", "delimiter-mismatch") for one in found)


DIRECTORY, SOCK = stat.S_IFDIR, stat.S_IFSOCK


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "may"),
    [
        (DIRECTORY | 0o755, 0, 0, True),
        (DIRECTORY | 0o754, 0, 0, False),
        (DIRECTORY | 0o710, 0, 200, True),
        (DIRECTORY | 0o701, 0, 200, False),  # the group's bits count, not those of others
        (SOCK | 0o660, 0, 0, False),
        (SOCK | 0o660, 0, 200, True),
        (SOCK | 0o600, 100, 0, True),
        (SOCK | 0o066, 100, 200, False),
        (SOCK | 0o666, 0, 0, True),
    ],
)
def test_permission(mode: int, uid: int, gid: int, may: bool) -> None:
    assert allows(Node("x", mode, uid, gid), POSTFIX) is may


def path(directory: int, socket: int) -> tuple[Node, ...]:
    return Node("/run/colocroute", DIRECTORY | directory, 0, 0), Node(SOCKET, SOCK | socket, 0, 0)


def test_a_socket_that_may_not_be_written() -> None:
    wired = facts(virtual_alias_maps=f"socketmap:unix:{SOCKET}:virtual_alias")
    (one,) = check_permission(SOCKET, path(0o755, 0o660), wired)
    assert (one.level, one.code, one.subject) == ("error", "socket-unreachable", SOCKET)
    assert "the user postfix may not connect to it (mode 0660)" in one.message
    (one,) = check_permission(SOCKET, path(0o700, 0o666), wired)
    assert "may not enter /run/colocroute (mode 0700)" in one.message
    assert list(check_permission(SOCKET, path(0o755, 0o666), wired)) == []


def test_what_main_cf_does_not_name_is_a_warning() -> None:
    assert [one.level for one in check_permission(SOCKET, path(0o755, 0o660), facts())] == ["warning"]


def test_nothing_is_known_of_a_socket_that_is_not_there() -> None:
    assert list(check_permission(SOCKET, path(0o755, 0)[:1], facts())) == []


def test_a_running_service_has_its_socket() -> None:
    assert list(check_presence(SOCKET, path(0o755, 0o660))) == []
    assert [one.code for one in check_presence(SOCKET, path(0o755, 0)[:1])] == ["socket-unreachable"]
    assert list(check_presence(SOCKET, ()))


LISTENER = f"unix:{SOCKET}"
LISTS = {
    "virtual_alias_domains": "test.tux",
    "relay_domains": "Central.test.tux  external.test.tux",
    "transport_maps": f"socketmap:{LISTENER}:transport",
}
SITES = ("central.test.tux", "external.test.tux")


def domains(sites: tuple[str, ...] = SITES, **changes: str) -> list[tuple[str, str]]:
    told = PostfixFacts(Installed(), {**LISTS, **changes}, "+", POSTFIX)
    found = check_domains(("test.tux",), sites, [LISTENER], told)
    return [(one.code, one.subject) for one in found]


def test_lists_that_agree() -> None:
    assert domains() == []
    assert (
        domains(virtual_alias_domains="", relay_domains="test.tux, central.test.tux, external.test.tux") == []
    )


def test_a_domain_that_came_after_the_lists() -> None:
    assert domains((*SITES, "rome.test.tux")) == [("unlisted-domain", "rome.test.tux")]
    assert domains(virtual_alias_domains="") == [("unlisted-domain", "test.tux")]


def test_a_domain_that_the_lists_still_have() -> None:
    assert domains(SITES[:1]) == [("obsolete-domain", "external.test.tux")]


def test_a_domain_with_national_characters_is_listed_in_both_forms() -> None:
    sites = (*SITES, "xn--mnchen-3ya.test.tux")
    both = "central.test.tux, external.test.tux, xn--mnchen-3ya.test.tux"
    assert domains(sites, relay_domains=f"{both}, MÜNCHEN.test.tux") == []
    assert domains(sites, relay_domains=both) == [("unlisted-domain", "xn--mnchen-3ya.test.tux")]
    assert domains(relay_domains=f"{both}, münchen.test.tux") == [
        ("obsolete-domain", "münchen.test.tux"),
        ("obsolete-domain", "xn--mnchen-3ya.test.tux"),
    ]


def test_domains_are_not_compared_where_that_says_nothing() -> None:
    assert domains(relay_domains=f"socketmap:{LISTENER}:relay_domains") == [], "asked, and never old"
    assert domains((), relay_domains="") == [], "the mirror is empty"
    assert domains(relay_domains="") == [], "whoever wires by hand may have others"
    assert domains(SITES[:1], transport_maps="") == [], "this Postfix has nothing to do with us"
