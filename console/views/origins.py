"""Where an argument of a call stands word for word: in what a person asked, in what a tool answered, or nowhere. Pure.

It says what can be known without trusting the model: a value that nobody else wrote was written by the model. A quote
out of untrusted content counts as coming from there, however it is dressed.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

SHORTEST = 5
"""A shorter value stands somewhere by chance."""
SHORTEST_LINE = 24
"""A line of a longer text that is at least this long counts as a quote."""
EDGES = " \t\"'“”‘’.,;:()"


@dataclass(frozen=True, slots=True)
class Source:
    """A text of the session, and how a reviewer calls it."""

    label: str
    tainted: bool
    text: str


MODEL = {"label": "The model", "tainted": False}


def origin(value: object, sources: Sequence[Source]) -> dict[str, Any]:
    """Return where a value comes from; untrusted content is named first, since it matters most."""
    for tainted in (True, False):
        for source in sources:
            if source.tainted == tainted and any(part in source.text for part in _parts(value)):
                return {"label": source.label, "tainted": tainted}
    return MODEL


def words_of(result: str) -> str:
    """Return the texts inside a tool's JSON answer, so that quotes are found without its escapes."""
    try:
        return "\n".join(_strings(json.loads(result)))
    except ValueError:
        return result


def _parts(value: object) -> Iterator[str]:
    """Give the value's texts, long ones line by line."""
    for text in _strings(value):
        bare = text.strip(EDGES)
        if len(bare) >= SHORTEST:
            yield bare
        for line in text.splitlines():
            if len(quoted := line.strip(EDGES)) >= SHORTEST_LINE:
                yield quoted


def _strings(value: object) -> Iterable[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for part in value.values() for text in _strings(part)]
    if isinstance(value, list):
        return [text for part in value for text in _strings(part)]
    return []
