"""Making a bundle: chosen entries in their exact bytes, hashes of the tree for all others, heads, and the checkpoint."""

from __future__ import annotations

import gzip
from collections.abc import Sequence

from audit import seal
from audit.canonical import Json
from audit.cosignatures import lines_for
from audit.errors import NotSealed
from audit.exports import lines
from audit.exports.between import Signed, between
from audit.exports.making import PACE, Asked, Names, Pace, Part, Place
from audit.exports.nodes import Gap, nodes
from audit.exports.rows import Chosen, Row, Stretch, heads, streams_after, texts_of
from audit.models import Checkpoint, Log
from audit.tree import Tree

HEADS = 2000
TEXTS_SHARE = 5


class Bundle:
    """A bundle, made in steps; each is a gzip member of its own, so that those of several steps are one file."""

    def __init__(self, asked: Asked, names: Names, *, pace: Pace = PACE, using: str = "default") -> None:
        """Take what is asked for, and who knows of which streams entries were written so far."""
        self._asked = asked
        self._names = (lambda after, limit: streams_after(after, limit, using=using)) if asked.whole else names
        self._pace = pace
        self._using = using
        self._chosen = Chosen(asked.where, asked.size, rotations=True, using=using)

    def step(self, place: Place, entries: int) -> Part:
        """Return the part behind a place, see `Maker`. Raises NotInLog, NotSealed."""
        return self._entries(place) if place.done < self._asked.size else self._heads(place, entries)

    def _entries(self, place: Place) -> Part:
        raw = bytearray() if place.done else bytearray(self._header())
        done, count = place.done, 0
        streams: set[str] = set()
        batch = max(1, self._pace.batch // TEXTS_SHARE) if self._asked.texts else self._pace.batch
        for stretch in self._chosen.stretches(done, self._pace, batch):
            raw += b"".join(self._lines(stretch))
            done, count = stretch.upto, count + len(stretch.rows)
            streams.update(row.stream for row in stretch.rows)
            if len(raw) >= self._pace.raw:
                break
        known = frozenset() if self._asked.whole else frozenset(streams)
        return Part(_packed(raw), Place(done), count, known)

    def _lines(self, stretch: Stretch) -> list[bytes]:
        """Return the lines of a stretch: what is chosen, the nodes of what is not, and what was signed in between."""
        signed = between(self._asked, stretch, using=self._using)
        gaps = _gaps(stretch, signed)
        skipped = {end: lines.skipped(end, found) for (_, end), found in zip(gaps, nodes(gaps, using=self._using), strict=True)}
        texts = texts_of(stretch.rows, using=self._using) if self._asked.texts else {}
        entries = {row.log_index: [_entry(row), *(lines.raw(text) for text in texts.get(row.id, ()))] for row in stretch.rows}
        notes = {size: lines.signed(size, note) for size, note in signed}
        told: list[bytes] = []
        for place in sorted({*skipped, *entries, *notes}):
            told += [skipped.get(place, b""), *entries.get(place, ()), notes.get(place, b"")]
        return told

    def _heads(self, place: Place, entries: int) -> Part:
        names = self._names(place.head, HEADS)
        raw = b"".join(
            lines.head(one.stream, one.seq, one.hash, closed=one.closed)
            for one in heads(names, self._asked.size, using=self._using)
        )
        if len(names) == HEADS:
            return Part(_packed(raw), Place(place.done, names[-1]))
        return Part(_packed(raw + self._end(entries)), Place(place.done, names[-1] if names else place.head), last=True)

    def _header(self) -> bytes:
        log = Log.objects.using(self._using).get()
        return lines.header(self._asked, str(log.id), seal.origin(self._using))

    def _end(self, entries: int) -> bytes:
        return lines.end(
            self._checkpoint(self._asked.size).note, lines_for(self._asked.size, using=self._using), self._older(), entries
        )

    def _older(self) -> Json:
        old = self._asked.older
        if old is None or not 0 < old < self._asked.size:
            return None
        path = Tree(self._using).consistency_proof(old, self._asked.size)
        return {"size": old, "checkpoint": self._checkpoint(old).note, "path": [step.hex() for step in path]}

    def _checkpoint(self, size: int) -> Checkpoint:
        found = seal.kept(size, self._using)
        if found is None:
            raise NotSealed(size=size)
        return found


def _gaps(stretch: Stretch, signed: Sequence[Signed]) -> list[Gap]:
    """Return the places that are not chosen; where a checkpoint was signed among them, they are two gaps."""
    chosen = {row.log_index for row in stretch.rows}
    gaps, after = [], stretch.after
    for place in sorted({*chosen, *(size for size, _ in signed), stretch.upto}):
        end = place - 1 if place in chosen else place
        if end > after:
            gaps.append((after, end))
        after = place
    return gaps


def _entry(row: Row) -> bytes:
    return lines.entry(row.log_index, row.stream, row.seq, row.prev_hash, row.body)


def _packed(raw: bytes | bytearray) -> bytes:
    return gzip.compress(raw, compresslevel=6, mtime=0)
