"""What the scripted model wants to say, before it becomes HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class AnswerCall:
    """One tool call; `id` None asks for a made one, `arguments` is raw text."""

    name: str
    arguments: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong on purpose.

    `kind` is one of `agents.llm.scripted.faults.KINDS`; the numbers mean what the kind says.
    """

    kind: str
    seconds: float = 0.0
    status: int = 500
    after: int = 2


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; an empty `finish_reason` is worked out from the calls."""

    text: str = ""
    calls: tuple[AnswerCall, ...] = ()
    finish_reason: str = ""
    fault: Fault | None = None


def call(name: str, arguments: Mapping[str, Any]) -> AnswerCall:
    """Return a well-formed tool call."""
    return AnswerCall(name, json.dumps(arguments, ensure_ascii=False))
