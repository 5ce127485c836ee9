"""From entries to the log: commitments, bytes, and one call of the database's append function.

What is told with the commit goes with that call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from audit.batch import Appended
from audit.chain import SALT_BYTES, commitment
from audit.connection import Writer
from audit.entry import Entry, entry_bytes
from audit.errors import InvalidEntry
from audit.randomness import random_bytes

TELLING = "SELECT count(pg_notify(n.channel, n.payload)) FROM unnest(%s::text[], %s::text[]) AS n(channel, payload)"
_CALL = "FROM audit_append(%b, %b::integer[], %b::uuid[], %t::text[], %b::bytea[], %t::text[])"
_APPEND = f"SELECT id, seq, entry_hash {_CALL}"
_APPEND_AND_TELL = f"SELECT id, seq, entry_hash, ({TELLING}) {_CALL}"


def told(notices: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Return the parameters of `TELLING`."""
    return [list(column) for column in zip(*notices, strict=True)]


def append(
    writer: Writer, entries: Sequence[Entry], *, log: str, at: datetime, notices: Sequence[tuple[str, str]] = ()
) -> Callable[[], list[Appended]]:
    """Send one call that appends `entries` with their texts, and tells `notices`, channels and payloads, with the commit.

    Returns a function that says, once the sending is over, what the log says of each entry, in the order given.
    """
    if not entries:
        if notices:
            writer.send(TELLING, told(notices))
        return list
    ts = f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"
    bodies: list[bytes] = []
    contents: tuple[list[Any], ...] = ([], [], [], [], [])
    for place, entry in enumerate(entries, start=1):
        commitments: dict[str, str] = {}
        for text in entry.texts:
            salt = random_bytes(SALT_BYTES)
            commitments[text.name] = _commit(salt, text.body)
            for column, value in zip(contents, (place, text.id, text.name, salt, text.body), strict=True):
                column.append(value)
        bodies.append(entry_bytes(entry, log=log, ts=ts, commitments=commitments))
    given = (bodies, *(column or None for column in contents))
    sent = writer.send(_APPEND_AND_TELL, (*told(notices), *given)) if notices else writer.send(_APPEND, given)
    return lambda: [
        Appended(id_, entry.stream, seq, entry_hash, at)
        for entry, (id_, seq, entry_hash, *_) in zip(entries, sent.rows(), strict=True)
    ]


def _commit(salt: bytes, body: str) -> str:
    if "\0" in body:
        raise InvalidEntry(reason="it holds a NUL character")
    try:
        return commitment(salt, body)
    except UnicodeEncodeError:
        raise InvalidEntry(reason="it holds half a surrogate pair") from None
