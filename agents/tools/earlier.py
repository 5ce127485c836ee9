"""The exact result of an earlier call of the same session, by its reference: for what a summary tells only in short."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from agents.models import ToolCall
from agents.tools.context import ToolContext
from agents.tools.errors import InvalidInput
from agents.tools.registry import tool
from audit.content import read_text

PAGE = 8_000


class Which(BaseModel):
    """Which result, from where."""

    model_config = ConfigDict(extra="forbid")
    call: str = Field(pattern=r"^[0-9]{1,6}\.[0-9]{1,3}$", description="Reference of the call, such as 7.1.")
    offset: int = Field(default=0, ge=0, le=10_000_000, description="Character to begin at, for a long result.")


@tool(tier="read_only", timeout_s=15, summary="Read the result of call {call} of this session again")
def earlier_result(args: Which, context: ToolContext) -> dict[str, Any]:
    """Read the exact result of an earlier call of this session again, a long one part by part."""
    row = ToolCall.objects.filter(session_id=context.session_id, key=f"{context.session}/{args.call}").first()
    text = read_text(row.result_id) if row is not None and row.result_id is not None else None
    if row is None or text is None:
        raise InvalidInput(f"There is no result of a call {args.call} in this session.", hint="References look like 7.1.")
    if row.trust != "trusted":
        for source in row.sources or [{"source": row.tool}]:
            told = {name: str(source.get(name, "")) for name in ("source", "title", "ref", "quote")}
            context.mark_untrusted(**{**told, "source": told["source"] or row.tool})
    part = text[args.offset : args.offset + PAGE]
    found = {"call": args.call, "tool": row.tool, "status": row.status, "text": part}
    end = args.offset + len(part)
    return {**found, "next_offset": end, "length": len(text)} if end < len(text) else found
