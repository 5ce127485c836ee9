"""Which kinds of entries there are to look for: those of the vocabulary, their nouns, and what a log of another version holds."""

from __future__ import annotations

from difflib import get_close_matches

from audit.events import EventKind
from audit.models import AuditEntry

NAMED = frozenset({kind.value for kind in EventKind} | {kind.noun for kind in EventKind})
"""Kinds of entries and their nouns: what a filter may name."""
NEAR = 3
LONGEST = 60


def is_kind(kind: str, *, using: str = "default") -> bool:
    """Return whether a filter by this kind could find something; one that asks for nothing could.

    A kind that this version does not know is one where the log holds an entry of it: a newer version may have written here.
    """
    return not kind or kind in NAMED or AuditEntry.objects.using(using).filter(kind=kind).exists()


def no_kind(kind: str) -> str:
    """Return what is told of a filter by a kind that there is not, with the kinds that are written nearly so."""
    near = get_close_matches(kind[:LONGEST], sorted(NAMED), NEAR)
    return f"is {kind[:LONGEST]!r}, which is no kind of entry" + (f"; near it are {', '.join(near)}" if near else "")
