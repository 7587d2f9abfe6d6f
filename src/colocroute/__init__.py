"""colocroute: answers Postfix's routing lookups from a live mirror of an LDAP replica."""

__version__ = "0.1.0"
