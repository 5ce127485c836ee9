"""The rows and entries that are held against each other, a bounded part at a time, each part as it was at one moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from agents.agreement.texts import Kept, Texts
from agents.agreement.told import Told, told
from audit.connection import read

AT_ONCE = 50
"""Sessions, requests or prompts of one part. Of a part the rows are held in memory, of the log one entry at a time."""

SESSIONS = """
SELECT s.id, s.number, 'S-' || s.number AS ref, s.status, a.slug AS agent, p.slug || ' ' || v.version AS prompt, s.started_by,
       s.environment, s.task_type, s.tenant, s.dry_run, s.title, s.turns, s.input_tokens, s.output_tokens, s.cost_microusd,
       r.number AS revision, s.feature, t.closed
  FROM agents_session s JOIN agents_agent a ON a.id = s.agent_id JOIN agents_promptversion v ON v.id = s.prompt_version_id
  JOIN agents_prompt p ON p.id = v.prompt_id JOIN agents_agentrevision r ON r.id = s.revision_id
  LEFT JOIN audit_stream t ON t.name = 'session:S-' || s.number
 WHERE s.number > %s ORDER BY s.number LIMIT %s"""
TURNS = """
SELECT session_id, number, model, input_tokens, output_tokens, cost_microusd, finish_reason
  FROM agents_turn WHERE session_id = ANY(%s)"""
CALLS = """
SELECT id, session_id, key, tool, status, arguments_id, fingerprint, consumed_id, result_id, result_hash
  FROM agents_toolcall WHERE session_id = ANY(%s) ORDER BY id"""
REQUESTS = """
SELECT id, number, 'AP-' || number AS ref, kind, status, revision, digest, body, session_id, call_id, agent, tool, tier, risk,
       required, groups, decided_by
  FROM approvals_approvalrequest WHERE """
OF_SESSIONS = "session_id = ANY(%s) ORDER BY number"
ALONE = "session_ref = '' AND number > %s ORDER BY number LIMIT %s"
DECISIONS = """
SELECT request_id, revision, verdict, digest, decided_by, decided_name, instruction, answer, amount, voided
  FROM approvals_decision WHERE request_id = ANY(%s) ORDER BY created_at, id"""
PROMPTS = "SELECT id, slug FROM agents_prompt WHERE slug > %s ORDER BY slug LIMIT %s"
VERSIONS = """
SELECT prompt_id, version, status, checksum, text, variables::text AS variables, parameters::text AS parameters
  FROM agents_promptversion WHERE prompt_id = ANY(%s)"""
RELEASES = """
SELECT r.prompt_id, CASE WHEN v.prompt_id = r.prompt_id THEN v.version ELSE p.slug || ' ' || v.version END AS version, r.share,
       r.status
  FROM agents_release r JOIN agents_promptversion v ON v.id = r.version_id JOIN agents_prompt p ON p.id = v.prompt_id
 WHERE r.prompt_id = ANY(%s)"""
AGENTS = "SELECT id, slug FROM agents_agent WHERE slug > %s ORDER BY slug LIMIT %s"
REVISIONS = """
SELECT agent_id, number, document::text AS document, checksum, current FROM agents_agentrevision WHERE agent_id = ANY(%s)
 ORDER BY number"""
SETTINGS = """
SELECT t.name, s.tier, coalesce(s.enabled, true) AS enabled, coalesce(s.revision, 0) AS revision
  FROM (SELECT name FROM approvals_toolsetting WHERE name > %s UNION
        SELECT substr(name, 6) FROM audit_stream WHERE name LIKE 'tool:%%' AND name > 'tool:' || %s) AS t
  LEFT JOIN approvals_toolsetting s ON s.name = t.name ORDER BY t.name COLLATE "C" LIMIT %s"""
_ENTRIES = "SELECT stream, seq, body FROM audit_entry WHERE stream = ANY(%s) ORDER BY stream, seq"
# Read are those texts alone that rows hold a copy of or run by; of the others it is enough where they stand.
_TEXTS = """
SELECT e.stream, e.seq, c.name, c.id, c.salt,
       CASE WHEN c.name IN ('instruction', 'answer', 'goal') OR c.name ~ '^(call[.][0-9]+[.])?arguments$' THEN c.body END AS body
  FROM audit_entry e JOIN audit_content c ON c.entry_id = e.id WHERE e.stream = ANY(%s)"""


@contextmanager
def moment(using: str) -> Iterator[None]:
    """Read everything in this block as it was at one moment; inside a transaction that is the caller's."""
    connection = connections[using]
    outermost = not connection.in_atomic_block
    with transaction.atomic(using=using):
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def rows_of(statement: str, keys: Sequence[Any], by: str, using: str) -> Mapping[Any, list[dict[str, Any]]]:
    """Return rows by one of their columns."""
    found: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in read(statement, [list(keys)], using=using) if keys else ():
        found[row[by]].append(row)
    return found


def streams(names: Sequence[str], using: str) -> Iterator[tuple[str, Iterator[Told]]]:
    """Give the entries of each of these streams that has any, in their order."""
    with connections[using].chunked_cursor() as cursor:
        cursor.execute(_ENTRIES, [list(names)])
        lines = iter(lambda: cursor.fetchmany(500), [])
        entries = (row for chunk in lines for row in chunk)
        for name, group in groupby(entries, key=itemgetter(0)):
            yield name, (told(name, seq, bytes(body)) for _, seq, body in group)


def texts_of(names: Sequence[str], using: str) -> Mapping[str, Texts]:
    """Return the texts of these streams that are still there."""
    found: dict[str, dict[tuple[int, str], Kept]] = defaultdict(dict)
    for row in read(_TEXTS, [list(names)], using=using):
        found[row["stream"]][row["seq"], row["name"]] = Kept(row["id"], bytes(row["salt"]), row["body"])
    return found


def places(wanted: Sequence[tuple[str, int]], using: str) -> Mapping[tuple[str, int], int]:
    """Return the numbers in the whole log of entries by stream and place."""
    if not wanted:
        return {}
    statement = """
        SELECT e.stream, e.seq, l.log_index FROM unnest(%s::text[], %s::bigint[]) AS w(stream, seq)
          JOIN audit_entry e ON e.stream = w.stream COLLATE "C" AND e.seq = w.seq JOIN audit_log_index l ON l.entry_id = e.id"""
    rows = read(statement, [[stream for stream, _ in wanted], [seq for _, seq in wanted]], using=using)
    return {(row["stream"], row["seq"]): row["log_index"] for row in rows}


def ids(rows: Sequence[Mapping[str, Any]]) -> list[UUID]:
    """Return the keys of rows."""
    return [row["id"] for row in rows]
