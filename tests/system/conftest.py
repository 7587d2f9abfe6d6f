"""What several tests of the system share, once for each worker."""

from collections.abc import Iterator

import pytest

from tests.lab.mailcompany import MailCompany, mail_company
from tests.lab.wired import Lab, wired


@pytest.fixture(scope="session")
def wired_postfix() -> Iterator[Lab]:
    """A Postfix whose every table is a recorder's."""
    with wired() as lab:
        yield lab


@pytest.fixture
def lab(wired_postfix: Lab) -> Iterator[Lab]:
    """The same without answers, and with no process that remembers any."""
    wired_postfix.maps.clear()
    wired_postfix.postfix.reload()
    yield wired_postfix
    wired_postfix.postfix.command("postsuper", "-d", "ALL")


@pytest.fixture(scope="session")
def built_company() -> Iterator[MailCompany]:
    """Two sites and the outside."""
    with mail_company() as company:
        yield company


@pytest.fixture
def company(built_company: MailCompany) -> MailCompany:
    """The same with empty mailboxes, where everybody knows everything."""
    built_company.live()
    for mails in (
        built_company.central.box.mails,
        built_company.external.box.mails,
        built_company.world.mails,
    ):
        mails.clear()
    return built_company
