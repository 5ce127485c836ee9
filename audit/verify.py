"""Verification from inside: every hash is computed again, and the first entry that is wrong is named.

What it finds: changed, deleted, inserted, swapped and duplicated entries, a cut tail, a dropped stream, a changed copy
or column, a forged head, content behind a commitment that is not its text, an index with gaps, and what is not as the
checkpoints have it: a chain rewritten with all its hashes, heads and indexes. What nothing inside a database can find: one
that was rewritten with its checkpoints, or put back whole to an older state; that needs checkpoints that are kept elsewhere.

The whole log is first checked in sets by the database (`audit.verify_sets`), which says whether anything is wrong; only then
it is walked, entry by entry, to say what is. Both read in one snapshot, so memory does not grow with the log and writers are
not held up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import Any

from django.db import connections

from audit.chain import genesis
from audit.verify_entry import LAST, Found, Link, check_content, check_entry, resumed
from audit.verify_keys import unsigned
from audit.verify_lost import Gaps
from audit.verify_sets import Part, chain_holds, ends_hold, one_moment, parts, says_the_same
from audit.verify_signed import missing
from audit.verify_tree import check_tree

CHUNK = 2000
MOST = 100
"""Of what is wrong over the whole log so many places are looked at, each of which somebody may have answered."""
NO_STREAM = "there is no such stream"
NOT_IN_SETS = "the database reads something else there than its bytes say"

_ENTRIES = """
SELECT e.stream, e.id, e.seq, e.kind,
       CASE WHEN e.at BETWEEN '0002-01-01' AND '9998-12-31' THEN e.at END, e.actor_kind, e.actor_id, e.tool,
       e.body, e.body_json::text, e.prev_hash, e.entry_hash, l.log_index, p.entry_id IS NOT NULL
  FROM audit_entry AS e
  LEFT JOIN audit_log_index AS l ON l.entry_id = e.id
  LEFT JOIN audit_pending AS p ON p.entry_id = e.id
 WHERE %s = '' OR e.stream = %s
 ORDER BY e.stream, e.seq, e.id
"""
_STREAMS = """
SELECT name, head_seq, head_hash, closed FROM audit_stream WHERE %s = '' OR name = %s ORDER BY name
"""
_CONTENTS = """
SELECT c.name, c.cls, c.salt, c.body, e.body, e.stream, e.seq, l.log_index
  FROM audit_content AS c
  LEFT JOIN audit_entry AS e ON e.id = c.entry_id
  LEFT JOIN audit_log_index AS l ON l.entry_id = c.entry_id
 WHERE %s = '' OR e.stream = %s
 ORDER BY c.entry_id
"""
_LOST = """
SELECT l.log_index FROM audit_log_index AS l LEFT JOIN audit_entry AS e ON e.id = l.entry_id
 WHERE e.id IS NULL ORDER BY l.log_index LIMIT %s
"""
_GAP = """
SELECT i.before + 1
  FROM (SELECT log_index, lag(log_index, 1, 0::bigint) OVER (ORDER BY log_index) AS before FROM audit_log_index) AS i
 WHERE i.log_index <> i.before + 1 ORDER BY i.log_index LIMIT %s
"""
_LEFT = """
SELECT (SELECT count(*) FROM audit_log_index AS l LEFT JOIN audit_entry AS e ON e.id = l.entry_id WHERE e.id IS NULL)
       + (SELECT count(*) FROM audit_pending AS p LEFT JOIN audit_entry AS e ON e.id = p.entry_id WHERE e.id IS NULL)
"""
_KEYS = """
SELECT l.entry_id FROM audit_log_index AS l LEFT JOIN audit_entry AS e ON e.id = l.entry_id WHERE e.id IS NULL
 ORDER BY l.log_index LIMIT %s
