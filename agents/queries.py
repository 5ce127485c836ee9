"""Reads for pages and API: lists by keyset, one session's steps, agents with their tools, prompts with their versions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q, QuerySet

from agents.config import AgentConfig
from agents.errors import Stopped
from agents.guardrails.stops import ActiveStop, Stops
from agents.models import AgentRevision, Message, Prompt, Release, Session, Stop, ToolCall
from agents.prompts.recalls import Recalled
from agents.waits import waiting
from approvals.measures import RULE_NAME
from audit.connection import read

LIVE = ("queued", "running", "waiting_approval", "waiting_input", "paused")
STEPS = 12
_ACTIVE = """
SELECT id, scope, kind, reason, pressed_name AS by, pressed_at AS at FROM agents_stop WHERE status = 'active'
ORDER BY array_position(ARRAY['all', 'agent', 'tool', 'session'], kind), pressed_at, id"""
_RECALLED = """
SELECT p.slug || ' ' || v.version AS version, c.to_id AS to_id, p.slug || ' ' || w.version AS "to", c.running, c.reason,
       c.recalled_by AS by
FROM agents_recall c JOIN agents_promptversion v ON v.id = c.version_id JOIN agents_prompt p ON p.id = v.prompt_id
JOIN agents_promptversion w ON w.id = c.to_id WHERE c.status = 'open'"""
_REF = re.compile(r"(?:S-)?([0-9]{1,18})", re.IGNORECASE)
ICONS = {"invalid": "circle-x", "denied": "circle-x", "rejected": "circle-x", "failed": "circle-x", "unknown": "triangle-alert"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the list of sessions is narrowed to; empty means: no matter."""

    status: Sequence[str] = ()
    agent: str = ""
    started_by: str = ""
    mode: str = ""
    waits: str = ""  # people, or one of `agents.waits.KINDS`
    q: str = ""
    titles: bool = True  # whether `q` looks into titles too: they are goals in short, which not everybody may read


def live_count() -> int:
    """How many sessions are running or resting."""
    return Session.objects.filter(status__in=LIVE).count()


def sessions(filters: Filters, *, before: int | None = None, limit: int = 50) -> list[Session]:
    """One page of sessions, newest first; `before` is the number of the last one seen."""
    rows: QuerySet[Session] = Session.objects.select_related("agent", "prompt_version__prompt").order_by("-number")
    rows = rows.defer("prompt_version__text")  # it may be long, and no list shows it
    if before is not None:
        rows = rows.filter(number__lt=before)
    if filters.status:
        rows = rows.filter(status__in=filters.status)
    if filters.agent:
        rows = rows.filter(agent__slug=filters.agent)
    if filters.started_by:
        rows = rows.filter(started_by=filters.started_by)
    if filters.mode:
        rows = rows.filter(mode__isnull=True) if filters.mode == "full" else rows.filter(mode=filters.mode)
    if filters.waits:
        rows = rows.filter(waiting(filters.waits))
    if filters.q:
        rows = rows.filter(_says(filters))
    return list(rows[:limit])


def _says(filters: Filters) -> Q:
    found = Q(started_name__icontains=filters.q)
    if filters.titles:
        found |= Q(title__icontains=filters.q)
    if match := _REF.fullmatch(filters.q.strip()):
        found |= Q(number=int(match[1]))
    return found


def steps_of(session_id: UUID | None) -> list[dict[str, Any]]:
    """The newest steps of a session in order, short, for the side of an approval: no raw content in it."""
    if session_id is None:
        return []
    steps = [
        {"icon": "mail" if message.trust == "untrusted" else "activity", "label": _said(message), "note": message.author_name,
         "at": message.created_at, "tone": "warn" if message.trust == "untrusted" else ""}
        for message in Message.objects.filter(session_id=session_id).order_by("-index")[:STEPS]
    ]  # fmt: skip
    steps += [
        _call_step(call) for call in ToolCall.objects.filter(session_id=session_id).order_by("-created_at", "-index")[:STEPS]
    ]
    steps.sort(key=lambda step: step["at"])
    return steps[-STEPS:]


