"""Findings of one kind that one verification comes by: what bulk damage leaves, for one answer to all of them.

Each is kept by the hash of what was found there. An answer to all covers each exactly so: what is changed once more is a new finding.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from audit.evidence import said_of
from audit.verify import Answered, FirstBad, verify

MOST = 2000
"""So many are kept with a verification; those behind them are found by the next one."""
ALIKE = "alike"
"""The member of the evidence that lists them."""
TOGETHER = "together"
"""The member of the evidence that says that its answer is one to all of them."""


@dataclass(frozen=True, slots=True)
class Range:
    """What an answer to all would cover: how many findings, in how many streams, between which places of the log.

    `stream` with its numbers is there where all are of one stream.
    """

    findings: int
    streams: int
    first: int | None
    last: int | None
    stream: str = ""
    first_seq: int | None = None
    last_seq: int | None = None


def alike(bad: FirstBad, streams: Iterable[str | None], covered: Answered) -> list[list[Any]]:
    """Return the findings beside `bad` that have its reason and that nobody has answered, MOST at most: [stream, seq, place, hash].

    `streams` are walked for it; None stands for the whole log.
    """
    found: dict[FirstBad, None] = {}

    def take(one: FirstBad) -> bool:
        if one.reason == bad.reason and one != bad and len(found) < MOST and not covered(one):
            found[one] = None
        return True

    for stream in streams:
        verify(stream, in_sets=False, answered=take)
        if len(found) >= MOST:
            break
    return [[one.stream, one.seq, one.log_index, hash_of(one)] for one in found]


def hash_of(bad: FirstBad) -> str:
    """Return the hash of what is found at a place: another one once any of it is changed."""
    said = json.dumps([asdict(bad), *said_of(bad)], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(said.encode()).hexdigest()


def range_of(first_bad: Mapping[str, Any], others: Sequence[Sequence[Any]]) -> Range:
    """Return what an answer to a finding and all like it covers."""
    rows = [(first_bad["stream"], first_bad["seq"], first_bad["log_index"]), *((one[0], one[1], one[2]) for one in others)]
    places, seqs, streams = [row[2] for row in rows if row[2]], [row[1] for row in rows if row[1]], {row[0] for row in rows}
    only = rows[0][0] if len(streams) == 1 and rows[0][0] else ""
    return Range(
        len(rows), len(streams - {""}), min(places, default=None), max(places, default=None), only,
        min(seqs, default=None) if only else None, max(seqs, default=None) if only else None,
    )  # fmt: skip


def digest(others: Sequence[Sequence[Any]]) -> str:
    """Return one hash for all findings of a list, so that the entry of an answer says which ones it is about."""
    return hashlib.sha256("\n".join(str(one[3]) for one in others).encode()).hexdigest()
