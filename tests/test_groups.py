"""What shares an installation is run by one test process."""

from types import SimpleNamespace

import pytest

from tests.groups import TOGETHER, InGroups
from tests.server import ROOT

HOUSE = [f"tests/browser/test_{name}.py::test_it[a@b]" for name in ("pages", "queue", "stop")]
ALONE = [f"tests/flows/test_rates.py::test_{number}" for number in range(3)]


class Process:
    """A test process as the scheduler sees it."""

    def __init__(self) -> None:
        self.gateway = SimpleNamespace(id=f"gw{id(self)}")
        self.shutting_down = False
        self.given: list[int] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        """Take tests."""
        self.given += indices

    def shutdown(self) -> None:
        """Take no more."""
        self.shutting_down = True


@pytest.mark.parametrize("beginning", TOGETHER)
def test_a_group_names_what_there_is(beginning: str) -> None:
    """A folder that moves takes its group along."""
    assert (ROOT / beginning).exists()


def test_one_process_is_given_all_tests_of_the_house() -> None:
    """Else each process starts a house and a browser of its own, as one does that knows marks alone."""
    option = SimpleNamespace(loadscopereorder=True, tx=["2*popen"])
    scheduler = InGroups(SimpleNamespace(option=option, getvalue=vars(option).get))
    processes = [Process(), Process()]
    for process in processes:
        scheduler.add_node(process)
        scheduler.add_node_collection(process, [*ALONE, *HOUSE])
    scheduler.schedule()
    first, second = (process.given for process in processes)
    assert first == [3, 4, 5]
    assert second
    assert not {3, 4, 5} & set(second)
