"""The values of wiring have no behaviour but the one line of a service."""

from colocroute.cli.wiring_model import Service


def test_an_entry_of_master_cf_is_one_line() -> None:
    service = Service("outbound", "unix", "- - n - - smtp", ("a=b", "c=d"), "because")
    assert service.line == "outbound unix - - n - - smtp -o a=b -o c=d"
