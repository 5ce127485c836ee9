"""Instruction-like text in what strangers wrote, so that a reviewer sees at once what may have led the agent. Pure.

It is a help for the eye and decides nothing: what it misses is judged by where values come from all the same.
"""

import re

_CUES = (
    r"(?:ignore|disregard|forget|override)\b.{0,60}\b(?:instructions?|rules?|prompts?|polic(?:y|ies))",
    r"(?:system prompt|new instructions?|assistant|ai agent)\s*[:,]",
    r"(?:you must|you have to|you are (?:now|required)|make sure (?:to|that you))\b",
    r"(?:already|been|was) (?:approved|authori[sz]ed|cleared)\b",
    r"(?:no need|not necessary|without) (?:to )?(?:check|ask|confirm|verify|review)\w*",
    r"(?:do not|don['’]t) (?:tell|mention|inform|ask|check)\b",
    r"call (?:the (?:tool|function)\b|\w+_\w+\b)",
    r"(?:send|forward|(?:e-?)?mail|transfer|pay|delete|publish|fetch)\b[^!?\n]{0,80}?(?:[^\s@]{1,64}@[^\s@]+|https?://|everything)",
    r"(?:immediately|urgent(?:ly)?|at once)\b",
)
_ORDER = re.compile(r"\b(?:" + "|".join(_CUES) + ")", re.IGNORECASE | re.DOTALL)
_END = re.compile(r"(?<=[.!?])\s+|\n+")


def parts(text: str) -> list[tuple[bool, str]]:
    """Split a text into what reads like an instruction and what does not, sentence by sentence."""
    found: list[tuple[bool, str]] = []
    start = 0
    for end in [*(match.end() for match in _END.finditer(text)), len(text)]:
        if sentence := text[start:end]:
            order = _ORDER.search(sentence) is not None
            if found and found[-1][0] == order:
                found[-1] = (order, found[-1][1] + sentence)
            else:
                found.append((order, sentence))
        start = end
    return found
