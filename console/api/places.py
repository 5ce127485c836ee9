"""Where in what was sent a wrong value stands, however the floor below wrote its place. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

WITHIN: Mapping[str, tuple[str, ...]] = {
    "invalid_agent": ("body",),
    "invalid_arguments": ("body",),
    "invalid_policy": ("body", "document"),
    "invalid_export": ("body", "filter"),
    "invalid_grade": ("body",),
    "invalid_guards": ("body",),
    "invalid_prompt": ("body",),
    "invalid_rubric": ("body",),
}
"""Where in the body the document stands whose wrong values a floor below names."""


def field(one: Mapping[str, Any], within: Sequence[str]) -> dict[str, Any]:
    """Return one wrong value with its place as it was sent, however the floor below wrote it."""
    loc = one.get("loc") or ()
    parts = loc.split(".") if isinstance(loc, str) else loc
    return {"loc": [*within, *(place(part) for part in parts)], "msg": str(one.get("msg", ""))}


def place(part: object) -> str | int:
    """Return one part of a place: a number as it is, all else as text."""
    return part if isinstance(part, int) else str(part)
