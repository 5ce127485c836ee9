"""What tests of tools share: a context, and tools that are registered for one test only."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from agents.tools import ToolContext, registry
from agents.tools.definition import Tool

Declare = Callable[..., Tool]
"""Registers a function as a tool, with facts of its declaration."""

SESSION_ID = UUID("01890000-0000-7000-8000-000000000001")


def make_context(**facts: Any) -> ToolContext:
    """Return the surroundings of one call, with a key of its own unless one is given."""
    return ToolContext(
        **{
            "session": "S-88001",
            "session_id": SESSION_ID,
            "agent": "research-assistant",
            "principal": "Olga",
            "principal_id": "user:1",
            "idempotency_key": f"S-88001/{uuid4()}",
            **facts,
        }
    )


@pytest.fixture
def context() -> ToolContext:
    """The surroundings of one call."""
    return make_context()


@pytest.fixture
def declare() -> Iterator[Declare]:
    """Register a function as a tool for this test: `declare(function, tier=…)`."""
    registry.load()
    before = dict(registry._tools)

    def register(function: Callable[..., Any], **facts: Any) -> Tool:
        registry.tool(**{"tier": "read_only", "summary": "Do it", **facts})(function)
        return registry._tools[function.__name__]

    yield register
    registry._tools.clear()
    registry._tools.update(before)


def built_in(name: str) -> Tool:
    """Return a built-in tool."""
    found = registry.get(name)
    assert found is not None
    return found
