"""What must hold of one entry and of one raw text. Pure: rows in, what is wrong out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from audit.canonical import canonical, parse, surely_canonical
from audit.chain import commitment, entry_hash
from audit.errors import CountersignError

_CLOSES = b'{"closes":true,'  # canonical members come sorted, so it stands first where it is
_NOT_COPIED = frozenset({"content", "kind", "log", "span", "stream", "trace", "ts", "v"})
_UNREADABLE = (ValueError, RecursionError)
"""What JSON that somebody forged raises: no text, no JSON, or nested so deeply that reading it would end the verification."""
LAST = 2**63  # named only where nothing better is found: the missing entry itself is, by its stream


@dataclass(frozen=True, slots=True)
class Link:
    """The end of the chain so far: what the next entry must follow. `reached` is how far the log's index had come."""

    seq: int
    entry_hash: bytes
    reached: int
    closed: bool
    log_index: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Something wrong, and where; `noticed` is the place in the log that tells which of several is first."""

    stream: str
    seq: int | None
    log_index: int | None
    reason: str
    noticed: int = 0


def check_entry(row: Sequence[Any], before: Link) -> tuple[Found | None, Link]:
    """Check one entry against the one before it; return what is wrong and the new end of the chain."""
    stream, _, seq, kind, at, actor_kind, actor_id, tool, body, copy, prev, hashed, log_index, pending = row
    body = bytes(body)
    noticed = log_index or before.reached
    if seq > before.seq + 1 and not before.closed:
        return Found(stream, before.seq + 1, None, "it is missing: later entries of its stream are there", noticed), before
    reason = (
        _place(seq, bytes(prev), bytes(hashed), body, stream, before)
        or _log(log_index, pending=pending, before=before)
        or _says(body, copy, {"stream": stream, "kind": kind, "actor_kind": actor_kind, "actor_id": actor_id, "tool": tool}, at)
    )
    if reason:
        return Found(stream, seq, log_index, reason, noticed), before
    return None, Link(seq, bytes(hashed), noticed, body.startswith(_CLOSES), log_index)


def resumed(row: Sequence[Any], before: Link) -> Link:
    """Return where a chain goes on behind an entry that is wrong: what its row says, so that later ones are held against that."""
    seq, body, hashed, log_index = row[2], bytes(row[8]), bytes(row[11]), row[12]
    if seq <= before.seq:
        return before
    return Link(seq, hashed, max(log_index or 0, before.reached), before.closed or body.startswith(_CLOSES), log_index)


def _place(seq: int, prev: bytes, hashed: bytes, body: bytes, stream: str, before: Link) -> str:
    if before.closed:
        return "an entry stands after the end of its stream"
    if seq != before.seq + 1:
        return "two entries have the same place"
    if prev != before.entry_hash:
        return "it does not follow the entry before it"
    if hashed != entry_hash(stream, seq, prev, body):
        return "its bytes or its place were changed: the hash is another"
    return ""


def _log(log_index: int | None, *, pending: bool, before: Link) -> str:
    if log_index is None and not pending:
        return "it is missing from the log's index"
    if log_index is not None and pending:
        return "it is in the log's index and waits for it as well"
    if log_index is not None and log_index <= before.reached:
        return "its place in the log is before that of its predecessor"
    return ""


def _says(body: bytes, copy: str, columns: dict[str, str], at: datetime | None) -> str:
    """Compare the bytes with what stands beside them to search in."""
    try:
        plain = surely_canonical(body)
        said: Any = json.loads(body) if plain else parse(body.decode())
        if not plain and canonical(said) != body:
            return "its bytes are not canonical"
    except (CountersignError, *_UNREADABLE):
        return "its bytes are not an entry"
    if not isinstance(said, dict):
        return "its bytes are not an entry"
    if not _is_copy(copy, {name: value for name, value in said.items() if name not in _NOT_COPIED}):
        return "its searchable copy says something else than its bytes"
    told = {
        "stream": _member(said, "stream"),
        "kind": _member(said, "kind"),
        "actor_kind": _member(said, "principal", "kind"),
        "actor_id": _member(said, "principal", "id"),
        "tool": _member(said, "facts", "tool") or "",
    }
    wrong = sorted(name for name, value in columns.items() if told[name] != value)
    if at is None or _member(said, "ts") != f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z":
        wrong.append("at")
    return f"its column {wrong[0]} says something else than its bytes" if wrong else ""


def _is_copy(copy: str, said: dict[str, Any]) -> bool:
    try:
        return bool(json.loads(copy) == said)
    except _UNREADABLE:
        return False


def _member(value: Any, *names: str) -> Any:
    """Return a member of a member of what may be anything; None where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def check_content(row: Sequence[Any]) -> Found | None:
    """Check one raw text against what its entry committed to."""
    name, cls, salt, text, body, stream, seq, log_index = row
    if body is None:
        return Found("", None, log_index, "a text belongs to an entry that is missing", LAST)
    try:
        committed = _member(json.loads(bytes(body)), "content", name)
    except _UNREADABLE:  # its chain is checked too, and says so
        return None
    if committed != {"commitment": commitment(bytes(salt), text), "class": cls}:
        return Found(stream, seq, log_index, f"its text {name!r} is not the one that it commits to", log_index or 0)
    return None
