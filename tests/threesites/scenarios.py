"""What may go wrong in a company's mail, each in the middle of a load.

Owns the troubles.  Each leaves the laboratory in order.
"""

from tests.threesites.run import Run, Scenario


def nothing(run: Run) -> None:
    """All is well."""
    with run.load():
        pass


SCENARIOS = (Scenario("nothing", "nothing wrong", nothing),)
