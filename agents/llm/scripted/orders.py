"""PURE: calls that a text names with their arguments, `call TOOL {"argument": 1}`: how a tool that no phrase knows is used."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from agents.llm.scripted.answer import Answer, AnswerCall
from agents.llm.scripted.conversation import Conversation, Exchange
from agents.llm.scripted.outcomes import outcome_of

_CALL = re.compile(r"\bcall\s+(?:the\s+tool\s+)?`?(?P<tool>[a-z_][\w.-]*)`?\s*(?:with\s*)?(?=\{)")


def orders(text: str) -> Iterator[AnswerCall]:
    """Yield the calls that a text names; the arguments are passed on as they stand there."""
    for match in _CALL.finditer(text):
        try:
            _, end = json.JSONDecoder().raw_decode(text, match.end())
        except ValueError:
            continue
        yield AnswerCall(match.group("tool"), text[match.end() : end])


def obeyed(conversation: Conversation) -> Answer | None:
    """Make the calls that people named, one a turn, then say what came of each; None where they named none of its tools."""
    named = [order for asked in conversation.open_requests for order in orders(asked) if order.name in conversation.tools]
    made = conversation.open_exchanges
    if not named:
        return None
    if len(made) < len(named):
        order = named[len(made)]
        return Answer(f"You asked me to call {order.name} with exactly these arguments.", (order,))
    return Answer("\n\n".join(map(_told, made)))


def _told(exchange: Exchange) -> str:
    outcome = outcome_of(exchange)
    if outcome.kind in ("done", "dry_run"):
        return f"{exchange.name} returned {json.dumps(exchange.data, ensure_ascii=False)}."
    return f"{exchange.name} was not carried out: {outcome.instruction or outcome.words}"
