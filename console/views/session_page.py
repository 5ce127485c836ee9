"""The page of one session: what it is, what it spent, what it waits for, and its story from the chosen side."""

import json
import uuid
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from agents.advice import title
from agents.models import Message, Session
from agents.queries import active_stops, agent, stop_of
from agents.services import get_session
from agents.tools import registry
from agents.versions import VERSION
from approvals.models import ApprovalRequest
from approvals.sensitive import Mask
from audit import queries
from audit.content import read_texts
from audit.events import EventKind
from audit.queries import EntryFilter
from console.auth import Caller, caller_of
from console.formats import duration, grouped, microusd
from console.reach import webhooks
from console.revealing import marks_of, reveals_session, summary_of, title_of
from console.rights import Right
from console.signs import counted
from console.views.approval_item import url_of as request_url
from console.views.approval_standing import of_session
from console.views.filters import choice, numbered
from console.views.life import session_case
from console.views.session_reads import Story, ended, story
from console.views.session_refusals import unasked
from console.views.session_story import link, messages, waterfall
from console.views.session_stuck import choices
from console.views.session_waits import callout, spans

VIEWS = ("messages", "waterfall", "events")
EVENTS = 200
DOCS = {kind.value: kind.doc for kind in EventKind}
ENDED = "The session has ended. Start a new one to go on."
NEWER = "Version {}: a newer version of Countersign wrote it, and only its workers run it."
KEPT = "The session failed for good. Operators and admins can replay it."
NOT_YOURS = "Your role looks at sessions and does not write in them."


def context(request: HttpRequest, ref: str) -> dict[str, Any]:
    """Return the context of the page. Raises UnknownSession."""
    caller = caller_of(request)
    row, (view, wrong) = get_session(ref), choice(request.GET, "view", VIEWS, VIEWS[0])
    reveal = reveals_session(caller, session_id=row.pk, started_user=row.started_user)
    told = story(row, content=reveal)
    goals = [message for message in told.messages if message.index == 0 or message.supersedes]
    goal = told.text(goals[-1].text_id) if goals else ""
    return {
        "nav": "sessions",
        "view": view,
        "left_out": wrong,
        "session": _session(row, reveal, told.mask),
        "goal": goal if len(goal) > len(row.title) else "",
        "goal_typed": _to_edit(row, goals[-1], goal) if goals and row.status == "dead_letter" else "",
        "facts": _facts(row),
        "details": _details(row),
        "answer": told.text(row.answer_id),
        "partial": row.partial,
        "pending": [_pending(waiting, reveal) for waiting in told.requests if waiting.status == "pending"],
        "unasked": unasked(told, caller),
        "stuck": choices(row, told.requests, caller),
        "waits": callout(row, told, caller),
        "may": _may(caller, row),
        "standing": of_session(row, caller),
        "message_refusal": KEPT if row.status == "dead_letter" else ENDED if ended(row) else NOT_YOURS,
        "replay_url": reverse("session-replay", args=[row.ref]) if told.turns else "",
        "as_now": _as_now(row),
        "webhooks": webhooks.of_session(row.ref) if row.webhook_url else (),
        "case": session_case(row, caller),
        "key": uuid.uuid4().hex,
        "reads": (row.ref,) if reveal and row.started_user != caller.user_id else (),
        **_side(request, told, view, caller, reveal),
    }


def _to_edit(row: Session, message: Message, shown: str) -> str:
    """Return the goal for the field in which it can be changed; nothing where a part of it is covered, or it may not be read."""
    return shown if shown and read_texts([message.text_id]).get(message.text_id) == shown else ""


def _side(request: HttpRequest, told: Story, view: str, caller: Caller, reveal: bool) -> dict[str, Any]:
    span = request.GET.get("span", "")[:20]
    if view == "waterfall":
        address = f"{reverse('session', args=[told.session.ref])}?view=waterfall"
        return {**waterfall(told, span, address), "span": chosen(told, span, reveal), "more_url": ""}
    if view == "events":
        return _events(request, told.session, caller)
    return {"conversation": messages(told, hidden=not reveal)}


def _session(row: Session, reveal: bool, mask: Mask) -> dict[str, Any]:
    copied = (
        "ref", "status", "environment", "started_name", "on_behalf_of", "created_at", "ended_at", "dry_run",
        "task_type", "error", "trace", "tenant", "mode",
    )  # fmt: skip
    return {
        **{name: getattr(row, name) for name in copied},
        "title": mask.text(title_of(row, revealed=reveal)),
        "taint": mask.value(marks_of(row.taint, revealed=reveal)),
        "url": reverse("session", args=[row.ref]),
        "agent": row.agent.slug,
        "agent_url": reverse("agent", args=[row.agent.slug]),
        "ended": ended(row),
        "error_title": title(row.error["code"]) if row.error else "",
        "stopped": stop_of(row, active_stops()),
    }


def _facts(row: Session) -> list[dict[str, str]]:
    limits = row.revision.document.get("limits", {})
    cap = limits.get("cost_microusd", 0) + row.notes.get("allowance", {}).get("cost_microusd", 0)
    cost = f"{microusd(row.cost_microusd)} of {microusd(cap)}" if cap else microusd(row.cost_microusd)
    tokens = row.input_tokens + row.output_tokens
    return [
        {"label": "Model calls", "value": str(row.turns)},
        {"label": "Tool calls", "value": str(row.tool_calls)},
        {
            "label": "Tokens",
            "value": grouped(tokens),
            "title": f"{grouped(row.input_tokens)} in, {grouped(row.output_tokens)} out",
        },
        {"label": "Cost", "value": cost},
        {"label": "Working time", "value": duration(row.active_ms)},
    ]


