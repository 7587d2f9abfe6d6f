"""The configuration: declared in `sources` and `settings`, read by `loader`, documented by `reference`."""

from colocroute.config.loader import DEFAULT_PATH, Check, load
from colocroute.config.settings import Config

__all__ = ["DEFAULT_PATH", "Check", "Config", "load"]
