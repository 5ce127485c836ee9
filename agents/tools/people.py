"""Asking a person. The gate makes a request of the kind `question` out of this call; its answer is the result."""

from pydantic import BaseModel, ConfigDict, Field

from agents.tools.context import ToolContext
from agents.tools.errors import NotServed
from agents.tools.registry import tool


class Question(BaseModel):
    """What a person is asked."""

    model_config = ConfigDict(extra="forbid")
    question: str = Field(min_length=3, max_length=2000, description="One clear question that a person can answer.")
    options: list[str] = Field(default=[], max_length=10, description="Answers to choose from, if there are only a few.")


@tool(tier="read_only", scopes=["people:ask"], timeout_s=5, summary="Ask a person: “{question}”")
def ask_person(args: Question, context: ToolContext) -> dict[str, str]:
    """Ask a person a question and wait for the answer.

    Use it when the goal cannot be met without a choice or a fact that only people have.
    """
    raise NotServed("A question is put before people by the gate; it cannot be run.")
