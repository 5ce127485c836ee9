"""PURE: what the scripted models say when they are asked to grade what an agent did: well where it answered and nothing failed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from agents.llm.scripted.answer import Answer
from agents.llm.scripted.conversation import Conversation

_SHAPE = re.compile(r"\{\"grades\".*\}", re.DOTALL)
_STEPS = re.compile(r"1 to (\d+)")
_BAD = re.compile(r"\b(?:rejected|denied|failed|refused|cannot|could not|without an answer)\b", re.IGNORECASE)
_JUDGED = re.compile(r"<untrusted\b[^>]*>.*", re.DOTALL)


def asked_for(conversation: Conversation) -> bool:
    """Whether this request is about a grade and nothing else: no tools, and how its system begins."""
    return not conversation.tools and conversation.system.startswith("You grade what an agent did")


def without_judged(conversation: Conversation) -> Conversation:
    """Return the request without what is graded, so that a scenario is chosen by the rubric alone."""
    messages = [{**one, "content": _JUDGED.sub("", str(one.get("content") or ""))} for one in conversation.messages]
    return replace(conversation, messages=messages)


def answer(conversation: Conversation) -> Answer:
    """Grade by what stands between the marks: one step less for each kind of thing that went wrong."""
    judged = "".join(_JUDGED.findall((conversation.user_texts or [""])[-1]))
    bad = len({word.lower() for word in _BAD.findall(judged)})
    reason = "It answered, and nothing went wrong." if not bad else f"{bad} kinds of things went wrong on the way."
    found = _SHAPE.search(conversation.system)
    if found is None:
        return Answer(json.dumps({"grade": max(1, 5 - bad), "reason": reason}))
    wanted: dict[str, Any] = json.loads(found[0])["grades"]
    steps = {name: int(match[1]) if (match := _STEPS.search(str(shape))) else 2 for name, shape in wanted.items()}
    return Answer(json.dumps({"grades": {name: max(1, most - bad) for name, most in steps.items()}, "reason": reason}))
