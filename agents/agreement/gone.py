"""Raw texts that the log commits to and that are not there: each has to be one of which an entry says that it was deleted.

By its age: an entry names the class, from where to where in the log, and how many; so there can be no more of a class gone than
entries have deleted. Because somebody asked: an entry names the sessions. One by one: an entry names each.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.agreement.found import Finding, Report
from audit.connection import read

AT_ONCE = 5000
"""Entries of one part."""
COUNTED = "gone: "
"""How the counts of texts that are gone by their age begin; the class follows."""
_UPTO = "SELECT max(id) AS upto FROM (SELECT id FROM audit_entry WHERE id > %s ORDER BY id LIMIT %s) AS e"
# Members stand in the order of their names, so an entry with texts begins in one of two ways.
_WITHOUT = """
SELECT e.id, e.stream, e.seq, e.body, l.log_index, array(SELECT c.name FROM audit_content c WHERE c.entry_id = e.id) AS there
  FROM audit_entry e LEFT JOIN audit_log_index l ON l.entry_id = e.id
 WHERE e.id > %s AND e.id <= %s
   AND (substr(e.body, 1, 11) = '{"content":'::bytea OR substr(e.body, 1, 25) = '{"closes":true,"content":'::bytea)
 ORDER BY e.id"""
_DELETIONS = """
SELECT e.body FROM audit_entry e
 WHERE e.kind = 'content.deleted' AND e.stream = 'content'
   AND CASE WHEN e.body_json -> 'facts' ? 'class'
            THEN e.body_json #>> '{facts,class}' = ANY(%s) AND (e.body_json -> 'facts' -> 'upto') >= to_jsonb(%s::bigint)
                 AND (e.body_json -> 'facts' -> 'from') <= to_jsonb(%s::bigint)
            ELSE e.body_json -> 'facts' ? 'texts' OR e.body_json -> 'ids' ?| %s::text[] END
 ORDER BY e.id"""
_BY_AGE = """
SELECT e.id, e.body FROM audit_entry e
 WHERE e.kind = 'content.deleted' AND e.stream = 'content' AND e.body_json -> 'facts' ? 'class' AND e.id > %s ORDER BY e.id LIMIT %s"""


@dataclass(frozen=True, slots=True)
class Gone:
    """A text that is committed to and not there; `log_index` is None while its entry waits for a number."""

    stream: str
    seq: int
    name: str
    cls: str
    log_index: int | None


@dataclass(slots=True)
class Deleted:
    """What entries say was deleted, as far as it may be about some texts."""

    by_age: list[tuple[str, int, int]] = field(default_factory=list)
    streams: set[str] = field(default_factory=set)
    texts: set[tuple[str, int, str]] = field(default_factory=set)

    def hear(self, body: bytes) -> None:
        """Take an entry about a deletion."""
        said = _object(body)
        facts, ids = said.get("facts"), said.get("ids")
        if not isinstance(facts, dict):
            return
        if "class" in facts:
            self.by_age.append((str(facts["class"]), _number(facts.get("from")), _number(facts.get("upto"))))
        for one in facts.get("texts", ()) if isinstance(facts.get("texts"), list) else ():
            self.texts.add((str(one.get("stream")), _number(one.get("seq")), str(one.get("name"))))
        if "request" in facts and isinstance(ids, list):
            self.streams |= {name if ":" in name else f"session:{name}" for name in map(str, ids)}

    def by_name(self, one: Gone) -> bool:
        """Return whether its session, or the text itself, was deleted by somebody."""
        return one.stream in self.streams or (one.stream, one.seq, one.name) in self.texts

    def aged(self, one: Gone) -> bool:
        """Return whether texts of its class and place were deleted by their age."""
        at = one.log_index
        return at is not None and any(cls == one.cls and low <= at <= high for cls, low, high in self.by_age)


def texts(report: Report, after: str, using: str) -> str | None:
    """Hold the texts of some entries against what those commit to, and what is gone against the entries of deletions."""
    start = int(after or 0)
    upto = read(_UPTO, [start, AT_ONCE], using=using)[0]["upto"]
    if upto is None:
        return None
    gone = list(_gone(read(_WITHOUT, [start, upto], using=using)))
    report.count(deleted_texts=len(gone))
    deleted = _deleted(gone, using) if gone else Deleted()
    for one in gone:
        if deleted.by_name(one):
            continue
        if deleted.aged(one):
            report.count(**{f"{COUNTED}{one.cls}": 1})
            continue
        what = f"{one.stream} entry {one.seq}, {one.name}"
        report.note(
            Finding(
                "audit_content", what, "the text", "missing", "it is committed to, and nobody deleted it", one.stream, one.seq
            )
        )
    return str(upto)


def more_than_deleted(report: Report, _: str, using: str) -> None:
    """Find classes of which more texts are gone by their age than entries say were deleted."""
    left = {name.removeprefix(COUNTED): number for name, number in report.counts.items() if name.startswith(COUNTED)}
    if left:
        for facts in _by_age(using):
            cls = str(facts["class"])
            left[cls] = left.get(cls, 0) - _number(facts.get("count"))
    for cls, more in sorted(left.items()):
        report.counts.pop(f"{COUNTED}{cls}", None)
        if more > 0:
            said = f"{more} texts more are gone than were deleted"
            report.note(Finding("audit_content", f"class {cls}", "the number of texts", said, "fewer", "content"))


def _gone(rows: Iterable[dict[str, Any]]) -> Iterator[Gone]:
    for row in rows:
        committed = _object(bytes(row["body"])).get("content")
        for name, held in committed.items() if isinstance(committed, dict) else ():
            if name not in row["there"]:
                cls = held.get("class") if isinstance(held, dict) else ""
                yield Gone(row["stream"], row["seq"], name, str(cls), row["log_index"])


def _deleted(gone: Sequence[Gone], using: str) -> Deleted:
    places = [one.log_index for one in gone if one.log_index is not None] or [0]
    names = sorted({one.stream for one in gone} | {one.stream.removeprefix("session:") for one in gone})
    asked = [sorted({one.cls for one in gone}), min(places), max(places), names]
    found = Deleted()
    for row in read(_DELETIONS, asked, using=using):
        found.hear(bytes(row["body"]))
    return found


def _by_age(using: str) -> Iterator[dict[str, Any]]:
    after = 0
    while rows := read(_BY_AGE, [after, AT_ONCE], using=using):
        for row in rows:
            facts = _object(bytes(row["body"])).get("facts")
            if isinstance(facts, dict) and "class" in facts:
                yield facts
        after = rows[-1]["id"]


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
