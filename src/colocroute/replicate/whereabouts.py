"""Where the sites are, as seen from this server.

Owns one value that the replicator stores beside the data, so that a site and its whereabouts are one commit.
"""

import msgspec


class Whereabouts(msgspec.Struct, frozen=True):
    """`here`: the site domains this server is responsible for; `servers`: the addresses of the sites' servers.

    `unresolved`: the name of some site's server has never been resolved, so that `servers` lacks its addresses.
    `unplaced`: the site domains of which it is therefore not known whether they are here.
    """

    here: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    unresolved: bool = False
    unplaced: tuple[str, ...] = ()
