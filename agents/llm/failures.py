"""From the SDK's errors to ours: what may be tried again, after how long, and what never.

Reads status, headers and body of the error; imports nothing of the SDK (its errors come in as
values), so that `agents.llm.openai` stays the only importer.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from agents.llm.provider import (
    BadRequest,
    BrokenAnswer,
    ContextOverflow,
    Misconfigured,
    ModelError,
    ModelTimeout,
    ModelUnavailable,
    NotReached,
    RateLimited,
    Unauthorized,
    UnknownModel,
)

_LONGEST_REASON = 500
_OVERFLOW_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})
_NOT_CONNECTED = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout"})
"""What the SDK's transport raises before anything is sent."""
_UNPAID_CODES = frozenset({"insufficient_quota", "billing_not_active", "billing_hard_limit_reached"})
_UNKNOWN_CODES = frozenset({"model_not_found", "invalid_model", "model_not_supported", "unknown_model", "model_not_available"})
_UNKNOWN = re.compile(
    r"\b(?:unknown|no such|invalid|unsupported) model\b"
    r"|\bmodel\b.{0,120}?\b(?:does not exist|not found|is not (?:available|supported|found|a valid model)|has been (?:deprecated|retired))",
    re.IGNORECASE | re.DOTALL,
)
_SET_UP_CODES = frozenset({"unsupported_parameter", "unsupported_value", "unknown_parameter", "missing_required_parameter"})
_SET_UP = re.compile(
    r"\b(?:unsupported|unknown|unrecognized|unexpected) (?:request )?(?:parameter|argument|field|value)"
    r"|\bextra inputs are not permitted"
    r"|\b(?:max_(?:completion_)?tokens|temperature|tool_choice|top_p)\b.{0,80}?(?:too (?:large|small|high|low)|must be|not supported)"
    r"|\b(?:tools?|tool use|tool choice|function calling)\b.{0,60}?\b(?:is|are) not (?:supported|enabled)"
    r"|\bdoes not support (?:tools?\b|tool|function)|--enable-auto-tool-choice|--jinja",
    re.IGNORECASE | re.DOTALL,
)
"""How servers say that the question's form, not what it says, is what they refuse."""
_OVERFLOW_WORDS = ("maximum context length", "context window", "context size", "prompt is too long")


def from_api_error(error: Exception) -> ModelError:
    """Return our error for one of the SDK's `APIError` family."""
    status = getattr(error, "status_code", None)
    if status is None:
        return _without_status(error)
    response = getattr(error, "response", None)
    headers: Mapping[str, str] = getattr(response, "headers", None) or {}
    return from_status(
        status,
        reason=_reason(error),
        code=str(getattr(error, "code", "") or ""),
        headers=headers,
    )


def from_status(status: int, *, reason: str, code: str = "", headers: Mapping[str, str] | None = None) -> ModelError:
    """Return our error for an HTTP status.

    Rate limits, server errors, conflicts and time-outs may be tried again unless the server's
    own `x-should-retry: false` forbids it; an exhausted account looks like a rate limit (429,
    `insufficient_quota`) but waiting does not help.
    """
    headers = headers or {}
    kind = _kind(status, reason, code)
    if headers.get("x-should-retry") == "false" and kind.retryable:
        kind = BadRequest
    return kind(
        f"HTTP {status}: {reason}",
        status=status,
        retry_after_s=retry_after(headers) if kind.retryable else None,
        request_id=headers.get("x-request-id", ""),
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the wait a server asks for, in seconds, from its headers; None where it does not."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or not value:
        return seconds
    return _until(value, headers.get("date"))


def _kind(status: int, reason: str, code: str) -> type[ModelError]:
    if status in (401, 402, 403) or code in _UNPAID_CODES:
        return Unauthorized
    if status == 429:
        return RateLimited
    if status in (408, 504):
        return ModelTimeout
    if status == 409 or status >= 500:
        return ModelUnavailable
    words = reason.lower()
    if code in _OVERFLOW_CODES or any(part in words for part in _OVERFLOW_WORDS):
        return ContextOverflow
    return _refused(status, reason, code)


def _refused(status: int, reason: str, code: str) -> type[ModelError]:
    """Tell what is set up wrong, which every question meets, from what this question says."""
    if status == 404 or code in _UNKNOWN_CODES or _UNKNOWN.search(reason):
        return UnknownModel
    return Misconfigured if code in _SET_UP_CODES or _SET_UP.search(reason) else BadRequest


def _without_status(error: Exception) -> ModelError:
    """Tell a time-out, a connection that failed, and an error sent inside a stream apart."""
    name = type(error).__name__
    cause = type(error.__cause__).__name__ if error.__cause__ else name
    unsent = cause in _NOT_CONNECTED
    if cause == "ConnectTimeout":
        return NotReached(f"no connection: {cause}", unsent=unsent)
    if name == "APITimeoutError":
        return ModelTimeout("the connection timed out", unsent=unsent)
    if name == "APIConnectionError":
        return NotReached(f"no connection: {cause}", unsent=unsent)
    return BrokenAnswer(_reason(error))


def _reason(error: Exception) -> str:
    body: Any = getattr(error, "body", None)
    message = body.get("message") if isinstance(body, dict) else None
    return str(message or getattr(error, "message", "") or error)[:_LONGEST_REASON].rstrip(".")


def _number(value: str | None) -> float | None:
    """Return a finite, non-negative number or None."""
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _until(value: str, date: str | None) -> float | None:
    """Return the seconds from the server's own clock to an HTTP date."""
    try:
        until = parsedate_to_datetime(value)
        now = parsedate_to_datetime(date) if date else dt.datetime.now(dt.UTC)
        return max((until - now).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None
