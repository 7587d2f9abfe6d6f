from colocroute.directory.schema import Schema
from colocroute.directory.settings import DirectorySettings


def test_mistakes_are_told_all_at_once() -> None:
    assert DirectorySettings(uris=("ldapi:///",), base="dc=test,dc=tux").mistakes() == []
    settings = DirectorySettings(
        uris=("ldapi:///", "http://x"), base="test.tux", bind_dn="cn=mail", schema=Schema(user_filter="(a")
    )
    assert [line.partition(": ")[0] for line in settings.mistakes()] == [
        "directory.uri",
        "directory.base",
        "directory.bind_password_file",
        "schema.user_filter",
    ]
