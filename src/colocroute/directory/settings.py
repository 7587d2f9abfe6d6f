"""What the `[directory]` and `[schema]` sections say to this package.

Owns the values and which of them cannot be used.  Must not know the configuration file.
"""

import msgspec

from colocroute.directory import dn, uri
from colocroute.directory.schema import Schema


class DirectorySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Names and meanings are those of the configuration; times in seconds."""

    uris: tuple[str, ...]
    """In order of preference."""
    base: str
    bind_dn: str = ""
    bind_password_file: str = ""
    allow_plaintext_bind: bool = False
    start_tls: bool = False
    ca_file: str = ""
    mode: str = "auto"
    """`auto`, `syncrepl` or `poll`."""
    poll_interval: float = 60.0
    schema: Schema = Schema()

    def mistakes(self) -> list[str]:
        """One line for each value that cannot be used, `section.key: reason`; empty when all is well."""
        found: list[str] = []
        for text in self.uris:
            try:
                uri.parse(text)
            except ValueError as error:
                found.append(f"directory.uri: {error}")
        try:
            dn.split(self.base)
        except ValueError as error:
            found.append(f"directory.base: {error}")
        if self.bind_dn and not self.bind_password_file:
            found.append("directory.bind_password_file: needed for directory.bind_dn")
        return found + self.schema.mistakes()
