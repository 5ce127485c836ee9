"""What people refused in this session, held against what is proposed now: by another tool, in pieces, again and again.

Only where something was refused; of nearly every session nothing is looked at. Values only.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agents.state import Call, Refused, State
from agents.tools.definition import Tool
from approvals.likeness import aim

MOST_TOLD = 5


@dataclass(frozen=True, slots=True)
class Like:
    """A refused call that the proposed one is like; `same` where both are surely after the same thing."""

    refused: Refused
    same: bool


def like(state: State, call: Call, tool: Tool) -> list[Like]:
    """Return the refused calls that a proposed one is like, oldest first (THREATS 18).

    The same call always; of calls that write or carry data out also those of the same tool, and those of any tool that name
    the same recipient, host, path or id, say the same, or are about an amount of the same size.
    """
    arguments = json.loads(call.arguments or "{}")
    wish = aim({name: value for name, value in arguments.items() if not _chosen(tool, name)})
    found = []
    for one in state.refused:
        again = one.fingerprint == call.fingerprint
        if not again and not (tool.writes or tool.egress):
            continue
        shares = again or wish.shares(one.aim)
        nameless = tool.writes and one.tool == tool.name and not (wish.names or one.aim.names)
        if shares or (tool.writes and one.tool == tool.name) or wish.as_large(one.aim):
            found.append(Like(one, shares or nameless))
    return found


def counting(state: State, before: Sequence[Like]) -> int:
    """Return how many refusals count against asking again (THREATS 19): of the same, and not lifted by a person."""
    return sum(one.same and one.refused.key not in state.lifted for one in before)


def told_refusals(before: Sequence[Like]) -> dict[str, Any]:
    """Return what is kept beside a call of the refusals before it, the newest; nothing for nearly every call."""
    if not before:
        return {}
    kept = before[-MOST_TOLD:]
    return {"refused": [{"key": one.refused.key, "request": str(one.refused.request_id or "")} for one in kept]}


def _chosen(tool: Tool, name: str) -> bool:
    """Say whether an argument is one of a few given words, which calls share without meaning the same."""
    schema = tool.schema.get("properties", {}).get(name, {})
    parts = [schema, *schema.get("anyOf", ()), *schema.get("allOf", ())]
    return any("enum" in part or "const" in part or "$ref" in part for part in parts)
