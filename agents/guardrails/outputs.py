"""What an answer may hold when it reaches people: no keys, no personal data that the agent's settings name, no prompt. Pure.

What is stored is what was filtered; what was taken out is counted by kind, and the raw text stands apart. While an
answer is written only what cannot change any more is shown: everything but its last words and its last number.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from agents.guardrails.private import Found, Kind, find, replaced

RUN = 12
"""Words of the prompt in their order are a part of it."""
LONGEST_KEPT = 40
"""Characters held back at the end of what is shown, for numbers that are written with spaces."""
_WORD = re.compile(r"\w+")
PROMPT = "prompt"


@dataclass(frozen=True, slots=True)
class Filtered:
    """An answer as people may read it, and how much was taken out of it by kind."""

    text: str
    removed: dict[str, int] = field(default_factory=dict)


def filtered(text: str, kinds: Sequence[Kind], prompt: str = "") -> Filtered:
    """Take out of `text` what is private by `kinds`, and what repeats `prompt`; an empty prompt is not looked for."""
    found = find(text, kinds)
    removed = Counter[str](one.kind for one in found)
    text = replaced(text, found, _told)
    parts = _repeated(text, prompt)
    for start, end in reversed(parts):
        text = f"{text[:start]}[part of the agent’s instructions removed]{text[end:]}"
    removed[PROMPT] += len(parts)
    return Filtered(text, {kind: count for kind, count in removed.items() if count})


def settled(text: str) -> int:
    """Return how many characters of an unfinished, filtered answer cannot change by what follows."""
    words = [match.start() for match in _WORD.finditer(text)]
    last = min(words[-RUN] if len(words) >= RUN else 0, max(0, len(text) - LONGEST_KEPT))
    return text.rfind(" ", 0, last + 1) + 1


def _told(found: Found) -> str:
    return f"[{found.kind.replace('_', ' ')} removed]"


def _repeated(text: str, prompt: str) -> list[tuple[int, int]]:
    """Return the places where runs of the prompt's words stand, those that meet as one."""
    known = _runs(prompt)
    if not known:
        return []
    words = list(_WORD.finditer(text))
    folded = [word.group().casefold() for word in words]
    places: list[tuple[int, int]] = []
    for at in range(len(words) - RUN + 1):
        if tuple(folded[at : at + RUN]) in known:
            start, end = words[at].start(), words[at + RUN - 1].end()
            if places and start <= places[-1][1]:
                places[-1] = (places[-1][0], end)
            else:
                places.append((start, end))
    return places


@lru_cache(maxsize=64)
def _runs(prompt: str) -> frozenset[tuple[str, ...]]:
    words = [word.casefold() for word in _WORD.findall(prompt)]
    return frozenset(tuple(words[at : at + RUN]) for at in range(len(words) - RUN + 1))
