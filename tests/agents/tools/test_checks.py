"""A tool's check of the world has an end, for a session that waits and for people who hold a decision open."""

import asyncio
import threading
from collections.abc import Iterator
from uuid import uuid4

import pytest
from pydantic import BaseModel, ConfigDict

from agents.tools import CheckFailed, ToolContext, registry, tool
from agents.tools.definition import Tool
from agents.tools.execute import precondition_async, precondition_within


class Payment(BaseModel):
    """What is paid."""

    model_config = ConfigDict(extra="forbid")
    payment: str


@pytest.fixture
def hanging() -> Iterator[Tool | None]:
    """A tool whose check does not answer until it is let go."""
    registry.load()
    go_on = threading.Event()

    def never(args: Payment, context: ToolContext) -> str:
        go_on.wait(30)
        return ""

    @tool(tier="irreversible_write", idempotent=False, summary="Pay {payment}", check=never, timeout_s=0.2)
    def pay_hanging(args: Payment, context: ToolContext) -> object:
        """Pay."""
        return {}

    yield registry.get("pay_hanging")
    go_on.set()
    registry._tools.pop("pay_hanging")


def test_a_check_that_hangs_is_a_failed_check(hanging: Tool) -> None:
    """TOOL-1: every wait has a limit."""
    context = ToolContext(session="S-1", session_id=uuid4(), agent="a")
    with pytest.raises(CheckFailed, match=r"did not answer within 0\.2 s"):
        asyncio.run(precondition_async(hanging, Payment(payment="p"), context))
    with pytest.raises(CheckFailed, match=r"did not answer within 0\.2 s"):
        precondition_within(hanging, Payment(payment="p"), context)
