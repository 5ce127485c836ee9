"""What monitoring is told of the last five minutes: answers of models, their time and cost, calls of tools, ended sessions.

A fixed number of statements over what lies in the order of its making, so that no more than these minutes is read. Of agents
and tools the busiest are named.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agents.dead_letters import CATEGORIES
from agents.lifecycle import TOOL_CALL
from audit.connection import read_together
from audit.events import EventKind
from audit.metric import RECENT, Metric, by

MOST = 50  # agents, and tools
QUANTILES = ("0.5", "0.95", "0.99")
ENDS = {
    "completed": EventKind.SESSION_COMPLETED,
    "halted": EventKind.SESSION_HALTED,
    "failed": EventKind.SESSION_FAILED,
    "dead_letter": EventKind.SESSION_DEAD_LETTERED,
    "cancelled": EventKind.SESSION_CANCELLED,
    "expired": EventKind.SESSION_EXPIRED,
}
# A use is a question that became no turn: it cost, but nobody waited for an answer of its own.
_ANSWERS = """
SELECT a.slug AS agent, count(u.ms) AS answers, percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY u.ms) AS ms,
       sum(u.input_tokens)::bigint AS input, sum(u.output_tokens)::bigint AS output, sum(u.cost_microusd)::bigint AS cost
FROM (
    SELECT session_id, duration_ms AS ms, input_tokens, output_tokens, cost_microusd FROM agents_turn
    WHERE created_at > now() - %s
    UNION ALL
    SELECT session_id, NULL, input_tokens, output_tokens, cost_microusd FROM agents_modeluse WHERE created_at > now() - %s
) u JOIN agents_session s ON s.id = u.session_id JOIN agents_agent a ON a.id = s.agent_id
GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT %s"""
_CALLS = "SELECT status, count(*) AS calls FROM agents_toolcall WHERE created_at > now() - %s GROUP BY 1"
_TOOLS = """
SELECT tool, percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY duration_ms) AS ms
FROM agents_toolcall WHERE created_at > now() - %s AND duration_ms IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT %s"""
# Entries of a kind are found by their ids, which grow with time.
_ENDED = """
SELECT kind, body_json -> 'facts' -> 'error' ->> 'category' AS category, count(*) AS sessions FROM audit_entry
WHERE kind = ANY(%s) AND id >= (SELECT id FROM audit_entry WHERE at > now() - %s ORDER BY at LIMIT 1) GROUP BY 1, 2"""

Row = Mapping[str, Any]


def metrics() -> Sequence[Metric]:
    """Read the last five minutes."""
    answers, calls, tools, ended = read_together(
        (_ANSWERS, [RECENT, RECENT, MOST]),
        (_CALLS, [RECENT]),
        (_TOOLS, [RECENT, MOST]),
        (_ENDED, [[kind.value for kind in ENDS.values()], RECENT]),
    )
    made = {row["status"]: float(row["calls"]) for row in calls}
    return [
        *_answers(answers),
        by("recent_calls", "Calls of tools proposed within five minutes, by their status now.", "status", sorted(TOOL_CALL.states), made),
        Metric("recent_call_seconds", "How long calls of a tool ran that were proposed within five minutes.",
               ("tool", "quantile"), _times(tools, "tool")),
        *_ended(ended),
    ]  # fmt: skip


def _answers(rows: Sequence[Row]) -> list[Metric]:
    tokens: dict[tuple[str, ...], float] = {(row["agent"], way): float(row[way]) for row in rows for way in ("input", "output")}
    answered = [row for row in rows if row["answers"]]
    return [
        Metric("recent_answers", "Answers of models within five minutes, by agent.", ("agent",),
               {(row["agent"],): float(row["answers"]) for row in rows}),
        Metric("recent_answer_seconds", "How long answers of models took that came within five minutes, by agent.",
               ("agent", "quantile"), _times(answered, "agent")),
        Metric("recent_tokens", "Tokens that models read and wrote within five minutes, by agent.", ("agent", "way"), tokens),
        Metric("recent_cost_microusd", "What models cost within five minutes, by agent, in micro-dollars.", ("agent",),
               {(row["agent"],): float(row["cost"]) for row in rows}),
    ]  # fmt: skip


def _times(rows: Sequence[Row], name: str) -> dict[tuple[str, ...], float]:
    return {(row[name], quantile): float(ms) / 1000 for row in rows for quantile, ms in zip(QUANTILES, row["ms"], strict=True)}


def _ended(rows: Sequence[Row]) -> list[Metric]:
    names = {kind.value: name for name, kind in ENDS.items()}
    ends: dict[str, float] = {}
    errors: dict[str, float] = {}
    for row in rows:
        ends[names[row["kind"]]] = ends.get(names[row["kind"]], 0.0) + row["sessions"]
        if row["category"]:
            errors[row["category"]] = errors.get(row["category"], 0.0) + row["sessions"]
    return [
        by("recent_ended_sessions", "Sessions that ended within five minutes, by how.", "status", tuple(ENDS), ends),
        by("recent_session_errors", "Sessions that an error ended within five minutes, by its category.", "category", CATEGORIES,
           errors),
    ]  # fmt: skip
