"""The one writer: every change of a status and every audit entry goes through `transition`.

It writes what many callers hand it in a few set-based statements: new rows, changes by compare-and-swap, raw content
and entries, in the caller's transaction or in one of its own. Nothing of it stays unless all of it does.
"""

from __future__ import annotations

from collections.abc import Sequence

from audit.batch import FUTURE, NOW, PAST, After, Appended, Batch, Birth, Change, Plus
from audit.entry import Entry, Text

__all__ = [
    "FUTURE", "NOW", "PAST", "After", "Appended", "Batch", "Birth", "Change", "Entry", "Plus", "Text",
    "record", "transition",
]


def transition(batch: Batch | Sequence[Batch], *, using: str = "default") -> list[Appended]:
    """Write `batch` (or several as one); return what the log says of each entry, in the order given.

    Order: births, changes, births marked `after_changes`, content, entries. Raises StaleState when a change finds its
    row in another state or a guard unmet, IllegalMove, InvalidEntry, StreamClosed; the surrounding transaction can then
    only be rolled back.
    """
    raise NotImplementedError


def record(entries: Sequence[Entry], *, using: str = "default") -> list[Appended]:
    """Write entries that record no change of a row; as `transition`."""
    return transition(Batch(entries=tuple(entries)), using=using)
