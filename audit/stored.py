"""An entry as it stands in the log, read from its row; one that was tampered with is shown as far as it can be read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit.actors import Actor

COLUMNS = (
    "id", "place__log_index", "stream", "seq", "kind", "at", "actor_kind", "actor_id", "tool", "body", "prev_hash", "entry_hash",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry as it stands in the log; `log_index` is None for the moment between its commit and its indexing."""

    id: int
    log_index: int | None
    stream: str
    seq: int
    kind: str
    at: datetime
    actor: Actor
    on_behalf_of: str
    tool: str
    ids: tuple[str, ...]
    rev: int
    facts: Mapping[str, Any]
    content: Mapping[str, Mapping[str, str]]
    trace: str
    span: str
    closes: bool
    prev_hash: str
    entry_hash: str
    body: bytes


def stored(row: Mapping[str, Any]) -> StoredEntry:
    """Return an entry from its COLUMNS. What its bytes say in another form than any entry's is left out: verification names it."""
    body = bytes(row["body"])
    said = _object(_read(body))
    principal = _object(said.get("principal"))
    return StoredEntry(
        id=row["id"],
        log_index=row["place__log_index"],
        stream=row["stream"],
        seq=row["seq"],
        kind=row["kind"],
        at=row["at"],
        actor=Actor(row["actor_kind"], row["actor_id"], _text(principal.get("name")), _text(principal.get("token"))),
        on_behalf_of=_text(principal.get("on_behalf_of")),
        tool=row["tool"],
        ids=_texts(said.get("ids")),
        rev=_number(said.get("rev")),
        facts=_object(said.get("facts")),
        content={name: _labels(held) for name, held in _object(said.get("content")).items()},
        trace=_text(said.get("trace")),
        span=_text(said.get("span")),
        closes=said.get("closes") is True,
        prev_hash=bytes(row["prev_hash"]).hex(),
        entry_hash=bytes(row["entry_hash"]).hex(),
        body=body,
    )


def _read(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(_text, value)) if isinstance(value, list) else ()


def _labels(value: object) -> dict[str, str]:
    return {name: _text(said) for name, said in _object(value).items()}


def _number(value: object) -> int:
    return value if type(value) is int else 0
