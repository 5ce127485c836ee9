"""What a check says: the counts of what it looked at, and each row that is not what the log says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST = 100
"""Findings that are kept; the others are only counted."""
LONGEST = 300  # characters of what a row or the log says


@dataclass(frozen=True, slots=True)
class Finding:
    """One row that disagrees with the log, or one of the two without the other.

    `table` and `row` name the row, `what` what of it disagrees, `row_says` and `log_says` the two; `stream` and `seq` the entry
    that says so. `log_index` is that entry's number in the whole log, where it has one.
    """

    table: str
    row: str
    what: str
    row_says: str
    log_says: str
    stream: str
    seq: int | None = None
    log_index: int | None = None

    def __str__(self) -> str:
        """As one line for people."""
        place = f"{self.stream}, entry {self.seq}" if self.seq else self.stream
        return f"{self.table} {self.row}: {self.what} is {self.row_says}, but the log says {self.log_says} ({place})"


@dataclass(slots=True)
class Report:
    """How much was held against the log, and what was found; `findings` are the first ones of `wrong`."""

    counts: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    wrong: int = 0

    @property
    def ok(self) -> bool:
        """True if rows and log agree."""
        return not self.wrong

    def count(self, **more: int) -> None:
        """Add to what was looked at."""
        for name, number in more.items():
            self.counts[name] = self.counts.get(name, 0) + number

    def note(self, *findings: Finding) -> None:
        """Take findings."""
        self.wrong += len(findings)
        self.findings += findings[: max(0, MOST - len(self.findings))]


def differing(table: str, row: str, says: Mapping[str, tuple[Any, Any]], stream: str, seq: int | None = None) -> list[Finding]:
    """Return a finding for each name of `says` whose two values, the row's and the log's, are not the same."""
    return [
        Finding(table, row, name, shown(mine), shown(logged), stream, seq)
        for name, (mine, logged) in says.items()
        if mine != logged
    ]


def shown(value: Any) -> str:
    """Return a value as a finding says it."""
    if value is None or value in ("", (), []):
        return "nothing"
    words = " or ".join(sorted(map(str, value))) if isinstance(value, frozenset | set) else str(value)
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"
