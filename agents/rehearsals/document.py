"""What a rehearsal begins with, and what its tools answer: the shapes that cases are stored in. Pure."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

LONGEST_TEXT = 100_000
MOST_CALLS = 64
Trust = Literal["trusted", "untrusted"]
Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
ToolName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]
Label = Annotated[str, Field(max_length=500)]


class Part(BaseModel):
    """A part of a case: unknown keys are an error that names them."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Recorded(Part):
    """What a tool answered once: `result` as the model reads it. Without arguments it answers any."""

    tool: ToolName
    arguments: dict[str, Any] | None = None
    result: Text = ""
    status: Literal["succeeded", "failed", "rejected", "denied"] = "succeeded"
    trust: Trust = "trusted"
    sources: Annotated[tuple[dict[Label, str], ...], Field(max_length=50)] = ()


class Done(Part):
    """A call of a turn that is past, with the answer that the model has read."""

    tool: ToolName
    arguments: Text = "{}"  # as the model wrote it
    result: Text = ""
    status: Literal["succeeded", "failed", "rejected", "denied", "invalid", "expired", "resolved", "withdrawn"] = "succeeded"
    trust: Trust = "trusted"
    sources: Annotated[tuple[dict[Label, str], ...], Field(max_length=50)] = ()


class Line(Part):
    """One step of the conversation before a rehearsal: what somebody said, or a turn of the agent with its calls."""

    source: Literal["user", "operator", "system", "agent"] = "user"
    text: Text = ""
    trust: Trust = "trusted"
    calls: Annotated[tuple[Done, ...], Field(max_length=MOST_CALLS)] = ()


def unfit(lines: tuple[Line, ...]) -> str:
    """Return why a conversation cannot be the start of a rehearsal; empty where it can."""
    if not lines or lines[0].source != "user" or not lines[0].text.strip():
        return "begins with what a user says"
    if any(line.calls and line.source != "agent" for line in lines):
        return "holds calls of somebody who is not the agent"
    last = lines[-1]
    if last.source == "agent" and not last.calls:
        return "ends with the agent's answer, so there is nothing left to say"
    return ""
