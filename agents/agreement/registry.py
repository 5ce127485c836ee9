"""The registry of streams: every stream has the entries that its head counts, and what it is about is there; and the other way.

A session, prompt, agent or request whose row was deleted is missed by its stream, a dropped stream by its row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import rfc8785

from agents.agreement.found import MOST, Finding, Report, differing
from audit.connection import read

AT_ONCE = 500
_STREAMS = """
SELECT t.name, t.head_seq, t.closed, coalesce(e.entries, 0) AS entries, coalesce(e.last, 0) AS last, x.there
  FROM (SELECT name, head_seq, closed FROM audit_stream WHERE name > %s ORDER BY name LIMIT %s) AS t
  LEFT JOIN LATERAL (SELECT count(*) AS entries, max(seq) AS last FROM audit_entry WHERE stream = t.name) AS e ON true
  LEFT JOIN LATERAL (SELECT nullif(left(regexp_replace(t.name, '[^0-9]', '', 'g'), 18), '')::bigint AS number) AS n ON true
  LEFT JOIN LATERAL (SELECT CASE split_part(t.name, ':', 1)
    WHEN 'session' THEN EXISTS (SELECT FROM agents_session s WHERE t.name = 'session:S-' || s.number AND s.number = n.number)
    WHEN 'approval' THEN EXISTS (SELECT FROM approvals_approvalrequest r
                                  WHERE r.session_ref = '' AND t.name = 'approval:AP-' || r.number AND r.number = n.number)
    WHEN 'prompt' THEN EXISTS (SELECT FROM agents_prompt WHERE slug = substr(t.name, 8))
    WHEN 'agent' THEN EXISTS (SELECT FROM agents_agent WHERE slug = substr(t.name, 7))
    END AS there) AS x ON true
 ORDER BY t.name
"""
# From one stream's first entry to the next one's, by the index of places: as many steps as there are streams, however long they are.
_HEARD = """
WITH RECURSIVE heard AS (
    (SELECT stream, seq, 1 AS step FROM audit_entry WHERE stream > %s ORDER BY stream, seq LIMIT 1)
    UNION ALL
    SELECT n.stream, n.seq, h.step + 1
      FROM heard h
     CROSS JOIN LATERAL (SELECT stream, seq FROM audit_entry WHERE stream > h.stream ORDER BY stream, seq LIMIT 1) AS n
     WHERE h.step < %s
)
SELECT h.stream, h.seq, EXISTS (SELECT FROM audit_stream t WHERE t.name = h.stream) AS known FROM heard h ORDER BY h.step
"""
_UNHEARD = """
SELECT 'agents_agent' AS kind, slug AS row, 'agent:' || slug AS stream FROM agents_agent a
 WHERE NOT EXISTS (SELECT FROM audit_stream WHERE name = 'agent:' || a.slug)
UNION ALL
SELECT 'agents_prompt', slug, 'prompt:' || slug FROM agents_prompt p
 WHERE NOT EXISTS (SELECT FROM audit_stream WHERE name = 'prompt:' || p.slug)
LIMIT %s
"""
# The first revision was shipped with the product: no entry made it.
_POLICIES = """
SELECT coalesce(r.number, e.number) AS number, r.document::text AS document, r.checksum, e.checksum AS logged, e.seq,
       coalesce(r.number, e.number) <= (SELECT min(number) FROM approvals_policyrevision) AS first
  FROM approvals_policyrevision r FULL JOIN (
    SELECT (f ->> 'number')::int AS number, f ->> 'checksum' AS checksum, seq FROM audit_entry,
      LATERAL (SELECT convert_from(body, 'UTF8')::jsonb -> 'facts' AS f) AS b WHERE stream = 'policy' AND kind = 'policy.revised'
  ) e ON e.number = r.number
 WHERE coalesce(r.number, e.number) > %s ORDER BY 1 LIMIT %s
"""
TABLES: Mapping[str, str] = {
    "session": "agents_session",
    "approval": "approvals_approvalrequest",
    "prompt": "agents_prompt",
    "agent": "agents_agent",
}


def streams(report: Report, after: str, using: str) -> str | None:
    """Hold a part of the registry against the entries, and both against what they are about."""
    rows = read(_STREAMS, [after, AT_ONCE], using=using)
    report.count(streams=len(rows))
    for row in rows:
        report.note(*_stream(row))
    return rows[-1]["name"] if rows else None


def orphans(report: Report, after: str, using: str) -> str | None:
    """Find entries whose stream is in no registry, among some streams."""
    rows = read(_HEARD, [after, AT_ONCE], using=using)
    for row in rows:
        if not row["known"]:
            report.note(
                Finding("audit_stream", row["stream"], "the stream", "missing", "it has entries", row["stream"], row["seq"])
            )
    return rows[-1]["stream"] if rows else None


def unheard(report: Report, _: str, using: str) -> None:
    """Find agents and prompts of which the log says nothing."""
    for row in read(_UNHEARD, [MOST], using=using):
        report.note(Finding(row["kind"], row["row"], "the row", "there", "nothing: it has no stream", row["stream"]))


def policies(report: Report, after: str, using: str) -> str | None:
    """Hold revisions of the policy against the entries that made them, and their documents against their checksums."""
    rows = read(_POLICIES, [int(after or -1), AT_ONCE], using=using)
    report.count(policies=len(rows))
    for row in rows:
        made = hashlib.sha256(rfc8785.dumps(json.loads(row["document"]))).hexdigest() if row["document"] else None
        says = {
            "checksum": (row["checksum"], row["logged"] or (row["checksum"] if row["first"] else None)),
            "the hash of its document": (made, row["checksum"]),
        }
        report.note(*differing("approvals_policyrevision", f"revision {row['number']}", says, "policy", row["seq"]))
    return str(rows[-1]["number"]) if rows else None


def _stream(row: Mapping[str, Any]) -> list[Finding]:
    name, found = row["name"], []
    if (row["entries"], row["last"]) != (row["head_seq"], row["head_seq"]):
        counted = f"{row['entries']} entries, the last of them number {row['last']}"
        found.append(
            Finding("audit_entry", name, "the chain", counted, f"{row['head_seq']} entries", name, row["last"] or None)
        )
    kind, _, rest = name.partition(":")
    if row["there"] is False:
        about = f"{row['head_seq']} entries are about it"
        found.append(Finding(TABLES[kind], rest, "the row", "missing", about, name, row["last"] or None))
    return found
