"""colocroute: answers Postfix's routing lookups from a live mirror of an LDAP replica."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("colocroute")
except PackageNotFoundError:
    __version__ = "unknown"
