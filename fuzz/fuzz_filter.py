"""Invariant: whatever the text, it is a filter that renders to a text of the same meaning, or it is refused.

Permitted exceptions: `FilterError`, because a filter may be wrong; its text is one line with the place.
"""

import re

from colocroute.directory.filter import FilterError, names, parse, render
from colocroute.directory.match import canonical, compile_filter
from fuzz import driver

ERROR = re.compile(r"filter .*, character [1-9][0-9]*: [^\n]+")
SEEDS = (
    "(colocRouteAddress=*)",
    "(|(colocRouteAddress=*)(objectClass=suseMailTransport)(&(relativeDomainName=@)(zoneName=*)))",
    "(&(mail=a*b*c)(!(uidNumber>=10))(uidNumber<=20)(cn~=x))",
    r"(cn=\28\2a\29\5c\00)",
    "(memberOf=cn=mail, ou=groups,dc=tux)",
    "(cn=Lück)",
    " ( & (a=1) ( b=2 ) ) ",
    "(a:dn:2.4.6:=b)",
    "(mail;lang-de=x)",
    "(a=**)",
    "(!(a=*)(b=*))",
    "(a=\\zz)",
)


def seeds() -> list[bytes]:
    """Filters, good and bad."""
    return [text.encode() for text in SEEDS]


def check(data: bytes) -> None:
    """Parses, renders and evaluates."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        node = parse(text)
    except FilterError as error:
        message = str(error)
        assert ERROR.fullmatch(message), message
        return
    assert parse(render(node)) == node
    matches = compile_filter(node)
    assert matches({}) in {True, False}
    entry = {canonical(name): [b"", data, b"10", b"@"] for name in names(node)}
    assert matches(entry) == matches(entry)


def main() -> None:
    """Fuzzes."""
    driver.run(check, seeds)


if __name__ == "__main__":
    main()
