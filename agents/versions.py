"""The shapes in which a session's state is stored have a version; a session of an older one is brought up when it is loaded.

Pure. A shape that changes gets the next VERSION and a step from the one before it, which takes and gives values. A worker
stores what it brought up when it claims the session (`agents.claims`), and leaves one of a newer version to newer workers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

VERSION = 2


@dataclass(frozen=True, slots=True)
class Shapes:
    """What of a session is stored as documents: its notes, its taint, and each call's judgement by the call's key."""

    notes: dict[str, Any] = field(default_factory=dict)
    taint: list[dict[str, str]] = field(default_factory=list)
    judgements: Mapping[str, dict[str, Any]] = field(default_factory=dict)


def upgraded(version: int, shapes: Shapes) -> Shapes:
    """The shapes as VERSION has them. Those of a newer version are given back as they are: nobody here may run them."""
    for step in range(version, VERSION):
        shapes = STEPS[step](shapes)
    return shapes


def _with_origins(shapes: Shapes) -> Shapes:
    """1 to 2: a judgement says where the values of the call came from, a mark of taint quotes what was read."""
    judgements = {
        key: {**judged, "origins": judged.get("origins", [])} if judged else {} for key, judged in shapes.judgements.items()
    }
    return Shapes(shapes.notes, [{**mark, "quote": mark.get("quote", "")} for mark in shapes.taint], judgements)


STEPS: Mapping[int, Callable[[Shapes], Shapes]] = {1: _with_origins}
"""By the version that a step starts from."""
