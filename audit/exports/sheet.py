"""Making a table of entries for a spreadsheet: CSV, one entry in each line, the same entries as a bundle's filter chooses."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from audit.exports.cells import safe
from audit.exports.making import PACE, Asked, Pace, Part, Place, moment
from audit.exports.rows import Chosen, Row

COLUMNS = ("index", "time", "kind", "principal_kind", "principal_id", "principal_name", "on_behalf_of", "stream", "seq", "tool", "ids",
           "facts", "hash")  # fmt: skip
SHARE = 4
"""It is not packed, so that a step of it is shorter."""


class Sheet:
    """A table, made in steps."""

    def __init__(self, asked: Asked, *, pace: Pace = PACE, using: str = "default") -> None:
        """Take what is asked for; raw texts are in no table."""
        self._asked = asked
        self._pace = pace
        self._chosen = Chosen(asked.where, asked.size, rotations=False, using=using)

    def step(self, place: Place, entries: int) -> Part:
        """Return the part behind a place, see `Maker`."""
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        if not place.done:
            writer.writerow(COLUMNS)
        done, count = place.done, 0
        for stretch in self._chosen.stretches(done, self._pace, self._pace.batch):
            writer.writerows([safe(cell) for cell in cells(row)] for row in stretch.rows)
            done, count = stretch.upto, count + len(stretch.rows)
            if text.tell() >= self._pace.raw // SHARE:
                break
        return Part(text.getvalue().encode("utf-8", "replace"), Place(done), count, last=done >= self._asked.size)


def cells(row: Row) -> tuple[object, ...]:
    """Return an entry as the cells of a line."""
    said = _said(row.body)
    principal = said.get("principal")
    who: dict[str, Any] = principal if isinstance(principal, dict) else {}
    ids = said.get("ids", ())
    return (
        row.log_index, moment(row.at), row.kind, row.actor_kind, row.actor_id, who.get("name", ""), who.get("on_behalf_of", ""),
        row.stream, row.seq, row.tool, " ".join(map(str, ids)) if isinstance(ids, list) else "",
        json.dumps(said.get("facts", {}), ensure_ascii=False), row.entry_hash.hex(),
    )  # fmt: skip


def _said(body: bytes) -> dict[str, Any]:
    """Return what an entry's bytes say; nothing where somebody put there what is no JSON."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
