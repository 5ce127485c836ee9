"""The lines of a bundle, version 2 (docs/audit-format.md). Pure.

Everything beyond ASCII is escaped, so that no terminal obeys what stands in an entry.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from audit.canonical import Json
from audit.content import StoredText
from audit.events import EventKind
from audit.exports.making import Asked, as_facts, moment

VERSION = 2
BY_RIGHT = "by right: raw content was not asked for by somebody who may reveal it. This does not say that it was deleted."
LONGEST = 4 * 1024 * 1024
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


def header(asked: Asked, log: str, origin: str) -> bytes:
    """Return the first line."""
    by = {"kind": asked.by.kind, "id": asked.by.id, "name": asked.by.name}
    lacks = {} if asked.texts else {"left_out": {"texts": BY_RIGHT}}
    return line(
        {"bundle": VERSION, "log": log, "origin": origin, "size": asked.size, "filter": as_facts(asked.where), "whole": asked.whole,
         "texts": asked.texts, **lacks, "made": moment(asked.made), "by": by, "schema": {kind.value: kind.doc for kind in EventKind}}
    )  # fmt: skip


def entry(log_index: int, stream: str, seq: int, previous: bytes, body: bytes) -> bytes:
    """Return the line of an entry. Bytes that are no text, which somebody put there, stay what they are: half characters."""
    text = body.decode("utf-8", "surrogateescape")
    return line({"i": log_index, "stream": stream, "seq": seq, "prev": previous.hex(), "body": text})


def skipped(last: int, nodes: Sequence[bytes]) -> bytes:
    """Return the line for entries that were not chosen, up to the one with log index `last`."""
    return line({"skip": last, "nodes": [node.hex() for node in nodes]})


def raw(text: StoredText) -> bytes:
    """Return the line of a raw text."""
    said = {"text": text.name, "salt": text.salt.hex(), "class": text.cls}
    found = line({**said, "body": text.body})
    return found if len(found) <= LONGEST else line({**said, "left_out": "too long"})


def signed(size: int, note: str) -> bytes:
    """Return the line of a checkpoint that was signed when the log was as long as it is up to here."""
    return line({"signed": size, "checkpoint": note})


def head(stream: str, seq: int, hash_: bytes, *, closed: bool) -> bytes:
    """Return the line of a stream's head."""
    return line({"stream": stream, "head": seq, "hash": hash_.hex(), "closed": closed})


def end(note: str, cosigned: Sequence[str], older: Json, entries: int) -> bytes:
    """Return the last line."""
    return line({"checkpoint": note, "cosigned": list(cosigned), "older": older, "entries": entries, "end": True})


def line(said: Any) -> bytes:
    """Return an object as a line."""
    return _encode(said).encode("ascii") + b"\n"
