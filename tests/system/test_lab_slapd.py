"""The lab itself: what the tests of the directory stand on."""

import os

import pytest

from tests.lab import slapd as lab
from tests.lab.company import Person, company_ldif
from tests.lab.slapd import LabError, Slapd, wait_until


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_missing_slapd_is_told_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "SLAPD_PATH", "/nowhere")
    with pytest.raises(LabError, match="apt-get install slapd ldap-utils"):
        Slapd()


def test_nothing_is_left_behind_even_when_a_test_fails() -> None:
    with pytest.raises(ZeroDivisionError), Slapd(company_ldif(1)) as slapd:
        pid, folder = slapd.pid, slapd.folder
        slapd.pause()
        raise ZeroDivisionError
    assert not alive(pid)
    assert not folder.exists()
    with pytest.raises(LabError, match="not running"):
        assert slapd.pid


def test_its_whole_life() -> None:
    with Slapd(company_ldif(3)) as slapd:
        assert slapd.count() == 3
        before = slapd.context_csn()
        slapd.delete(Person(0).dn)
        assert slapd.context_csn() > before
        slapd.kill()
        slapd.start()
        assert slapd.count() == 2
        with pytest.raises(LabError, match="is running"):
            slapd.load("")
        with pytest.raises(LabError, match="is running"):
            slapd.wipe()
        slapd.stop()
        slapd.wipe()
        slapd.load(company_ldif(1))
        slapd.start()
        assert slapd.count() == 1


def test_what_is_wrong_is_told() -> None:
    with pytest.raises(LabError, match="slapadd: Error, entries missing"):
        Slapd("dn: uid=a,ou=none,dc=test,dc=tux\nobjectClass: account\nuid: a\n")
    broken = Slapd(extra="rubbish")
    with pytest.raises(LabError, match="slapd ended with 1"), broken:
        pass
    with pytest.raises(LabError, match=r"waited 0.1 s in vain for a miracle"):
        wait_until(lambda: False, "a miracle", 0.1)
