"""What is handed to the log: entries and the raw texts that stand apart from them, and an entry's exact bytes. Pure.

Entry format, version 1. The bytes are RFC 8785 (canonical JSON) of an object with these members; those marked * are
left out when they are empty, zero or false:
`v` (1), `log` (the installation's id), `stream`, `ts` (RFC 3339, UTC, microseconds), `kind`,
`principal` {`kind`, `id`, `name`, `token`*, `on_behalf_of`*}, `ids`*, `rev`*, `facts`,
`content`* {name: {`commitment`, `class`}}, `trace`*, `span`*, `closes`*.
Sequence number and predecessor are not in the bytes; the append function adds them to the hash (see `chain`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit.actors import Actor
from audit.canonical import Json, canonical
from audit.errors import InvalidEntry
from audit.events import EventKind

VERSION = 1
STREAM = re.compile(r"[a-z][a-z_]{0,39}(:[A-Za-z0-9][A-Za-z0-9._@+-]{0,119})?\Z")


@dataclass(frozen=True, slots=True)
class Text:
    """Raw content stored apart (AUDIT-6): the entry gets only a salted commitment to `body`.

    `id` is its key in the content table, made before it is written so that rows can refer to it; `name` is its key in
    the entry's `content`; `cls` is the retention class, the name where it is not given. JSON is stored as its text.
    """

    id: UUID
    name: str
    body: str
    cls: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One audit entry before it is written.

    `stream` is the chain that it joins ("session:S-88123", "prompt:slug", "policy", "system"); `ids` are the short ids
    of what it is about and `rev` the revision of the first; `facts` hold no floats, and `facts["tool"]` names the tool.
    `closes` marks the last entry of its stream.
    """

    stream: str
    kind: EventKind
    actor: Actor
    facts: Mapping[str, Json]
    ids: tuple[str, ...] = ()
    rev: int = 0
    texts: tuple[Text, ...] = ()
    on_behalf_of: str = ""
    trace: str = ""
    span: str = ""
    closes: bool = False


def entry_bytes(entry: Entry, *, log: str, ts: str, commitments: Mapping[str, str]) -> bytes:
    """Return the canonical bytes of `entry`; `commitments` maps the name of each of its texts to 64 hex digits.

    Raises InvalidEntry for a malformed stream, a float, an integer beyond 2^53, a lone surrogate or a NUL character.
    """
    if not STREAM.match(entry.stream):
        raise InvalidEntry(reason=f"{entry.stream!r} is not the name of a stream")
    if not isinstance(entry.facts.get("tool", ""), str):
        raise InvalidEntry(reason="the fact `tool` is not the name of a tool")
    body: dict[str, Any] = {
        "v": VERSION,
        "log": log,
        "stream": entry.stream,
        "ts": ts,
        "kind": entry.kind.value,
        "principal": _principal(entry),
        "facts": entry.facts,
    }
    body.update((name, value) for name, value in _optional(entry) if value)
    if entry.texts:
        body["content"] = {
            text.name: {"commitment": commitments[text.name], "class": text.cls or text.name} for text in entry.texts
        }
        if len(body["content"]) != len(entry.texts):
            raise InvalidEntry(reason="two texts of one entry have the same name")
    return canonical(body)


def _principal(entry: Entry) -> dict[str, str]:
    actor = entry.actor
    principal = {"kind": actor.kind, "id": actor.id, "name": actor.name}
    if actor.token:
        principal["token"] = actor.token
    if entry.on_behalf_of:
        principal["on_behalf_of"] = entry.on_behalf_of
    return principal


def _optional(entry: Entry) -> tuple[tuple[str, Any], ...]:
    return (
        ("ids", list(entry.ids)),
        ("rev", entry.rev),
        ("trace", entry.trace),
        ("span", entry.span),
        ("closes", entry.closes),
    )
