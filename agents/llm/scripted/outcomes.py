"""PURE: what became of a tool call, read from its result as a model would read it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agents.llm.scripted.conversation import Exchange, strings

Kind = Literal["done", "dry_run", "rejected", "expired", "denied", "unknown", "withdrawn", "failed"]

_SIGNS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("expired", re.compile(r"\bexpired?\b|nobody answered|no one answered", re.IGNORECASE)),
    ("withdrawn", re.compile(r"\bwithdrawn\b|session stopped", re.IGNORECASE)),
    ("rejected", re.compile(r"\brejected\b|\brefused it\b|\bdeclined\b", re.IGNORECASE)),
    ("unknown", re.compile(r"unknown_outcome|outcome (?:is )?unknown|nobody knows whether", re.IGNORECASE)),
    ("denied", re.compile(r"\bdenied\b|not_permitted|not permitted|not allowed|forbidden|disabled", re.IGNORECASE)),
)
_STATE_KEYS = ("error_type", "code", "type", "status", "outcome", "error")
_FAILURES = re.compile(r"error|invalid|timeout|unavailable|fail|malformed|not_found|budget", re.IGNORECASE)
_ERROR_START = re.compile(r"\s*(?:error|failed|rejected|denied|expired|not permitted|nobody answered)\b", re.IGNORECASE)
_BY = re.compile(r"^(?P<name>[^.:\n]{1,60}?) (?:looked at this call and refused|rejected|refused|declined)\b")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a call; `words` are the tool's or the reviewer's, `by` is who refused."""

    kind: Kind
    words: str = ""
    instruction: str = ""
    by: str = ""


def outcome_of(exchange: Exchange) -> Outcome:
    """Read a result: an error says so in its state; anything else was done."""
    if exchange.result is None:
        return Outcome("unknown", "no result came back")
    told = exchange.told
    words = next(iter(strings(told, "message", "detail", "reason", "error")), exchange.plain[:300])
    state = _state(told) if told else exchange.plain[:60] if _ERROR_START.match(exchange.plain) else ""
    if told.get("status") == "success" or not (told.get("error") or _FAILURES.search(state) or _sign(state)):
        rehearsed = isinstance(exchange.data, dict) and exchange.data.get("dry_run") is True
        return Outcome("dry_run" if rehearsed else "done", words)
    return _error(_sign(f"{words} {state}") or "failed", told, words)


def _error(kind: Kind, told: Mapping[str, Any], words: str) -> Outcome:
    """Return a failure; of a refusal also who refused, and what was asked for instead."""
    if kind != "rejected":
        return Outcome(kind, words)
    by = _BY.match(words)
    instruction = next(iter(strings(told, "instruction")), "") or _instruction_in(words)
    return Outcome(kind, words, instruction, by.group("name") if by else "A reviewer")


def _state(told: Mapping[str, Any]) -> str:
    """Return the words in which a result names its own state: at its top or inside its error."""
    error = told.get("error")
    inner = error if isinstance(error, dict) else {}
    values = [source.get(key) for source in (inner, told) for key in _STATE_KEYS]
    return " ".join(value for value in values if isinstance(value, str) and len(value) < 60)


def _sign(text: str) -> Kind | None:
    return next((kind for kind, sign in _SIGNS if sign.search(text)), None)


def _instruction_in(text: str) -> str:
    """Return what a reviewer said, where it stands after a colon or in quotation marks; else nothing."""
    match = re.search(r"[“\"]([^”\"]{3,})[”\"]", text) or re.search(r":\s*(.{3,})$", text, re.DOTALL)
    return match.group(1).strip() if match else ""
