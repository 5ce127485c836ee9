"""PURE: what the scripted models say when they are asked whether a text gives orders."""

from __future__ import annotations

import json
import re

from agents.llm.scripted.answer import Answer
from agents.llm.scripted.conversation import Conversation
from agents.llm.scripted.words import is_instruction, sentences

_MARKS = re.compile(r"</?\s*untrusted\b[^>]*>", re.IGNORECASE)


def asked_for(conversation: Conversation) -> bool:
    """Whether this request is about that and nothing else: no tools, and the shape of the answer."""
    return not conversation.tools and '{"orders"' in conversation.system


def answer(conversation: Conversation) -> Answer:
    """Name the first sentence that gives orders to a machine, where there is one."""
    text = _MARKS.sub("", (conversation.user_texts or [""])[-1])
    passage = next((part for part in sentences(text) if is_instruction(part)), "")
    return Answer(json.dumps({"orders": bool(passage), "passage": passage}, ensure_ascii=False))
