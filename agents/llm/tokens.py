"""PURE: how many tokens a text has, estimated without any vendor's tokenizer.

Good enough to reserve a budget and to fill a context; what counts is the `usage` of the answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

_CHARACTERS_PER_TOKEN = 4
_MESSAGE_OVERHEAD = 4


def estimate(text: str) -> int:
    """Return the likely number of tokens: four ASCII characters each, other characters one."""
    if text.isascii():
        return -(-len(text) // _CHARACTERS_PER_TOKEN)
    narrow = len(text.encode("ascii", "ignore"))
    return -(-narrow // _CHARACTERS_PER_TOKEN) + len(text) - narrow


def most(text: str) -> int:
    """Return a number of tokens that no byte-level tokenizer exceeds: the UTF-8 bytes."""
    return len(text.encode("utf-8", "replace"))


def estimate_request(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()) -> int:
    """Return the likely number of input tokens of a whole request."""
    whole = json.dumps([list(messages), list(tools)], ensure_ascii=False, default=str)
    return estimate(whole) + _MESSAGE_OVERHEAD * len(messages)


def most_request(messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()) -> int:
    """Return an upper bound of the input tokens of a whole request, for reservations."""
    whole = json.dumps([list(messages), list(tools)], ensure_ascii=False, default=str)
    return most(whole) + _MESSAGE_OVERHEAD * len(messages)
