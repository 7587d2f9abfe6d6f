"""The documentation of the configuration, written from the declarations.

Owns `reference` (Markdown, kept in `docs/configuration.md`) and `example` (a configuration file that sets
every key to its default).  `python -m colocroute.config.reference` prints the first.
"""

import sys
from collections.abc import Iterator

from colocroute.config.loader import DEFAULT_PATH
from colocroute.config.setting import Declared, declared, sections
from colocroute.config.settings import NOT_YET, Config
from colocroute.config.sources import PRESETS

INTRODUCTION = f"""\
<!-- Written by `make docs` from src/colocroute/config: change it there. -->
# Configuration

One file in [TOML](https://toml.io), by default `{DEFAULT_PATH}`; every command takes another with `-c FILE`.
A key that is left out has its default. Unknown keys, values of the wrong type and combinations that cannot
work are errors: all of them are reported at once, each with its key and line, and the exit code is 78. On
`SIGHUP` the file is read again; if it has mistakes, the configuration in force stays.

- A **duration** is a whole number with a unit, in quotes: `"50us"`, `"100ms"`, `"5s"`, `"5m"`, `"24h"`,
  `"30d"`.
- A **socket** is `"unix:/path"` or `"inet:host:port"`, an IPv6 address in brackets: `"inet:[::1]:2525"`.
- A **domain** may be written with its national characters; it is compared as an A-label in lower case.

The smallest file that works beside an OpenLDAP replica:

```toml
[directory]
base = "dc=test,dc=tux"

[routing]
domains = ["test.tux"]
```
"""

RULES = """\
## What goes together

- `bind_dn` and `bind_password_file` need each other.
- A password over plain `ldap://` to another machine needs `start_tls`, or `allow_plaintext_bind = true`.
- `start_tls` is for `ldap://`; `ldaps://` and `ldapi://` have no use for it.
- An `ldif:` file is the only directory, without `bind_dn`, `bind_password_file`, `ca_file` and `mode`.
- The service must be able to read the files that are named.
- A socket is used once, and there is at least one.
- A socket on an address other than the loopback needs `listen.allow_remote = true`.
"""


def reference() -> str:
    """All keys, their meaning, type and default, in Markdown."""
    parts = [INTRODUCTION, *(_section(name) for name in sections(Config)), RULES, _example_section()]
    return "\n".join(parts)


def example() -> str:
    """A configuration file with every key at its default, in TOML."""
    return "\n".join("\n".join(_example_lines(name)) + "\n" for name in sections(Config))


def _section(name: str) -> str:
    lines = [f"## [{name}]", "", sections(Config)[name].__doc__ or "", ""]
    if name == "schema":
        lines += [f"Presets: {', '.join(f'`{preset}`' for preset in PRESETS)}.", ""]
    lines += ["| key | default | value | meaning |", "|---|---|---|---|"]
    lines += [_row(item) for item in declared(Config, name).values()]
    return "\n".join([*lines, ""])


def _row(item: Declared) -> str:
    default = "required" if item.setting.required else f"`{item.default_text}`"
    meaning = item.setting.help + (f" **{NOT_YET[item.name]}**" if item.name in NOT_YET else "")
    return f"| `{item.key}` | {default} | {item.setting.kind.expects} | {meaning} |"


def _example_section() -> str:
    return f"## Everything at its default\n\n```toml\n{example()}```\n"


def _example_lines(name: str) -> Iterator[str]:
    yield f"[{name}]"
    for key, item in declared(Config, name).items():
        yield f"{key} = {item.default_text}"


if __name__ == "__main__":
    sys.stdout.write(reference())
