"""What led to a call: the exact prompt version, the policy revision that judged it, and the people who decided; one statement.

The policy is that of the moment in which the call was begun: the intent to run it is written only while the rules hold that it
was judged by (`agents.rules`), and a revision of the policy waits for that, so the order of their entries is the order of both.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.errors import UnknownCall
from audit.connection import read

_LED = """
SELECT c.key, c.tool, c.tier, c.status, c.edited, c.dry, c.definition, c.started_at, c.ended_at, c.result_hash,
    a.slug AS agent, ar.number AS agent_revision, s.started_name AS started_by, s.on_behalf_of,
    t.number AS turn, t.model, p.slug AS prompt, v.version, v.checksum, v.author AS prompt_author,
    pol.number AS policy, pol.checksum AS policy_checksum, pol.by AS policy_by,
    q.number AS request, q.digest, q.revision AS request_revision, q.status AS request_status,
    (SELECT jsonb_agg(jsonb_build_object('by', d.decided_name, 'verdict', d.verdict, 'at', d.created_at, 'revision', d.revision,
            'digest', d.digest, 'in_place_of', coalesce(d.in_place_name, ''), 'standing', d.standing_id IS NOT NULL,
            'broke_glass', coalesce(d.broke_glass, false), 'request', r.number, 'kind', r.kind, 'stood', (
                SELECT o.number FROM approvals_standingapproval w JOIN approvals_approvalrequest o ON o.id = w.request_id
                WHERE w.id = d.standing_id)) ORDER BY d.created_at, d.id)
     FROM approvals_approvalrequest r JOIN approvals_decision d ON d.request_id = r.id AND d.voided = ''
     WHERE r.id = q.id OR (r.session_id = s.id AND r.call_id = c.id AND (r.kind = 'unknown_outcome' OR r.status = 'consumed'))
    ) AS decisions,
    (SELECT l.log_index FROM audit_entry e JOIN audit_log_index l ON l.entry_id = e.id
     WHERE e.stream = 'session:S-' || s.number AND starts_with(e.kind, 'tool_call.') AND e.body_json -> 'facts' ->> 'key' = c.key
     ORDER BY (e.kind = 'tool_call.executing') DESC, e.seq DESC LIMIT 1) AS entry
FROM agents_toolcall c JOIN agents_turn t ON t.id = c.turn_id JOIN agents_session s ON s.id = c.session_id
JOIN agents_agent a ON a.id = s.agent_id JOIN agents_agentrevision ar ON ar.id = s.revision_id
LEFT JOIN agents_prompt p ON p.slug = split_part(t.prompt_version, ' ', 1)
LEFT JOIN agents_promptversion v ON v.prompt_id = p.id AND v.version = split_part(t.prompt_version, ' ', 2)
LEFT JOIN approvals_approvalrequest q ON q.id = coalesce(c.consumed_id, c.request_id)
LEFT JOIN LATERAL (
    SELECT r.number, r.checksum, r.created_by AS by FROM approvals_policyrevision r
    LEFT JOIN audit_entry e ON e.kind = 'policy.revised' AND e.body_json -> 'facts' ->> 'number' = r.number::text
    WHERE coalesce(e.at, r.created_at) <= coalesce(c.started_at, c.ended_at, now()) ORDER BY r.number DESC LIMIT 1
) pol ON true
WHERE c.key = %s"""


@dataclass(frozen=True, slots=True)
class Decided:
    """What one person said of a request that a call ran by, or of whether it happened where nobody could know.

    `request` and `stood` are numbers of requests: that one, and the one with which the standing approval was given that stood here.
    """

    by: str
    verdict: str
    at: datetime
    revision: int
    digest: str
    in_place_of: str
    standing: bool
    broke_glass: bool
    request: int
    kind: str
    stood: int | None


@dataclass(frozen=True, slots=True)
class Led:
    """A call, and the prompt, policy and people that led to it. What is None was not: no request, or the shipped policy."""

    key: str
    tool: str
    tier: str
    status: str
    edited: bool
    dry: bool
    definition: str
    started_at: datetime | None
    ended_at: datetime | None
    result_hash: str
    agent: str
    agent_revision: int
    started_by: str
    on_behalf_of: str
    turn: int
    model: str
    prompt: str | None
    version: str | None
    checksum: str | None
    prompt_author: str | None
    policy: int | None
    policy_checksum: str | None
    policy_by: str | None
    request: int | None
    digest: str | None
    request_revision: int | None
    request_status: str | None
    decisions: tuple[Decided, ...]
    entry: int | None  # the log's number of the entry that it was begun by; of a plain read, its last one


def led_to(key: str) -> Led:
    """Return what led to a call, by its key as `S-88123/7.1`. Raises UnknownCall."""
    rows = read(_LED, [key])
    if not rows:
        raise UnknownCall(key=key[:80])
    row = rows[0]
    return Led(**{**row, "decisions": tuple(_decided(one) for one in json.loads(row["decisions"] or "[]"))})


def _decided(row: Mapping[str, Any]) -> Decided:
    return Decided(**{**row, "at": datetime.fromisoformat(row["at"])})
