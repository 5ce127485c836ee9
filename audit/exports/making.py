"""What the makers of files share: what is asked for, how far one is, and what one step gives. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from audit.actors import Actor
from audit.queries import EntryFilter

TIMES = ("since", "until")
NAMES = ("stream", "session", "principal", "kind", "tool", *TIMES, "text")


@dataclass(frozen=True, slots=True)
class Pace:
    """How much one step does at most: it ends behind so many bytes, or so many windows of the log, whichever is first.

    `batch` entries are read at once, a fifth of it where their texts are too. It decides where the parts of a file end, so one file is
    made at one pace.
    """

    raw: int = 4 * 1024 * 1024
    batch: int = 1000
    window: int = 1 << 16
    windows: int = 8


PACE = Pace()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a file is made of: entries that a filter chooses, under the checkpoint of `size` entries."""

    where: EntryFilter
    size: int
    texts: bool
    made: datetime
    by: Actor
    older: int | None = None

    @property
    def whole(self) -> bool:
        """Return whether every entry is asked for."""
        return self.where == EntryFilter()


@dataclass(frozen=True, slots=True)
class Place:
    """How far a file is: the last log index in it, and the last stream whose head is."""

    done: int = 0
    head: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """What one step made: bytes, where it got to, how many entries are in it, of which streams, and whether that was the last."""

    data: bytes
    place: Place
    entries: int = 0
    streams: frozenset[str] = frozenset()
    last: bool = False


Names = Callable[[str, int], Sequence[str]]
"""Returns up to so many names of streams that entries were chosen of, behind a name, in the order of bytes."""


class Maker(Protocol):
    """Makes a file step by step; from one place it always goes on in the same bytes."""

    def step(self, place: Place, entries: int) -> Part:
        """Return the part behind a place, before which `entries` were written."""


def as_facts(where: EntryFilter) -> dict[str, str]:
    """Return a filter as JSON, without what is left open."""
    found = {name: getattr(where, name) for name in NAMES}
    return {name: value if isinstance(value, str) else moment(value) for name, value in found.items() if value}


def of_facts(said: Mapping[str, Any]) -> EntryFilter:
    """Return the filter that `as_facts` gave."""
    values: dict[str, Any] = {
        name: datetime.fromisoformat(value) if name in TIMES else value for name, value in said.items() if name in NAMES
    }
    return EntryFilter(**values)


def moment(at: datetime) -> str:
    """Return a time as entries have it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