def _details(row: Session) -> list[dict[str, Any]]:
    version = row.prompt_version
    slug = version.prompt.slug
    lines: list[dict[str, Any]] = [
        {
            "label": "Agent",
            "value": f"{row.agent.slug}, revision {row.revision.number}",
            "href": reverse("agent", args=[row.agent.slug]),
        },
        {
            "label": "Prompt",
            "value": f"{slug} {version.version}",
            "href": reverse("prompt-version", args=[slug, version.version]),
        },
        {"label": "Environment", "value": row.environment},
        {"label": "Task type", "value": row.task_type},
        {"label": "On behalf of", "value": row.on_behalf_of},
        {"label": "Tenant", "value": row.tenant},
        {"label": "Feature", "value": row.feature},
        {"label": "Priority", "value": (row.priority or "").capitalize()},
        {
            "label": "Memory",
            "value": "What it saved for itself",
            "href": f"{reverse('memories')}?scope=session&owner={row.ref}",
        },
        {"label": "Trace", "value": row.trace, "mono": True},
        {"label": "Taken out of answers", "value": counted(row.notes.get("removed", {}))},
        {"label": "References for models", "value": counted(row.notes.get("scrubbed", {}))},
        {"label": "Stored state", "value": NEWER.format(row.schema_version) if row.schema_version > VERSION else ""},
    ]
    return [line for line in lines if line["value"]]


def _as_now(row: Session) -> str:
    """Return what a dead letter would be replayed with, were it not for what it was started with; empty for any other."""
    current = agent(row.agent.slug) if row.status == "dead_letter" else None
    return f"revision {current.number}, {current.document['model']}" if current else ""


def _pending(row: ApprovalRequest, reveal: bool) -> dict[str, Any]:
    return {"ref": row.ref, "url": request_url(row.ref), "summary": summary_of(row, revealed=reveal), "risk": row.risk}


def _may(caller: Caller, row: Session) -> dict[str, bool]:
    live, directs = not ended(row), caller.has(Right.DIRECT_SESSIONS)
    runs = caller.has(Right.RUN_SESSIONS)
    return {
        "message": live and runs,
        "cancel": live and runs and (directs or row.started_user == caller.user_id),
        "pause": live and directs and row.status != "paused",
        "resume": live and directs and row.status == "paused",
        "stop": live and caller.has(Right.RESTRAIN),
        "send": caller.has(Right.RESTRAIN),
        "replay": row.status == "dead_letter" and caller.has(Right.RESTRAIN),
    }


def _events(request: HttpRequest, row: Session, caller: Caller) -> dict[str, Any]:
    before = numbered(request.GET, "before")
    found = queries.entries(EntryFilter(stream=f"session:{row.ref}"), before=before, limit=EVENTS)
    linked = caller.has(Right.READ_AUDIT)
    older = f"{reverse('session', args=[row.ref])}?view=events&before={found.next}" if found.next else ""
    return {
        "events": [
            {"n": entry.log_index or entry.seq, "at": entry.at, "kind": entry.kind, "doc": DOCS.get(entry.kind, ""),
             "actor": entry.actor.name, "url": reverse("audit-entry", args=[entry.log_index]) if linked and entry.log_index else ""}
            for entry in found.items
        ],
        "events_older": older,
        "events_count": found.items[0].seq if found.items else 0,
    }  # fmt: skip


def chosen(told: Story, span: str, reveal: bool) -> dict[str, Any] | None:
    """Return the span that is open beside the waterfall: a turn or a tool call; None if none is."""
    for turn in told.turns:
        if span == f"t{turn.number}":
            rows = [
                ("Model", turn.model), ("Finished by", turn.finish_reason), ("Tokens in", grouped(turn.input_tokens)),
                ("Tokens out", grouped(turn.output_tokens)), ("Cost", microusd(turn.cost_microusd)), ("Took", duration(turn.duration_ms)),
                ("Retries", str(turn.retries)), ("Left out of the context", str(turn.omitted)),
            ]  # fmt: skip
            return {"name": f"Turn {turn.number}", "note": told.text(turn.text_id)[:600], "rows": _kv(rows)}
    for wait in spans(told):
        if span == wait["id"]:
            return {"name": wait["name"], "note": wait["reason"], "rows": []}
    for call in told.calls:
        number = next((turn.number for turn in told.turns if turn.pk == call.turn_id), 0)
        if span in (f"c{number}.{call.index}", f"w{number}.{call.index}"):
            judged = "; ".join(reason["text"] for reason in call.judgement.get("reasons", []))
            rows = [("Status", call.status.replace("_", " ")), ("Key", call.key), ("Attempts", str(call.attempts)),
                    ("Took", duration(call.duration_ms) if call.duration_ms is not None else ""), ("Policy", judged),
                    ("Error", call.error_type), ("Result, SHA-256", call.result_hash)]  # fmt: skip
            tool = registry.get(call.tool)
            return {
                "name": call.tool, "note": tool.description if tool else "", "risk": call.judgement.get("risk"), "tier": call.tier,
                "arguments": _json(told.text(call.arguments_id) or told.text(call.raw_id)) if reveal else "",
                "result": _json(told.text(call.result_id)) if reveal else "",
                "rows": _kv(rows), "request": link(told.request_of(call)),
            }  # fmt: skip
    return None


def _kv(rows: list[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"label": label, "value": value} for label, value in rows if value]


def _json(text: str) -> str:
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except ValueError:
        return text
