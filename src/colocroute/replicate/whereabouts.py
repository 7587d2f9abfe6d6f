"""Where the sites are, as seen from this server.

Owns one value that the replicator stores beside the data, so that a site and its whereabouts are one commit.
"""

import msgspec


class Whereabouts(msgspec.Struct, frozen=True):
    """`here`: the site domains this server is responsible for; `servers`: the addresses of all sites' servers."""

    here: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
