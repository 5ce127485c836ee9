"""What can be made to go wrong on purpose, and the queue of what goes wrong next.

Tests and people who try the product's failure handling put faults into the queue with
`POST /_faults` or a file; written scenarios carry their own.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agents.llm.scripted.answer import Fault

KINDS: Mapping[str, str] = {
    "rate_limit": "429; `seconds` becomes Retry-After when not 0",
    "server_error": "`status`, 500 if not given",
    "unauthorized": "401",
    "unknown_model": "404",
    "unsupported": "400 that names a parameter",
    "bad_request": "400",
    "context_overflow": "400 with code context_length_exceeded",
    "drop": "the connection is closed without an answer",
    "hang": "nothing is sent for `seconds`",
    "slow": "the answer starts after `seconds`",
    "slow_drip": "one chunk each `seconds`",
    "cut": "the answer breaks off after `after` chunks; streams end as if all were well",
    "corrupt_chunk": "chunk number `after` is not JSON",
    "not_json": "the whole body is not JSON",
    "empty": "no text, no call",
    "no_choices": "an answer without choices",
    "error_body": "200 with an error object",
    "no_finish_reason": "the finish reason is missing",
    "length": "the finish reason is `length`, the last call's arguments are cut",
    "content_filter": "the finish reason is `content_filter`",
    "no_usage": "usage is missing",
    "empty_ids": "tool calls have empty ids",
    "duplicate_ids": "tool calls share one id",
}


@dataclass(slots=True)
class Queued:
    """A fault for the next `count` requests; `match` limits it to requests whose body holds this text."""

    fault: Fault
    count: int = 1
    match: str = ""


@dataclass(slots=True)
class FaultQueue:
    """Faults to come, in order; and how often scenarios had theirs."""

    waiting: list[Queued] = field(default_factory=list)
    had: Counter[str] = field(default_factory=Counter)
    file: Path | None = None
    _file_time: int = 0

    def add(self, item: Mapping[str, Any]) -> Queued:
        """Queue one fault.

        Raises:
            ValueError: the description is not one of a known kind.
        """
        queued = Queued(read_fault(item), int(item.get("count", 1)), str(item.get("match", "")))
        self.waiting.append(queued)
        return queued

    def take(self, body: bytes) -> Fault | None:
        """Return the fault that this request gets, if any, and count it down."""
        self._read_file()
        for queued in self.waiting:
            if queued.match and queued.match.encode() not in body:
                continue
            queued.count -= 1
            if queued.count == 0:
                self.waiting.remove(queued)
            return queued.fault
        return None

    def first_times(self, key: str, times: int) -> bool:
        """Whether a scenario's fault still happens: the first `times` identical requests, or always when negative."""
        if times < 0:
            return True
        self.had[key] += 1
        return self.had[key] <= times

    def _read_file(self) -> None:
        """Take the faults of the file when it is new or was changed."""
        if self.file is None or not self.file.exists():
            return
        changed = self.file.stat().st_mtime_ns
        if changed != self._file_time:
            self._file_time = changed
            for item in json.loads(self.file.read_text(encoding="utf-8")):
                self.add(item)


def read_fault(item: Mapping[str, Any]) -> Fault:
    """Return the fault that a description means.

    Raises:
        ValueError: the kind is unknown.
    """
    kind = str(item.get("kind", ""))
    if kind not in KINDS:
        raise ValueError(f"unknown fault kind {kind!r}; known are {', '.join(KINDS)}")
    fault = Fault(kind, seconds=float(item.get("seconds", item.get("retry_after", 0.0))))
    return replace(fault, status=int(item.get("status", fault.status)), after=int(item.get("after", fault.after)))
