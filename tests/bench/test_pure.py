"""The generator in Python."""

from colocroute.bench import pure
from tests.bench.contract import GeneratorContract


class TestPure(GeneratorContract):
    """See `GeneratorContract`."""

    run = staticmethod(pure.run)
