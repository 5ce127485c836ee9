"""What a tool returned, as the model may read it: JSON, without internal fields, bounded, with the hash of the whole.

Pure. A cut is always said: how long the whole was, and its SHA-256, so that a person can find the exact result.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic_core import PydanticSerializationError, to_jsonable_python

from agents.guardrails.signs import Sign
from agents.llm.provider import Usage
from agents.tools.errors import ApiError, ErrorType

HINT = 2_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one call ended. `text` is what the model reads; `sure=False` says that nobody knows whether it happened.

    `entered=False` says that the kill switch came first: the tool's function was not called. `blames_service` says of an
    error that what the tool reaches may be to blame for it. `signs` are what a model saw in it that was asked to look.
    """

    status: Literal["success", "error"]
    text: str
    error_type: ErrorType | Literal[""] = ""
    hint: str = ""
    trust: Literal["trusted", "untrusted"] = "trusted"
    sources: list[dict[str, str]] = field(default_factory=list)
    confidence: float | None = None
    full_hash: str = ""
    size: int = 0
    truncated: bool = False
    sure: bool = True
    blames_service: bool = False
    entered: bool = True
    spent: tuple[tuple[str, Usage], ...] = ()
    signs: tuple[Sign, ...] = ()


def clean(value: object) -> Any:
    """Return the value as JSON: keys that begin with `_` left out, characters that no database text holds replaced.

    Raises ApiError for something that is not JSON (NaN and infinity included).
    """
    try:
        plain = to_jsonable_python(value, inf_nan_mode="constants")
        json.dumps(plain, allow_nan=False)
    except (PydanticSerializationError, ValueError, TypeError, RecursionError) as error:
        raise ApiError("The tool's result is not JSON.") from error
    return _clean(plain)


def told_error(value: Any) -> str:
    """Return the error that a result carries although the call returned normally, "" if it carries none."""
    if not isinstance(value, Mapping):
        return ""
    error = value.get("error") or value.get("errors")
    if error:
        return error if isinstance(error, str) else _dump(error)
    if value.get("status") == "error" or value.get("ok") is False or value.get("success") is False:
        return str(value.get("message") or value.get("detail") or "The answer says that it failed.")
    return ""


def success_text(result: Any, limit: int) -> tuple[str, str, int, bool]:
    """Return (what the model reads, SHA-256 of the full result, its size in characters, whether it was cut)."""
    full = _dump(result)
    sha256 = hashlib.sha256(full.encode()).hexdigest()
    if len(full) <= limit:
        return _dump({"status": "success", "result": result}), sha256, len(full), False
    mark = {"status": "success", "truncated": True, "full_size": len(full), "full_sha256": sha256}
    return _dump({**mark, "result": _fit(result, full, limit)}), sha256, len(full), True


def error_text(error_type: str, reason: str, hint: str = "") -> str:
    """Return a structured error as the model reads it."""
    told = {"status": "error", "error_type": error_type, "message": shorten(reason, HINT)}
    return _dump({**told, "hint": shorten(hint, HINT)} if hint else told)


def shorten(text: str, limit: int) -> str:
    """Return the text, its middle replaced by a mark where it is longer than `limit`; both ends stay readable."""
    if len(text) <= limit:
        return text
    head = limit * 2 // 3
    tail = max(limit - head - 1, 1)
    return f"{text[:head].rstrip()}…{text[-tail:].lstrip()}"


def beginning(text: str, limit: int) -> str:
    """Return the beginning of the text, cut between words and marked where it is longer than `limit`."""
    if len(text) <= limit:
        return text
    kept = text[: limit - 1]
    whole = kept if text[limit - 1].isspace() else kept.rpartition(" ")[0]
    return f"{(whole or kept).rstrip()}…"


def _fit(result: Any, full: str, limit: int) -> Any:
    """Cut long texts and lists inside the result, ever shorter, until it fits; else the beginning of its text."""
    for length, items in ((limit // 2, 50), (limit // 4, 30), (limit // 10, 20), (200, 10)):
        smaller = _cut(result, max(length, 200), items)
        if len(_dump(smaller)) <= limit:
            return smaller
    shown = limit * 3 // 4  # quotes in it are escaped once more
    return f"{full[:shown]}… [cut: {shown} of {len(full)} characters shown]"


def _cut(value: Any, length: int, items: int) -> Any:
    if isinstance(value, str) and len(value) > length:
        return f"{value[:length]}… [cut: {length} of {len(value)} characters shown]"
    if isinstance(value, list):
        kept = [_cut(item, length, items) for item in value[:items]]
        return kept if len(value) <= items else [*kept, f"… [cut: {items} of {len(value)} items shown]"]
    if isinstance(value, dict):
        return {key: _cut(item, length, items) for key, item in value.items()}
    return value


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_text(key): _clean(item) for key, item in value.items() if not key.startswith("_")}
    return value


def _text(text: str) -> str:
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode() if not text.isascii() or "\0" in text else text


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
