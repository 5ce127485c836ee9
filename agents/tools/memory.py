"""Tools for facts that are saved on purpose. What is written while a session is tainted stays untrusted wherever it is read."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agents.models.library import Memory
from agents.tools.context import ToolContext
from agents.tools.registry import tool


class Fact(BaseModel):
    """What to remember, under which name, for whom."""

    model_config = ConfigDict(extra="forbid")
    key: str = Field(min_length=1, max_length=120, description="A short name, such as preferred-language.")
    value: str = Field(min_length=1, max_length=4_000)
    scope: Literal["principal", "session", "agent"] = Field(
        default="principal",
        description="principal: this person's later runs too; session: this run; agent: all runs of the agent.",
    )


class Recall(BaseModel):
    """What to look for."""

    model_config = ConfigDict(extra="forbid")
    query: str = Field(default="", max_length=200, description="Words that the fact holds; empty for the newest facts.")
    limit: int = Field(default=10, ge=1, le=50)


def reach(args: "Fact | Which") -> str:
    """A fact that every later session of the agent reads reaches far."""
    return "wide" if args.scope == "agent" else "narrow"


@tool(
    tier="reversible_write",
    scopes=["memory:write"],
    idempotent=True,
    timeout_s=15,
    blast_radius=reach,
    summary="Remember “{key}” for the {scope}: {value}",
)
def remember(args: Fact, context: ToolContext) -> dict[str, Any]:
    """Save a fact under a name, to be recalled later. The same name again replaces the fact."""
    context.memory.save(args.scope, args.key, args.value)
    return {"remembered": args.key, "scope": args.scope}


class Which(BaseModel):
    """Which fact is forgotten."""

    model_config = ConfigDict(extra="forbid")
    key: str = Field(min_length=1, max_length=120, description="The name under which it was saved.")
    scope: Literal["principal", "session", "agent"] = "principal"


@tool(
    tier="reversible_write",
    scopes=["memory:write"],
    idempotent=True,
    timeout_s=15,
    blast_radius=reach,
    summary="Forget “{key}” of the {scope}",
)
def forget(args: Which, context: ToolContext) -> dict[str, Any]:
    """Forget a fact that was saved before. It can be saved again; nothing else keeps it."""
    return {"forgotten": args.key, "scope": args.scope, "was_there": context.memory.forget(args.scope, args.key)}


@tool(tier="read_only", scopes=["memory:read"], timeout_s=15, summary="Recall what is remembered about “{query}”")
def recall(args: Recall, context: ToolContext) -> dict[str, Any]:
    """Recall facts that were saved before, in this session or an earlier one."""
    found = context.memory.find(args.query, args.limit)
    for fact in found:
        if fact.trust != "trusted":
            context.mark_untrusted(source="memory", title=fact.name, ref=fact.session, quote=fact.value)
    return {"facts": [_told(fact) for fact in found]}


def _told(fact: Memory) -> dict[str, Any]:
    told = {"key": fact.name, "value": fact.value, "scope": fact.scope}
    return {**told, "trust": fact.trust, "saved_at": fact.updated_at}
