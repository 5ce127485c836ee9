"""What one server understands of the chat-completions protocol, learnt from its refusals.

Only fields that every server knows are sent at first, plus three that some refuse. A 400 that
names one of those three is answered by leaving it out (or renaming it) for that model from then
on; any other refusal stands.
"""

from __future__ import annotations

from typing import Any

from agents.llm.provider import BadRequest, ModelError, Question


class Dialect:
    """The request bodies for one server; remembers per model what it refused."""

    def __init__(self) -> None:
        """Assume that everything is understood."""
        self._without: dict[str, set[str]] = {}

    def body(self, question: Question, *, stream: bool) -> dict[str, Any]:
        """Return the JSON body that asks this question."""
        without = self._without.get(question.model, frozenset[str]())
        body: dict[str, Any] = {"model": question.model, "messages": question.messages}
        if question.tools:
            body["tools"] = question.tools
            if question.tool_choice is not None:
                body["tool_choice"] = question.tool_choice
        if question.temperature is not None and "temperature" not in without:
            body["temperature"] = question.temperature
        if question.max_output_tokens is not None:
            renamed = "max_tokens" in without
            body["max_completion_tokens" if renamed else "max_tokens"] = question.max_output_tokens
        if stream:
            body["stream"] = True
            if "stream_options" not in without:
                body["stream_options"] = {"include_usage": True}
        return {**body, **question.extra}

    def learn(self, model: str, failure: ModelError, body: dict[str, Any]) -> bool:
        """Take a refusal into account.

        Returns:
            Whether asking again makes sense, because the next body will differ.
        """
        if not isinstance(failure, BadRequest) or failure.status not in (400, 422):
            return False
        known = self._without.setdefault(model, set())
        for name in ("max_tokens", "stream_options", "temperature"):
            if name in failure.reason and name in body and name not in known:
                known.add(name)
                return True
        return False