"""
_HASHES = """
SELECT l.entry_id, e.entry_hash FROM audit_log_index AS l LEFT JOIN audit_entry AS e ON e.id = l.entry_id ORDER BY l.log_index
"""
_CHECKPOINTS = "SELECT size, root, note FROM audit_checkpoint ORDER BY size"


@dataclass(frozen=True, slots=True)
class FirstBad:
    """The first entry that is wrong: its stream and place, its number in the log where it has one, and what is wrong."""

    stream: str
    seq: int | None
    log_index: int | None
    reason: str


Answered = Callable[[FirstBad], bool]
"""Returns whether somebody has answered a finding, exactly as it stands now."""


def nothing_answered(_: FirstBad) -> bool:
    """Return that nobody has answered anything."""
    return False


@dataclass(frozen=True, slots=True)
class Verification:
    """The result: how many entries were checked, and the first that is wrong."""

    ok: bool
    checked: int
    first_bad: FirstBad | None


def verify(
    stream: str | None = None, *, in_sets: bool = True, using: str = "default", answered: Answered = nothing_answered
) -> Verification:
    """Verify the whole log, or one stream of it; without `in_sets` entry by entry whatever the database says of them.

    What is `answered` is named only where nothing else is wrong: it must not hide what came later.

    Each stream is checked up to its first wrong entry that nobody has answered; of those, the one that is noticed first in the
    order of the log is named. What is missing has no place in the log any more; it is named by the place in its stream.
    """
    with one_moment(using):
        walk = _Walk(stream or "", using, answered)
        sets = None if stream or not in_sets else _in_sets(using)
        if sets is not None and sets.ok:
            walk.checked = sets.checked
            walk.tree()
        else:
            walk.all()
        found = walk.first or walk.known
        if found is None and sets is not None and not sets.ok:
            found = Found("", None, sets.checked + 1, NOT_IN_SETS)
    bad = None if found is None else first_bad(found)
    return Verification(bad is None, walk.checked, bad)


def walked(streams: Iterable[str], *, using: str = "default") -> Found | None:
    """Walk these streams, and return what was noticed first in the order of the log."""
    found = None
    with one_moment(using):
        for stream in streams:
            walk = _Walk(stream, using)
            walk.all()
            if walk.first is not None and (found is None or walk.first.noticed < found.noticed):
                found = walk.first
    return found


def first_bad(found: Found) -> FirstBad:
    """Return what was found as it is told."""
    return FirstBad(found.stream, found.seq, found.log_index, found.reason)


def _in_sets(using: str) -> Verification:
    """Return whether the whole log holds, and how many entries of it do before the first part that does not."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT coalesce(max(log_index), 0) FROM audit_log_index")
        (head,) = cursor.fetchone()
    checked = 0
    for part in (*parts(0, head), Part(head, None)):
        count = chain_holds(part, using)
        if count is None or not says_the_same(part, using):
            return Verification(False, checked, None)
        checked += count
    return Verification(ends_hold(using), checked, None)


def is_unknown(found: Verification) -> bool:
    """Return whether there was nothing to verify: a name that no stream has is a wrong question, not a wrong log."""
    return found.first_bad is not None and found.first_bad.reason == NO_STREAM


