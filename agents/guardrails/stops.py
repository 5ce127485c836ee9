"""What the kill switch holds at this moment. Pure.

A stop of everything, of an agent or of a session holds sessions: they ask no model and enter no tool. A stop of a tool
holds its calls: they wait, and the session with them once nothing else of its turn can go on.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ActiveStop:
    """One stop that nobody has lifted: `target` is the agent's slug, the tool's name or the session's short id."""

    id: UUID
    scope: str
    kind: str
    reason: str
    by: str
    at: datetime

    @property
    def target(self) -> str:
        """What it names within its kind; empty for everything."""
        return self.scope.partition(":")[2]

    @property
    def what(self) -> str:
        """What is stopped, for people."""
        return "All agents" if self.kind == "all" else f"{self.kind.capitalize()} {self.target}"

    @property
    def facts(self) -> dict[str, Any]:
        """As an entry of what it holds states it."""
        return {"scope": self.scope, "by": self.by, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Stops:
    """All active stops, the widest first."""

    items: tuple[ActiveStop, ...] = ()

    def of_agent(self, agent: str) -> ActiveStop | None:
        """The stop that holds every session of an agent."""
        return _first(stop for stop in self.items if stop.scope in ("all", f"agent:{agent}"))

    def of_session(self, agent: str, ref: str) -> ActiveStop | None:
        """The stop that holds a session as a whole."""
        return self.of_agent(agent) or _first(stop for stop in self.items if stop.scope == f"session:{ref}")

    def of_tool(self, name: str) -> ActiveStop | None:
        """The stop that holds the calls of a tool."""
        return _first(stop for stop in self.items if stop.scope == f"tool:{name}")

    def holding(self, agent: str, ref: str, held_by: UUID | None) -> ActiveStop | None:
        """The stop that a session waits for: its own, or that of the tool that its next call needs."""
        return self.of_session(agent, ref) or _first(stop for stop in self.items if stop.id == held_by)

    def of_call(self, agent: str, ref: str, tool: str) -> ActiveStop | None:
        """The stop that keeps a call from being entered."""
        return self.of_session(agent, ref) or self.of_tool(tool)


NOTHING = Stops()


def _first(stops: Iterable[ActiveStop]) -> ActiveStop | None:
    return next(iter(stops), None)
