"""What a session looks like over the API. Many at once cost a fixed number of queries."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, cast
from uuid import UUID

from django.db.models import Q

from agents.guardrails.inputs import MAX_GOAL
from agents.guardrails.stops import ActiveStop
from agents.models import Message, Session
from agents.queries import active_stops, stop_of
from agents.starting import accepted
from agents.waits import Wait, waits_of
from approvals.models import ApprovalRequest
from approvals.sensitive import Mask
from audit.content import read_texts
from console.api.answers import Answer
from console.auth import Caller
from console.covering import masks_of
from console.readings import note_reading
from console.revealing import marks_of, revealed_sessions, title_of

Status = Literal[
    "queued", "running", "waiting_approval", "waiting_input", "paused", "completed", "halted", "failed", "cancelled",
    "expired", "dead_letter",
]  # fmt: skip
Mode = Literal["full", "degraded", "minimal"]
Waits = Literal["money", "rate", "model", "tool"]
NOTHING = Mask()
_PLAIN = (
    "status", "environment", "task_type", "turns", "tool_calls", "input_tokens", "output_tokens",
    "cost_microusd", "on_behalf_of", "tenant", "feature", "dry_run", "created_at", "updated_at", "ended_at",
    "expires_at",
)  # fmt: skip


class SessionError(Answer):
    """Why a session ended without its answer."""

    category: str
    code: str
    detail: str


class StoppedBy(Answer):
    """The stop that holds a session."""

    scope: str
    by: str
    reason: str
    at: datetime


class WaitOut(Answer):
    """What keeps a session that nobody decides, and since when; it looks again at `until`, or waits in its worker (null)."""

    waits: Waits
    since: datetime
    until: datetime | None


class SessionOut(Answer):
    """A session. Goal and answers are null for those who may not read raw content; `stopped` tells what holds it.

    `waits` is null where neither money, a rate, a model nor a tool keeps it.
    `mode` is full, degraded (a fallback answered, or tools were left out) or minimal (no model could be had).
    `uuid` is what shares of a prompt's traffic are worked out from.
    """

    id: str
    uuid: UUID
    agent: str
    title: str
    goal: str | None
    status: Status
    mode: Mode
    stopped: StoppedBy | None
    waits: WaitOut | None
    environment: str
    task_type: str
    answer: str | None
    partial_answer: str | None
    error: SessionError | None
    turns: int
    tool_calls: int
    input_tokens: int
    output_tokens: int
    cost_microusd: int
    prompt_version: str
    taint: list[dict[str, Any]]
    pending_approvals: list[str]
    started_by: str
    on_behalf_of: str
    tenant: str
    feature: str
    dry_run: bool
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    expires_at: datetime


def shape(caller: Caller, session: Session) -> SessionOut:
    """Return one session as `caller` may see it."""
    return shapes(caller, [session])[0]


def shape_of_new(caller: Caller, session: Session, goal: str) -> SessionOut:
    """Return a session that was started a moment ago: nobody answered or stopped it, nothing waits, nothing is covered.

    `goal` is what was sent; it is shown as it was stored.
    """
    open_ = session.id in revealed_sessions(caller, {session.id: session.started_user})
    stored = accepted("goal", goal, MAX_GOAL).text if open_ else None
    return _shape(session, stored, None, [], None, None, open_, NOTHING)


def shapes(caller: Caller, sessions: Sequence[Session]) -> list[SessionOut]:
    """Return sessions, read with their agent and prompt version, as `caller` may see them."""
    ids = [session.id for session in sessions]
    open_ids = revealed_sessions(caller, {session.id: session.started_user for session in sessions})
    foreign = [one.ref for one in sessions if one.id in open_ids and one.started_user != caller.user_id]
    note_reading(caller, foreign if len(sessions) == 1 else ["sessions"] if foreign else [])
    said = Message.objects.filter(Q(index=0) | Q(supersedes__isnull=False), session_id__in=open_ids).order_by("index")
    goals = dict(said.values_list("session_id", "text_id"))
    answers = {session.id: session.answer_id for session in sessions if session.id in open_ids and session.answer_id}
    texts = read_texts([*goals.values(), *answers.values()])
    masks = masks_of(open_ids)
    waiting: dict[UUID, list[str]] = defaultdict(list)
    rows = ApprovalRequest.objects.filter(session_id__in=ids, status__in=("pending", "held")).order_by("number")
    for session_id, number in rows.values_list("session_id", "number"):
        if session_id is not None:
            waiting[session_id].append(f"AP-{number}")

    standing, kept = active_stops(), waits_of(sessions)

    def text(found: Mapping[UUID, UUID], session: Session) -> str | None:
        said = texts.get(found[session.id]) if session.id in found else None
        return masks[session.id].text(said) if said and session.id in masks else said

    return [
        _shape(
            one,
            text(goals, one),
            text(answers, one),
            waiting[one.id],
            stop_of(one, standing),
            kept.get(one.id),
            one.id in open_ids,
            masks.get(one.id, NOTHING),
        )
        for one in sessions
    ]


def _shape(
    session: Session, goal: str | None, answer: str | None, waiting: list[str], stop: ActiveStop | None, wait: Wait | None,
    open_: bool, mask: Mask,
) -> SessionOut:  # fmt: skip
    return SessionOut(
        id=session.ref,
        uuid=session.id,
        agent=session.agent.slug,
        mode=cast(Mode, session.mode or "full"),
        title=mask.text(title_of(session, revealed=open_)),
        taint=mask.value(marks_of(session.taint, revealed=open_)),
        goal=goal,
        stopped=StoppedBy(scope=stop.scope, by=stop.by, reason=stop.reason, at=stop.at) if stop else None,
        waits=WaitOut(waits=wait.kind, since=wait.since, until=wait.until) if wait else None,
        answer=None if session.partial else answer,
        partial_answer=answer if session.partial else None,
        error=SessionError(**_error(session.error)) if session.error else None,
        prompt_version=session.prompt_version.version,
        pending_approvals=waiting,
        started_by=session.started_name,
        **{name: getattr(session, name) for name in _PLAIN},
    )


def _error(stored: dict[str, Any]) -> dict[str, str]:
    return {name: str(stored.get(name, "")) for name in ("category", "code", "detail")}