class _Walk:
    """One pass over the log, which keeps the first thing that is wrong."""

    def __init__(self, stream: str, using: str, answered: Answered = nothing_answered) -> None:
        self.stream = stream
        self.using = using
        self.answered = answered
        self.checked = 0
        self.first: Found | None = None
        self.known: Found | None = None
        self.gaps = Gaps()

    def all(self) -> None:
        """Walk what was asked for, and where no entry of it is wrong, what stands over the whole log."""
        self.streams()
        self.contents()
        if self.stream:
            return
        if self.first is None or self.first.noticed == LAST:
            self.log()
        if self.first is None:
            self.tree()

    def streams(self) -> None:
        """Walk entries and registry side by side: both come in the order of the streams' names."""
        entries = groupby(self._rows(_ENTRIES), key=itemgetter(0))
        for name, links, head in _side_by_side(entries, self._rows(_STREAMS)):
            self._chain(name, links, head)
        if self.stream and not self.checked and self.first is None:
            self._note(Found(self.stream, None, None, NO_STREAM))

    def _chain(self, name: str, links: Iterable[Any], head: tuple[Any, ...] | None) -> None:
        """Check one chain up to its first wrong entry, then its head."""
        last, key = Link(0, genesis(name), 0, closed=False), 0
        for row in links:
            self.checked += 1
            found, before = check_entry(row, last)
            if (
                found is not None and found.seq != row[2]
            ):  # what stood before it is missing; it is held against what it says of that
                if not self._note(found):
                    return
                self.gaps.note(after=key, before=row[1], count=row[2] - last.seq - 1, last_hash=bytes(row[10]))
                found, before = check_entry(row, replace(last, seq=row[2] - 1, entry_hash=bytes(row[10])))
            if found is not None and not self._note(found):
                return
            last, key = before if found is None else resumed(row, last), row[1]
        if head is None:
            self._note(Found(name, last.seq, last.log_index, "its stream is not in the registry", last.reached))
        elif head[1] > last.seq:
            self.gaps.note(after=key, before=None, count=head[1] - last.seq, last_hash=bytes(head[2]))
            self._note(Found(name, last.seq + 1, None, "it is missing: the stream's head is after it", last.reached))
        elif (head[1], bytes(head[2]), head[3]) != (last.seq, last.entry_hash, last.closed):
            self._note(Found(name, last.seq, last.log_index, "the stream's head is not its last entry", last.reached))

    def contents(self) -> None:
        """Check every raw text that is still there against the commitment of its entry."""
        said = not self.stream and self._lost_are_explained()  # of an entry that is missing its stream says so, not each text
        for row in self._rows(_CONTENTS):
            found = check_content(row)
            if found is not None and (found.stream or found.log_index is None or not said):
                self._note(found)

    def _lost_are_explained(self) -> bool:
        return self.gaps.explain(self._read(_LEFT, [])[0])

    def log(self) -> None:
        """Check that the log's numbers are dense and that each stands for an entry; what misses one in its stream was said there."""
        if not self._lost_are_explained():
            self._places(_LOST, "the entry at this place is missing")
        self._places(_GAP, "this place of the log is missing")

    def _places(self, query: str, reason: str) -> None:
        for place in self._read(query, [MOST]):
            self._note(Found("", None, place, reason))

    def _read(self, query: str, values: list[Any]) -> list[Any]:
        with connections[self.using].cursor() as cursor:
            cursor.execute(query, values)
            return [value for (value,) in cursor.fetchall()]

    def tree(self) -> None:
        """Check that the log is what was signed, at every size at which it was, and that nothing of that is missing."""
        gone = self.gaps.hashes(self._read(_KEYS, [MOST])) if self.gaps.gaps else {}
        rows = ((key, hash_ or gone.get(key)) for key, hash_ in self._rows(_HASHES, whole=True))
        hashes = (bytes(hash_) for _, hash_ in rows if hash_ is not None)
        kept = ((size, bytes(root), note) for size, root, note in self._rows(_CHECKPOINTS, whole=True))
        if found := check_tree(hashes, kept):
            self._note(found)
        for one in chain(islice(unsigned(using=self.using), MOST), missing(self.using)):
            self._note(one)

    def _note(self, found: Found) -> bool:
        """Keep what is wrong where it comes first; return whether somebody has answered it."""
        if self.answered(first_bad(found)):
            self.known = self.known or found
            return True
        if self.first is None or found.noticed < self.first.noticed:
            self.first = found
        return False

    def _rows(self, query: str, *, whole: bool = False) -> Iterator[tuple[Any, ...]]:
        with connections[self.using].chunked_cursor() as cursor:
            cursor.execute(query, None if whole else [self.stream, self.stream])
            while rows := cursor.fetchmany(CHUNK):
                yield from rows


def _side_by_side(
    groups: Iterable[tuple[str, Iterable[Any]]], heads: Iterable[tuple[Any, ...]]
) -> Iterator[tuple[str, Iterable[Any], tuple[Any, ...] | None]]:
    """Join the entries of streams with their heads; either may be missing. Both come sorted by bytes of the name."""
    registry = iter(heads)
    head = next(registry, None)
    for name, links in groups:
        while head is not None and head[0] < name:
            yield head[0], (), head
            head = next(registry, None)
        if head is not None and head[0] == name:
            yield name, links, head
            head = next(registry, None)
        else:
            yield name, links, None
    while head is not None:
        yield head[0], (), head
        head = next(registry, None)
