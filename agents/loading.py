"""Reads what a worker needs to run sessions: many at once, in a fixed number of statements.

Runs in the ledger's thread, in autocommit, never while a model or a tool is being waited for. Revisions and prompt
versions are immutable, so they are kept in the process once read. A text that was deleted is read as a word that says so: what
a model is given is never silently empty.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any
from uuid import UUID

from agents.brought import HEARD, KEPT, instead
from agents.config import AgentConfig
from agents.models import AgentRevision, PromptVersion
from agents.prompts.variables import rendered
from agents.state import Asked, Call, Pass, Said, State
from agents.versions import VERSION, Shapes, upgraded
from audit.connection import read

_SESSION = """
SELECT s.id, s.number, a.slug AS agent, s.revision_id, s.prompt_version_id, s.environment, s.task_type, s.dry_run,
       s.trace, s.started_kind, s.started_by, s.started_user, s.started_name, s.on_behalf_of, s.on_behalf_user, s.tenant,
       s.feature, s.priority,
       s.lease_owner, s.lease_token, s.step, s.nudges, s.attempts, s.stop, s.stop_note, s.turns, s.tool_calls,
       s.input_tokens, s.output_tokens, s.cost_microusd, s.active_ms, s.consecutive_errors, s.notes, s.taint, s.lifted, s.schema_version,
       coalesce(s.watched_until > now(), false) AS watched, s.expires_at <= now() AS expired,
       coalesce(s.standing, false) AS standing, coalesce(s.mode, '') AS mode, coalesce(s.waits_for, '') AS waits,
       EXISTS (SELECT 1 FROM approvals_approvalrequest r WHERE r.session_id = s.id AND r.call_id IS NULL
               AND r.status = 'pending') AS asks
FROM agents_session s JOIN agents_agent a ON a.id = s.agent_id
WHERE s.id = ANY(%s) AND (%s::text IS NULL OR (s.status = 'running' AND s.lease_owner = %s))"""

_MESSAGES = """
SELECT m.session_id, m.id, m.index, m.source, m.trust, coalesce(c.body, '[deleted]') AS text, m.author_name, m.author,
       m.covers_from, m.covers_to, m.supersedes
FROM agents_message m LEFT JOIN audit_content c ON c.id = m.text_id WHERE m.session_id = ANY(%s){before}"""

_TURNS = """
SELECT t.session_id, t.id, t.index, t.number,
       CASE WHEN t.text_id IS NULL THEN '' ELSE coalesce(c.body, '[deleted]') END AS text
FROM agents_turn t LEFT JOIN audit_content c ON c.id = t.text_id WHERE t.session_id = ANY(%s){before}"""

_CALLS = """
SELECT k.turn_id, k.id, k.index, k.provider_id, k.key, k.tool, k.status, k.tier, k.definition,
       CASE WHEN k.raw_id IS NULL THEN '' ELSE coalesce(raw.body, '{{"deleted":true}}') END AS raw,
       k.raw_id, args.body AS arguments, k.arguments_id, k.fingerprint, k.judgement, k.repeat_of,
       k.needs_approval, k.request_id, k.edited, k.dry, k.attempts,
       CASE WHEN k.result_id IS NOT NULL THEN coalesce(result.body, '[deleted]') END AS result, k.result_hash, k.error_type,
       k.trust, k.sources, k.span,
       r.id AS r_id, r.number AS r_number, r.status AS r_status, r.revision AS r_revision, r.digest AS r_digest,
       r.body AS r_body, r.status = 'approved' OR (r.status = 'held' AND r.held_until <= now()) AS r_due,
       r.expires_at <= now() AS r_expired, r.required AS r_required,
       CASE WHEN r.status = 'held' THEN extract(epoch FROM r.held_until - now())::float8 END AS r_held_s
