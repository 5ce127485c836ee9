"""Which recorded result answers a call: one of the same arguments, else the next one of the tool. Pure.

Each is given once, in the order of recording; the last one of the same arguments is given again, as asking the same twice
had been answered alike. What a record says of the arguments has to hold; what it leaves out may be anything.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agents.rehearsals.document import Recorded


class Records:
    """The recorded results of one rehearsal, as they are given out."""

    def __init__(self, recorded: Sequence[Recorded]) -> None:
        self._all = tuple(recorded)
        self._given: set[int] = set()

    def answer(self, tool: str, arguments: Mapping[str, Any]) -> Recorded | None:
        """Return what is recorded for a call; None where nothing is left that fits."""
        of_tool = [place for place, one in enumerate(self._all) if one.tool == tool]
        same = [place for place in of_tool if _same(self._all[place], arguments)]
        left = [place for place in same if place not in self._given]
        order = [place for place in of_tool if place not in self._given]
        always = [place for place in of_tool if self._all[place].arguments is None]
        found = left or same[-1:] or order or always[-1:]
        if not found:
            return None
        self._given.add(found[0])
        return self._all[found[0]]


def _same(one: Recorded, arguments: Mapping[str, Any]) -> bool:
    if one.arguments is None:
        return False
    return all(name in arguments and arguments[name] == value for name, value in one.arguments.items())
