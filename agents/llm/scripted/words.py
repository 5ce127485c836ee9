"""PURE: words and sentences: what a text is about, and which of its sentences answer a question."""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import takewhile
from typing import Literal

from agents.llm.scripted.vocabulary import STOP_WORDS

_QUESTION = re.compile(
    r"^(?:(?:what|how|who|when|where|which|why)(?:\s+(?:long|many|much|often|far|old|\w+))?\s+"
    r"(?:do|does|did|is|are|was|were|can|may|must|should|shall|will|would|has|have)\b"
    r"|(?:do|does|did|is|are|can|may|must|should|will)\s)",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r"^(?:what|how|who|when|where|which|why|whether|if)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:[-'’.][^\W_]+)*")
_MARKS = re.compile(r"^[\s>#*+\-•\d.)|]+(?=\S)|[*_`#|]+")
_END = re.compile(r"(?<=[.!?])[\"”’)]?\s+(?=[\"“A-Z0-9(])|\n+")
_TABLE_ROW = re.compile(r"^[ \t]*\|.*$", re.MULTILINE)
_PARAGRAPH = re.compile(r"\n\s*\n")
_INSTRUCTION = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,60}\b(?:instruction|prompt|rule|polic|guideline|told)"
    r"|\b(?:system|note|message|instruction)s?\s+(?:to|for)\s+(?:all\s+|any\s+|the\s+)?(?:ai|assistant|agent|model|llm|bot)"
    r"|\b(?:ai|automated)\s+(?:assistant|agent|model|system)s?\b.{0,80}\b(?:must|should|shall|please|now)\b",
    re.IGNORECASE | re.DOTALL,
)


def keywords(text: str) -> list[str]:
    """Return the telling words of a text, lower case, once each, in order."""
    words = (word.lower().strip("'’.") for word in _WORD.findall(text))
    return [word for word in dict.fromkeys(words) if word not in STOP_WORDS and len(word) > 1]


def stems(text: str) -> set[str]:
    """Return the beginnings of the telling words, so that forms of one word meet."""
    return {stem(word) for word in keywords(text)}


def stem(word: str) -> str:
    """Return a crude stem: no ending, at most six letters."""
    word = re.sub(r"(?:ies|es|s|ing|ed|e|y)$", "", word) if len(word) > 4 else word
    return word[:6]


def sentences(text: str) -> list[str]:
    """Return the sentences of a text without its markdown marks; headings are left out."""
    cleaned = (re.sub(r"\s+", " ", _MARKS.sub("", part)).strip() for part in _END.split(_joined(text)))
    return [part for part in cleaned if len(part.split()) >= 4]


def _joined(text: str) -> str:
    """Leave table rows out, and join lines that were only wrapped: a line that goes on in lower case belongs to the one before."""
    text = _TABLE_ROW.sub("", text)
    return re.sub(r"(?<=[^\n.!?:|])\n(?=[a-z(“\"0-9])", " ", text)


def is_instruction(text: str) -> bool:
    """Whether a text reads as if it gave orders to a machine."""
    return _INSTRUCTION.search(text) is not None


def quotes(text: str, about: str, *, title: str = "", most: int = 3, longest: int = 320, wary: bool = False) -> list[str]:
    """Return the sentences that answer best, in the order of the text.

    The words of the text's own title tell nothing about its sentences; of the others, rare ones
    tell most. Where nothing matches, the first sentences stand for the whole. A wary reader of
    outside text quotes nothing of a paragraph from the sentence on that gives orders to machines.
    """
    wanted = stems(about) - stems(title) or stems(about)
    usable = _harmless(text) if wary else sentences(text)
    held = [wanted & stems(part) for part in usable]
    carried = Counter(word for words in held for word in words)
    scores = [sum(math.log(1 + len(usable) / carried[word]) for word in words) for words in held]
    best = sorted((index for index in range(len(usable)) if scores[index] > 0), key=lambda index: -scores[index])
    chosen = sorted(best[:most]) or list(range(min(2, len(usable))))
    if len(chosen) == 1 < most:  # one sentence alone is often hard to understand
        chosen += range(chosen[0] + 1, min(chosen[0] + 2, len(usable)))
    return [shorten(usable[index], longest) for index in chosen]


def _harmless(text: str) -> list[str]:
    """Return the sentences before any order to a machine, paragraph by paragraph."""
    paragraphs = (sentences(part) for part in _PARAGRAPH.split(text))
    return [line for lines in paragraphs for line in takewhile(lambda line: not is_instruction(line), lines)]


def shape_of(text: str) -> Literal["question", "clause", "thing"]:
    """Tell "what does it say" (a question) from "what it says" (a clause) and from "the refund policy"."""
    if _QUESTION.match(text):
        return "question"
    return "clause" if _CLAUSE.match(text) else "thing"


def shorten(text: str, longest: int) -> str:
    """Cut at a word and say so with an ellipsis."""
    if len(text) <= longest:
        return text
    return text[: longest - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


def sentence_case(text: str) -> str:
    """Return the text with a capital first letter."""
    return text[:1].upper() + text[1:]


def listed(items: list[str]) -> str:
    """Return "a", "a and b" or "a, b and c"."""
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]
