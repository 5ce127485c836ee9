"""What is unusual about arguments that a model wrote: text that gives orders, encoded blobs, invisible characters. Pure.

A flag is telemetry and friction, not the wall: it makes a person look at a call that would have passed. Only calls that
write or carry something out are scanned, because a search for odd text harms nobody.
"""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from agents.tools.definition import Tool

LONGEST = 50_000
_SHOWN = re.compile(r"[\n\t]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_HIDDEN = re.compile(r"[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")
_BLOB = re.compile(r"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+/_-]{200,}={0,2}|(?:[0-9a-f]{2}){120,}|(?:[0-9A-F]{2}){120,})")
_ORDERS = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:previous|prior|above|all|your|earlier)\b.{0,40}"
    r"\b(?:instructions?|rules?|prompts?|polic(?:y|ies))\b|<\|?(?:im_start|system|assistant)\|?>|\bsystem prompt\s*:",
    re.IGNORECASE | re.DOTALL,
)
_FLAGS = (
    ("control_characters", _CONTROL),
    ("hidden_characters", _HIDDEN),
    ("encoded_blob", _BLOB),
    ("instruction_like", _ORDERS),
)


def flags(tool: Tool, value: BaseModel) -> tuple[str, ...]:
    """Return what a person should look at before the call runs, in a fixed order; nothing for a plain read."""
    if not (tool.writes or tool.egress):
        return ()
    texts = texts_of(value)
    found = [name for name, pattern in _FLAGS if any(pattern.search(_SHOWN.sub(" ", text)) for text in texts)]
    if sum(map(len, texts)) > LONGEST:
        found.append("long_text")
    return tuple(found)


def texts_of(value: BaseModel) -> list[str]:
    """Return all texts of a call's arguments."""
    return list(_texts(value.model_dump(mode="json")))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)
