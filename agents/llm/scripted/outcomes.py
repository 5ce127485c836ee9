"""PURE: what became of a tool call, read from its result as a model would read it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from agents.llm.scripted.conversation import Exchange, strings

Kind = Literal["done", "dry_run", "rejected", "expired", "denied", "unknown", "withdrawn", "failed"]

_SIGNS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("expired", re.compile(r"\bexpired?\b|nobody answered|no one answered|ran out of time", re.IGNORECASE)),
    ("rejected", re.compile(r"\brejected\b|\breviewer (?:said no|refused)|\bdeclined\b", re.IGNORECASE)),
    ("withdrawn", re.compile(r"\bwithdrawn\b", re.IGNORECASE)),
    ("unknown", re.compile(r"unknown_outcome|outcome (?:is )?unknown|nobody (?:can )?knows? whether", re.IGNORECASE)),
    ("denied", re.compile(r"\bdenied\b|not_permitted|not permitted|not allowed|forbidden|not_granted|disabled", re.IGNORECASE)),
)
_ERROR_KEYS = ("error_type", "code", "type", "status", "outcome", "error")
_FAILURES = re.compile(r"error|invalid|timeout|unavailable|fail|malformed|not_found|unknown_tool|budget|loop", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a call; `words` are the tool's or the reviewer's."""

    kind: Kind
    words: str = ""
    instruction: str = ""


def outcome_of(exchange: Exchange) -> Outcome:
    """Read a result: an error says so in its code or status; anything else was done."""
    data, plain = exchange.data, exchange.plain
    if exchange.result is None:
        return Outcome("unknown", "no result came back")
    words = next(iter(strings(data, "message", "detail", "reason", "hint", "error")), plain[:300])
    if not isinstance(data, dict):
        return _from_text(plain, words) if data is None else Outcome("done", words)
    instruction = next(iter(strings(data, "instruction", "reviewer_instruction", "reviewer_said")), "")
    code = _code(data)
    for kind, sign in _SIGNS:
        if sign.search(code):
            return Outcome(kind, words, instruction or (_instruction_in(words) if kind == "rejected" else ""))
    if "error" in data or _FAILURES.search(code):
        return _refine(words, instruction)
    if data.get("dry_run") is True or "would" in " ".join(map(str, data))[:200]:
        return Outcome("dry_run", words)
    return Outcome("done", words)


def _code(data: dict[str, object]) -> str:
    """Return the words in which a result names its own state: at its top or inside its error."""
    error = data.get("error")
    inner = error if isinstance(error, dict) else {}
    values = [source.get(key) for source in (inner, data) for key in _ERROR_KEYS]
    return " ".join(value for value in values if isinstance(value, str) and len(value) < 60)


def _refine(words: str, instruction: str) -> Outcome:
    """An error whose code says little may say more in its message."""
    for kind, sign in _SIGNS:
        if sign.search(words):
            return Outcome(kind, words, instruction or (_instruction_in(words) if kind == "rejected" else ""))
    return Outcome("failed", words, instruction)


def _from_text(plain: str, words: str) -> Outcome:
    """A result that is no JSON: only its first words can say that it failed."""
    head = plain[:200]
    if not re.match(
        r"\s*(?:error|rejected|denied|expired|failed|not permitted|the (?:call|request|reviewer)|nobody)\b", head, re.IGNORECASE
    ):
        return Outcome("done", words)
    for kind, sign in _SIGNS:
        if sign.search(head):
            return Outcome(kind, words, _instruction_in(plain) if kind == "rejected" else "")
    return Outcome("failed", words) if re.match(r"\s*(?:error|failed)\b", head, re.IGNORECASE) else Outcome("done", words)


def _instruction_in(text: str) -> str:
    """Return what a reviewer said, where it stands after a colon or in quotation marks."""
    match = re.search(r"[“\"]([^”\"]{3,})[”\"]", text) or re.search(r":\s*(.{3,})$", text, re.DOTALL)
    return match.group(1).strip() if match else text.strip()
