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
    """Return where a value comes from.

    A part that stands only in untrusted content counts for the whole; one that a person or a trusted source wrote too
    does not, or every quote of a policy would be blamed on the letter found beside it.
    """
    trusted = [source for source in sources if not source.tainted]
    found: Source | None = None
    for part in _parts(value):
        good = next((source for source in trusted if part in source.text), None)
        bad = None if good else next((source for source in sources if source.tainted and part in source.text), None)
        if bad is not None:
            return {"label": bad.label, "tainted": True}
        found = found or good
    return MODEL if found is None else {"label": found.label, "tainted": False}


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