def _said(message: Message) -> str:
    if message.index == 0:
        return "Goal"
    if message.covers_to is not None:
        return "Summary of earlier steps"
    return "Message" if message.source == "user" else "Note of the system"


def _call_step(call: ToolCall) -> dict[str, Any]:
    waits = call.status in ("awaiting", "unknown")
    sources = ", ".join(source.get("title") or source.get("source", "") for source in call.sources)
    note = "Waits for a decision" if waits else f"Untrusted: {sources}" if sources else call.status.replace("_", " ")
    tone = "now" if waits else "warn" if call.trust == "untrusted" else ""
    return {
        "icon": "pause" if waits else ICONS.get(call.status, "wrench"),
        "label": call.tool,
        "note": note,
        "at": call.created_at,
        "tone": tone,
    }


def agents() -> list[AgentRevision]:
    """The current revision of every agent, by slug."""
    return list(AgentRevision.objects.filter(current=True).select_related("agent").order_by("agent__slug"))


def agent(slug: str) -> AgentRevision | None:
    """The current revision of one agent."""
    return AgentRevision.objects.filter(current=True, agent__slug=slug).select_related("agent").first()


def config_of(revision: AgentRevision) -> AgentConfig:
    """The revision's document."""
    return AgentConfig.model_validate(revision.document)


def live_versions(slugs: Sequence[str] | None = None) -> dict[str, str]:
    """The version of every prompt, or of these, that most of its sessions start with, by slug."""
    rows = Release.objects.filter(ended_at__isnull=True).order_by("share", "-id")
    if slugs is not None:
        rows = rows.filter(prompt__slug__in=slugs)
    return dict(rows.values_list("prompt__slug", "version__version"))


def prompts() -> list[Prompt]:
    """Every prompt, by slug, with its versions."""
    return list(Prompt.objects.prefetch_related("versions").order_by("slug"))


def live_by_agent() -> dict[str, int]:
    """How many sessions are running or resting, by agent."""
    rows = Session.objects.filter(status__in=LIVE).order_by().values_list("agent__slug").annotate(count=Count("id"))
    return dict(rows)


def active_stops() -> Stops:
    """What the kill switch holds, as the database has it now; the widest first."""
    return Stops(tuple(ActiveStop(**row) for row in read(_ACTIVE)))


def recalled() -> dict[str, Recalled]:
    """The prompt versions that were rolled back and that no session goes on with, by `slug version`."""
    return {row["version"]: Recalled(**row) for row in read(_RECALLED)}


def stop_of(session: Session, stops: Stops) -> ActiveStop | None:
    """The stop that a session waits for; what has ended waits for none."""
    return None if session.ended else stops.holding(session.agent.slug, session.ref, session.held_by)


def stops(limit: int, *, before: UUID | None = None, active: bool = False) -> list[Stop]:
    """Presses of the kill switch, the newest first: `before` is the last one seen, `active` leaves out what was lifted."""
    rows = Stop.objects.order_by("-id")
    if active:
        rows = rows.filter(status="active")
    if before is not None:
        rows = rows.filter(id__lt=before)
    return list(rows[:limit])


def refuse_stopped(agent: str) -> None:
    """Raise Stopped where the kill switch holds every session of the agent: a new one would only wait unseen."""
    stop = active_stops().of_agent(agent)
    if stop is not None:
        raise Stopped(what=stop.what[0].lower() + stop.what[1:], by=stop.by, reason=stop.reason.rstrip("."))


def refused_by_reason(days: int) -> dict[tuple[str, str], int]:
    """Return how many calls of the last days policy refused, by the reason's code and the rule's name, else nothing."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT reason ->> 'code', {RULE_NAME}, count(*)"  # noqa: S608  a constant
            " FROM agents_toolcall CROSS JOIN LATERAL jsonb_array_elements(judgement -> 'reasons') reason"
            " WHERE created_at >= now() - make_interval(days => %s) AND judgement ->> 'verdict' = 'deny' GROUP BY 1, 2",
            [days],
        )
        return {(code, name): count for code, name, count in cursor.fetchall()}
