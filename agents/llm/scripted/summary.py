"""PURE: what the cheap scripted model says: the first telling sentences of what it is given."""

from __future__ import annotations

import re

from agents.llm.scripted.answer import Answer
from agents.llm.scripted.conversation import Conversation
from agents.llm.scripted.words import is_instruction, sentences, shorten

_ASKED = re.compile(r"\b(?:summari[sz]e|summary|condense|shorten|tl;dr)\b", re.IGNORECASE)
_ORDER = re.compile(r"^[^\n]{0,300}?\b(?:summari[sz]e|condense|summary)\b[^\n]*?(?:[:.]\s+|\n+|$)", re.IGNORECASE)
_MARKS = re.compile(r"</?\s*(?:untrusted|trusted|document|text)\b[^>]*>", re.IGNORECASE)
_TITLE = re.compile(r"^\s*title:[^\n]*\n+", re.IGNORECASE)
_MOST_SENTENCES = 3
_MOST_CHARACTERS = 600


def asked_for(conversation: Conversation) -> bool:
    """Whether this request is about a summary and nothing else: no tools, and the word for it."""
    if conversation.tools:
        return False
    return bool(_ASKED.search(conversation.system) or _ASKED.search(" ".join(conversation.user_texts)[:400]))


def answer(conversation: Conversation) -> Answer:
    """Return the first sentences of the text to be summarised, without orders to machines."""
    text = _ORDER.sub("", _MARKS.sub("", (conversation.user_texts or [""])[-1]).strip(), count=1)
    text = _TITLE.sub("", text)
    usable = [part for part in sentences(text) if not is_instruction(part)]
    chosen = " ".join(usable[:_MOST_SENTENCES]) or text.strip()
    return Answer(shorten(chosen, _MOST_CHARACTERS) or "There is nothing to summarise.")
