"""One entry of the log, read from the very bytes that its hash covers: columns beside them may say something else. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Told:
    """What an entry says, as far as rows are held against it."""

    stream: str
    seq: int
    kind: str
    by: str  # the id of who acted
    ids: tuple[str, ...]
    rev: int
    facts: Mapping[str, Any]
    content: Mapping[str, str]  # name of a raw text: its commitment

    @property
    def about(self) -> str:
        """The first short id that it names."""
        return self.ids[0] if self.ids else ""

    def fact(self, name: str) -> str:
        """Return a fact as text; empty where it has none of this name."""
        found = self.facts.get(name)
        return "" if found is None else str(found)


def told(stream: str, seq: int, body: bytes) -> Told:
    """Read an entry; bytes that are none say nothing, and `audit.verify` names them."""
    said = _object(_parsed(body))
    content = {name: _object(held).get("commitment", "") for name, held in _object(said.get("content")).items()}
    ids = said.get("ids")
    return Told(
        stream, seq, str(said.get("kind", "")), str(_object(said.get("principal")).get("id", "")),
        tuple(map(str, ids)) if isinstance(ids, list) else (), int(said.get("rev", 0)), _object(said.get("facts")), content,
    )  # fmt: skip


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
