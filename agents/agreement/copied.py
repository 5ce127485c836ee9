"""A copy of one session in this process's memory: its entries, its rows, and what it takes to verify them.

Whoever drills tampers with the copy. Nothing of it is ever written, so no table of the database can be harmed by it.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from agents.agreement.check import Rows, rows_of_sessions
from agents.agreement.found import Report
from agents.agreement.reading import SESSIONS, moment
from agents.agreement.told import told
from audit.chain import genesis
from audit.connection import read
from audit.merkle import leaf_hash, proves_inclusion
from audit.seal import newest
from audit.tree import Tree
from audit.verify_entry import Found, Link, check_content, check_entry

LARGEST = 2000
"""Entries of a session that can be copied."""
_SUITABLE = """
SELECT r.session_id, s.number FROM approvals_approvalrequest r JOIN agents_session s ON s.id = r.session_id
  JOIN audit_stream t ON t.name = 'session:' || r.session_ref
 WHERE r.kind = 'tool_call' AND r.decided_by IS NOT NULL AND t.head_seq BETWEEN 4 AND %s ORDER BY r.number DESC LIMIT 1"""
_ENTRIES = """
SELECT e.stream, e.id, e.seq, e.kind, e.at, e.actor_kind, e.actor_id, e.tool, e.body, e.body_json::text AS copy, e.prev_hash,
       e.entry_hash, l.log_index, p.entry_id IS NOT NULL AS pending
  FROM audit_entry e LEFT JOIN audit_log_index l ON l.entry_id = e.id LEFT JOIN audit_pending p ON p.entry_id = e.id
 WHERE e.stream = %s ORDER BY e.seq"""
_CONTENTS = """
SELECT c.name, c.cls, c.salt, c.body, e.body AS said, e.stream, e.seq, NULL::bigint AS log_index
  FROM audit_content c JOIN audit_entry e ON e.id = c.entry_id WHERE e.stream = %s ORDER BY e.seq, c.name"""
BODY, COPY, PREV, HASH, SEQ = 8, 9, 10, 11, 2
"""Where these stand in an entry of the copy."""


@dataclass(slots=True)
class Signed:
    """That the last entry of the copy is in the log that was signed."""

    log_index: int
    size: int
    root: bytes
    path: list[bytes]


@dataclass(slots=True)
class Copy:
    """One session, as it can be tampered with."""

    stream: str
    entries: list[list[Any]]
    head: tuple[int, bytes, bool]
    contents: list[list[Any]]
    rows: Rows
    signed: Signed | None

    def verified(self) -> Found | None:
        """Check chain, head, texts and the newest checkpoint, as the whole log is; return the first thing that is wrong."""
        last = Link(0, genesis(self.stream), 0, closed=False)
        for row in self.entries:
            found, last = check_entry(row, last)
            if found is not None:
                return found
        if self.head[0] > last.seq:
            return Found(self.stream, last.seq + 1, None, "it is missing: the stream's head is after it")
        if self.head != (last.seq, last.entry_hash, last.closed):
            return Found(self.stream, last.seq, last.log_index, "the stream's head is not its last entry")
        for text in self.contents:
            if (found := check_content(text)) is not None:
                return found
        return self._signed(last)

    def _signed(self, last: Link) -> Found | None:
        one = self.signed
        if one is None:
            return None
        leaf = leaf_hash(last.entry_hash)
        if proves_inclusion(one.path, one.log_index - 1, leaf, one.size, one.root):
            return None
        reason = f"its chain is sound, and it is not what the checkpoint of {one.size} entries was signed over"
        return Found(self.stream, last.seq, last.log_index, reason)

    def compared(self) -> Report:
        """Hold the rows of the copy against its entries."""
        report = Report()
        self.rows.held(report, (told(row[0], row[SEQ], bytes(row[BODY])) for row in self.entries))
        return report


def copied(*, using: str = "default") -> Copy | None:
    """Copy the newest session in which people decided a call; None where there is none yet."""
    with moment(using):
        found = read(_SUITABLE, [LARGEST], using=using)
        if not found:
            return None
        (row,) = read(SESSIONS, [found[0]["number"] - 1, 1], using=using)
        stream = f"session:{row['ref']}"
        entries = [list(one.values()) for one in read(_ENTRIES, [stream], using=using)]
        for one in entries:
            one[BODY], one[PREV], one[HASH] = (bytes(one[place]) for place in (BODY, PREV, HASH))
        contents = [list(one.values()) for one in read(_CONTENTS, [stream], using=using)]
        rows = deepcopy(rows_of_sessions([row], using)[stream])
        return Copy(stream, entries, _head(entries, closed=row["closed"]), contents, rows, _signed(entries, using))


def _head(entries: list[list[Any]], *, closed: bool) -> tuple[int, bytes, bool]:
    return entries[-1][SEQ], entries[-1][HASH], closed


def _signed(entries: list[list[Any]], using: str) -> Signed | None:
    """Return the way from the last entry to the newest checkpoint; None where none covers it yet."""
    checkpoint, log_index = newest(using), entries[-1][12]
    if checkpoint is None or log_index is None or log_index > checkpoint.size:
        return None
    path = Tree(using).inclusion_proof(log_index, checkpoint.size)
    return Signed(log_index, checkpoint.size, bytes(checkpoint.root), path)
