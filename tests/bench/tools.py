"""The benchmark's three tools: they do nothing, so that what is measured is what stands around them."""

import os
import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from agents.tools import ToolContext, tool


class Query(BaseModel):
    """What to look up."""

    model_config = ConfigDict(extra="forbid")
    query: str


class Expression(BaseModel):
    """What to compute."""

    model_config = ConfigDict(extra="forbid")
    expression: str


class Letter(BaseModel):
    """What to send, to whom."""

    model_config = ConfigDict(extra="forbid")
    to: str
    body: str


MARKS = os.environ.get("BENCH_MARKS", "")  # the file that says when the letter's tool was entered
FOUND = {"results": [{"title": "Refund policy", "quote": "A refund of 15 percent is due after 30 days. " * 4}]}


def _mark(session: str, entered_ns: int) -> None:
    with Path(MARKS).open("a", encoding="ascii") as file:
        file.write(f"{session} {entered_ns}\n")


@tool(tier="read_only", summary="Look up {query}")
async def bench_look_up(args: Query, context: ToolContext) -> object:
    """Look something up."""
    return FOUND


@tool(tier="read_only", summary="Compute {expression}")
async def bench_compute(args: Expression, context: ToolContext) -> object:
    """Compute an expression."""
    return {"value": 186.0}


@tool(tier="irreversible_write", idempotent=False, summary="Send a letter to {to}")
async def bench_send(args: Letter, context: ToolContext) -> object:
    """Send a letter."""
    if MARKS:
        _mark(context.session, time.time_ns())
    return {"sent": True}
