"""Agents as documents with revisions: their tools, limits, prompts."""

import json
from collections.abc import Mapping
from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents import inlets, queries, schedules
from agents.config import Degradation, Limits, Loops
from agents.errors import UnknownAgent
from agents.models import Agent, AgentRevision
from agents.queries import live_versions
from agents.tools import registry
from agents.tools.definition import Tool
from approvals import policies, tiers
from approvals.queries import waiting_by_agent
from console.auth import caller_of
from console.formats import duration, grouped, microusd
from console.fragments import page
from console.rights import Right
from console.signs import private_lines
from console.views.guard import guard

STARTERS = 20  # schedules, and inlets, that an agent's page lists


@require_safe
@guard(Right.SEE)
def agents(request: HttpRequest) -> HttpResponse:
    """List the agents."""
    return page(request, "agents/list.html", _list)


@require_safe
@guard(Right.SEE)
def agent(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one agent: its tools, limits, prompt and revisions."""
    return page(request, "agents/page.html", lambda: _one(request, slug))


def _list() -> dict[str, Any]:
    live, busy = live_versions(), _busy()
    return {"nav": "agents", "items": [_line(row, live, busy) for row in queries.agents()]}


def _busy() -> dict[str, dict[str, int]]:
    running = Count("sessions", filter=Q(sessions__status__in=["queued", "running"]))
    waiting = Count("sessions", filter=Q(sessions__status__in=["waiting_approval", "paused"]))
    rows = Agent.objects.annotate(running=running, waiting=waiting).values("slug", "running", "waiting")
    return {row["slug"]: {"running": row["running"], "waiting": row["waiting"]} for row in rows}


def _line(row: AgentRevision, live: Mapping[str, str], busy: Mapping[str, dict[str, int]]) -> dict[str, Any]:
    document = row.document
    return {
        "slug": row.agent.slug,
        "url": reverse("agent", args=[row.agent.slug]),
        "environment": document["environment"],
        "model": document["model"],
        "prompt": prompt_link(document["prompt"], live),
        "tools": len(document.get("tools", [])),
        "sessions": busy.get(row.agent.slug, {"running": 0, "waiting": 0}),
        "revision": row.number,
        "updated_at": row.created_at,
    }


def prompt_link(slug: str, live: Mapping[str, str]) -> dict[str, str]:
    """Return how the live version of a prompt is linked to, or the prompt where none is live."""
    if slug not in live:
        return {"label": f"{slug}, no version is live", "url": reverse("prompt", args=[slug])}
    return {"label": f"{slug} {live[slug]}", "url": reverse("prompt-version", args=[slug, live[slug]])}


def _one(request: HttpRequest, slug: str) -> dict[str, Any]:
    rows = list(AgentRevision.objects.select_related("agent").filter(agent__slug=slug).order_by("-number")[:20])
    current = next((row for row in rows if row.current), None)
    if current is None:
        raise UnknownAgent(slug=slug)
    document = current.document
    line = _line(current, live_versions(), _busy())
    granted = [registry.get(name) for name in document["tools"]]
    known = tiers.settings()
    return {
        "nav": "agents",
        "agent": {**line, "description": document.get("description", ""), "updated_by": current.created_by},
        "facts": _facts(document, line),
        "prompt": line["prompt"],
        "tools": [tool_line(tool, known, document["task_types"]) for tool in granted if tool],
        "unknown": [name for name in document["tools"] if registry.get(name) is None],
        "task_types": [{"name": name, "scopes": scopes} for name, scopes in sorted(document["task_types"].items())],
        "limits": [*_limits(document["limits"]), *_loops(document.get("loops", {})), *private_lines(document)],
        "without": _without(document),
        "document": json.dumps(document, ensure_ascii=False),
        "starters": _starters(slug),
        "revisions": [
            {
                "number": row.number,
                "by": row.created_by,
                "at": row.created_at,
                "note": row.note,
                "url": reverse("agent-revision", args=[slug, row.number]),
            }
            for row in rows
        ],
        "may_start": caller_of(request).has(Right.RUN_SESSIONS),
        "may_stop": caller_of(request).has(Right.RESTRAIN),
    }


def _starters(slug: str) -> dict[str, Any]:
    """Return what gives the agent goals by itself."""
    clocks, inlets_ = schedules.schedules(STARTERS + 1, agent=slug), inlets.inlets(STARTERS + 1, agent=slug)
    rows = [
        {
            "name": row.name,
            "status": row.status,
            "url": reverse("schedule", args=[row.name]),
            "next_at": row.next_at,
            "icon": "clock",
        }
        for row in clocks[:STARTERS]
    ]
    rows += [
        {"name": row.name, "status": row.status, "url": reverse("inlet", args=[row.name]), "next_at": None, "icon": "inbox"}
        for row in inlets_[:STARTERS]
    ]
    return {"rows": rows, "more": len(clocks) > STARTERS or len(inlets_) > STARTERS}


def _open(slug: str) -> str:
    """Return how many requests of an agent wait for people, and how many may."""
    return f"{grouped(waiting_by_agent().get(slug, 0))} of {grouped(policies.current().policy.asking.open_per_agent)}"


def _facts(document: Mapping[str, Any], line: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {"label": "Model", "value": document["model"]},
        {"label": "Answers", "value": "Once" if document.get("single_turn") else "As a conversation"},
        {"label": "Running", "value": str(line["sessions"]["running"])},
        {"label": "Waiting", "value": str(line["sessions"]["waiting"])},
        {"label": "Requests open", "value": _open(line["slug"])},
    ]


def _limits(limits: Mapping[str, Any]) -> list[dict[str, str]]:
    given = ((name, limits.get(name)) for name in Limits.model_fields)
    return [{"label": label(name), "value": amount(name, value)} for name, value in given if value is not None]


def _loops(given: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return after how much repetition an agent counts as going in circles."""
    loops = Loops(**given)
    return [
        {"label": "Same call in a row", "value": grouped(loops.same_call)},
        {"label": "Same calls over and over", "value": f"{grouped(loops.cycles)} times"},
        {"label": "Turns with nothing new", "value": grouped(loops.nothing_new)},
    ]


def _without(document: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return what the agent does where its model or a tool cannot be had."""
    rule = Degradation(**document.get("degradation", {}))
    tiers_ = ", ".join(tier.replace("_", " ") for tier in rule.suspended_tiers)
    suspended = f"{tiers_}: {'denied' if rule.suspended_calls == 'deny' else 'a person is asked'}" if tiers_ else "nothing"
    queued = f"Sessions wait, {duration(rule.queue_s * 1000)} at most"
    return [
        {"label": "Models asked instead", "value": ", ".join(document.get("fallbacks", ())) or "none"},
        {"label": "Without any model", "value": queued if rule.when_no_model == "queue" else "Sessions end at once"},
        {"label": "Tools that fail", "value": "Left out, and the model is told" if rule.drop_tools else "Offered all the same"},
        {"label": "Suspended meanwhile", "value": suspended},
    ]


def label(name: str) -> str:
    """Write the name of a limit as words."""
    bare = name.removesuffix("_microusd").removesuffix("_s").replace("ttl", "time to live")
    return bare.replace("_", " ").capitalize()


def amount(name: str, value: int) -> str:
    """Write the value of a limit with its unit."""
    if name.endswith("_microusd"):
        return microusd(value)
    return duration(value * 1000) if name.endswith("_s") else grouped(value)


def tool_line(
    tool: Tool, known: Mapping[str, tiers.Setting], task_types: Mapping[str, list[str]] | None = None
) -> dict[str, Any]:
    """Return what a list says of a tool."""
    tier, enabled = tiers.effective(tool.name, tool.tier, known)
    granted = [name for name, scopes in sorted((task_types or {}).items()) if tool.scopes <= set(scopes)]
    return {
        "name": tool.name,
        "description": tool.description,
        "tier": tier,
        "tier_raised": tier != tool.tier,
        "egress": tool.egress,
        "enabled": enabled,
        "granted_for": [] if granted == sorted(task_types or {}) else granted,
        "scopes": sorted(tool.scopes),
        "summary": tool.summary,
        "definition": tool.definition,
    }
