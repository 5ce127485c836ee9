"""Which tests stay together in one test process: those that share what is long in the making."""

from xdist.scheduler import LoadScopeScheduling

TOGETHER = {
    "tests/browser/": "browser",
    "tests/faults/": "faults",
    "tests/local/test_up.py": "up",
    "tests/local/test_the_demos_pages.py": "up",  # a long one, which else is given out last, and all wait for it
    "tests/test_architecture.py": "architecture",
}
"""By how their names begin: the tests of the one house, of the one stage, of `make up`, and of all sources once read."""


def group_of(test: str) -> str:
    """Return the group of a test, which is itself for most."""
    return next((group for beginning, group in TOGETHER.items() if test.startswith(beginning)), test)


class InGroups(LoadScopeScheduling):  # type: ignore[misc]  # it comes without types
    """Gives test processes whole groups, the largest first. Marks do not reach here: processes tell names alone."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
