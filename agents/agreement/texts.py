"""Raw texts of a stream, and which of them a row may point at: the one that the log names for it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agents.agreement.found import Finding, shown
from audit.chain import commitment


@dataclass(frozen=True, slots=True)
class Place:
    """Where the log commits to a text: the entry's number in its stream, the text's name, and the commitment."""

    seq: int
    name: str
    commitment: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A text that is still there; `body` only of what is held against its commitment here."""

    id: UUID
    salt: bytes
    body: str | None


Texts = Mapping[tuple[int, str], Kept]
"""The texts of one stream, by the number of their entry and their name."""


def pointing(
    table: str, row: str, what: str, id_: UUID | None, place: Place | None, texts: Texts, stream: str
) -> list[Finding]:
    """Return what is wrong with a row's way to its text: it leads elsewhere, or the text is another than was committed to.

    A text that retention has deleted can be shown by nobody, so nothing is wrong with it.
    """
    if place is None:
        if id_ is not None:
            return [Finding(table, row, what, f"text {id_}", "nothing: no entry commits to one", stream)]
        return []
    kept = texts.get((place.seq, place.name))
    if kept is None:
        return []
    if kept.id != id_:
        return [Finding(table, row, what, f"text {shown(id_)}", f"text {kept.id}", stream, place.seq)]
    if kept.body is not None and commitment(kept.salt, kept.body) != place.commitment:
        made = commitment(kept.salt, kept.body)
        return [Finding("audit_content", row, what, f"a text of {made}", place.commitment, stream, place.seq)]
    return []


def said(place: Place | None, texts: Texts) -> Any:
    """Return the body of a text that is there and was read; None otherwise."""
    kept = texts.get((place.seq, place.name)) if place else None
    return kept.body if kept else None