FROM agents_toolcall k
LEFT JOIN audit_content raw ON raw.id = k.raw_id
LEFT JOIN audit_content args ON args.id = k.arguments_id
LEFT JOIN audit_content result ON result.id = k.result_id
LEFT JOIN approvals_approvalrequest r ON r.id = k.request_id AND k.status IN ('awaiting', 'unknown')
WHERE k.session_id = ANY(%s){before} ORDER BY k.turn_id, k.index"""

_WHOLE = (_MESSAGES.format(before=""), _TURNS.format(before=""), _CALLS.format(before=""))
_UNTIL = (
    _MESSAGES.format(before=" AND m.index < %s"),
    _TURNS.format(before=" AND t.index < %s"),
    _CALLS.format(before=" AND k.turn_id IN (SELECT id FROM agents_turn t WHERE t.session_id = k.session_id AND t.index < %s)"),
)
Row = dict[str, Any]


def load(ids: Sequence[UUID], owner: str | None) -> list[State]:
    """Read sessions whole: those that `owner` holds the lease of, or with None only to look at them."""
    rows = read(_SESSION, [list(ids), owner, owner])
    return _states(rows, _WHOLE) if rows else []


def load_before(id_: UUID, index: int) -> State | None:
    """Read a session as it was before its item of this index; what it has spent, and all else on its row, is of now."""
    rows = read(_SESSION, [[id_], None, None])
    return _states(rows, _UNTIL, index)[0] if rows else None


def _states(rows: list[Row], statements: tuple[str, str, str], *more: int) -> list[State]:
    held = [[row["id"] for row in rows], *more]
    messages = _grouped(read(statements[0], held), "session_id")
    turns = _grouped(read(statements[1], held), "session_id")
    calls = _grouped(read(statements[2], held) if turns else [], "turn_id")
    return [_state(row, messages.get(row["id"], []), turns.get(row["id"], []), calls) for row in rows]


def _grouped(rows: Iterable[Row], key: str) -> dict[UUID, list[Row]]:
    groups: dict[UUID, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[key], []).append(row)
    return groups


def _state(row: Row, messages: list[Row], turns: list[Row], calls: dict[UUID, list[Row]]) -> State:
    config = agent_config(row["revision_id"])
    text, variables, parameters, version = prompt_version(row["prompt_version_id"])
    prompt = rendered(text, variables, row)
    items: list[Said | Pass] = [_said(message) for message in messages]
    items += [_turn(turn, calls.get(turn["id"], [])) for turn in turns]
    items.sort(key=lambda item: item.index)
    last = items[-1].index
    if goals := {message["id"] for message in messages if message["supersedes"]}:
        items = _with_goal(items, goals)
    row["notes"] = from_json(row["notes"])
    if row["notes"].get(HEARD) == KEPT:
        items[1:2] = [instead(item, f"S-{row['number']}") if isinstance(item, Said) else item for item in items[1:2]]
    others = (*row["notes"].get("authors", ()), *(message["author"] for message in messages))
    excluded = {row["started_user"], row["on_behalf_user"], *others}
    taken = ("id", "number", "agent", "environment", "task_type", "dry_run", "trace", "started_kind", "started_by", "started_user",
             "started_name", "on_behalf_of", "tenant", "feature", "priority", "lease_token", "step", "nudges", "attempts", "stop", "turns",
             "tool_calls", "input_tokens", "output_tokens", "cost_microusd", "active_ms", "consecutive_errors",
             "watched", "expired", "standing", "schema_version", "mode")  # fmt: skip
    if row["schema_version"] < VERSION:
        _bring_up(row, items)
    state = State(
        **{name: row[name] for name in taken},
        config=config, prompt=prompt, parameters=parameters, prompt_version=version, owner=row["lease_owner"] or "",
        excluded=tuple(sorted(user for user in excluded if user is not None)), items=items,
        stop_note=from_json(row["stop_note"]), notes=row["notes"], taint=from_json(row["taint"]),
        lifted=frozenset(from_json(row["lifted"]) or ()),
        asks_about_session=row["asks"], stored_mode=row["mode"], stored_waits=row["waits"],
        # Counted from the rows: a message that came meanwhile took a place of its own.
        next_index=last + 1,
    )  # fmt: skip
    for call in state.calls():
        state.remember(call)
    return state


def _with_goal(items: list[Said | Pass], goals: set[UUID]) -> list[Said | Pass]:
    """The items with the newest of the goals that people gave later where the first one stood; the others are gone."""
    said = [item for item in items if isinstance(item, Said) and item.id in goals]
    return [replace(said[-1], index=items[0].index), *(item for item in items[1:] if item not in said)]


def _said(row: Row) -> Said:
    covers = None if row["covers_to"] is None else (row["covers_from"], row["covers_to"])
    return Said(row["id"], row["index"], row["source"], row["trust"], row["text"], row["author_name"], covers)


def _bring_up(row: Row, items: list[Said | Pass]) -> None:
    """Give what an older version of the product stored the shapes of this one."""
    calls = {call.key: call for item in items if isinstance(item, Pass) for call in item.calls}
    stored = Shapes(row["notes"], from_json(row["taint"]), {key: call.judgement for key, call in calls.items()})
    shapes = upgraded(row["schema_version"], stored)
    row["notes"], row["taint"] = shapes.notes, shapes.taint
    for key, judgement in shapes.judgements.items():
        calls[key].judgement = judgement


def _turn(row: Row, calls: list[Row]) -> Pass:
    return Pass(row["id"], row["index"], row["number"], row["text"], [_call(call, row["number"]) for call in calls])


def _call(row: Row, turn: int) -> Call:
    taken = ("id", "index", "provider_id", "key", "tool", "status", "tier", "definition", "raw", "raw_id",
             "arguments", "arguments_id", "fingerprint", "repeat_of", "needs_approval", "request_id", "edited", "dry", "attempts",
             "result", "result_hash", "error_type", "trust", "span")  # fmt: skip
    return Call(
        **{name: row[name] for name in taken},
        turn=turn, judgement=from_json(row["judgement"]), sources=from_json(row["sources"]), request=_asked(row),
    )  # fmt: skip


def _asked(row: Row) -> Asked | None:
    if row["r_id"] is None:
        return None
    return Asked(
        id=row["r_id"],
        ref=f"AP-{row['r_number']}",
        status=row["r_status"],
        revision=row["r_revision"],
        digest=row["r_digest"],
        body=bytes(row["r_body"]),
        due=row["r_due"],
        held_s=row["r_held_s"],
        expired=row["r_expired"],
        required=row["r_required"],
    )


def from_json(value: Any) -> Any:
    """A jsonb column as a value."""
    # Django's connection hands jsonb over as text, so that its own field can decode it.
    return json.loads(value) if isinstance(value, str) else value


@lru_cache(maxsize=1024)
def agent_config(revision_id: UUID) -> AgentConfig:
    """The configuration document of an immutable revision."""
    return AgentConfig.model_validate(AgentRevision.objects.values_list("document", flat=True).get(pk=revision_id))


@lru_cache(maxsize=1024)
def prompt_version(version_id: UUID) -> tuple[str, dict[str, Any], dict[str, Any], str]:
    """Text, variables, model parameters and `slug version` of an immutable prompt version."""
    version = PromptVersion.objects.select_related("prompt").get(pk=version_id)
    return version.text, version.variables, version.parameters, f"{version.prompt.slug} {version.version}"
