"""What bounds the load: rates of models and providers, who waits for a place in them, the queue, tools; and limiting them."""

from collections import Counter
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from agents import limiting, loads, queries
from agents.limiting import FIELDS, Bounds
from agents.llm.connect import addresses
from agents.models import Limit
from agents.tools import registry, slots
from audit.errors import CountersignError
from console.auth import caller_of
from console.forms import SetLimit
from console.fragments import page
from console.rights import Right
from console.views.guard import guard

TEMPLATE = "limits/page.html"
LABELS = {
    "model": {"requests": "Questions a minute", "tokens": "Tokens a minute"},
    "provider": {"requests": "Questions a minute", "tokens": "Tokens a minute"},
    "tool": {"requests": "Starts a minute", "at_once": "Calls at once"},
    "queue": {"at_once": "Sessions in the queue"},
}
NEARLY = 0.95  # of a limit: it is used up
NOTES = {
    "model": "All workers share it, fairly between agents, then sessions. Whoever waits for long gives its session back meanwhile.",
    "provider": "Of all its models together, over all workers; a question has to fit the limit of its model and that of all models too.",
    "tool": "Over all workers. A call waits within the tool's own time, then the agent is told. Empty: as the tool declares.",
    "queue": "Further sessions are refused with a clear message until the queue is shorter.",
}


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.SEE)
def limits(request: HttpRequest) -> HttpResponse:
    """Show what is limited and how much of it is used; with a scope the form that sets it. POST sets."""
    if request.method != "POST":
        return page(request, TEMPLATE, lambda: _context(request, request.GET.get("scope", "").strip()))
    caller = caller_of(request)
    caller.check(Right.RESTRAIN)
    form, scope = SetLimit(request.POST), request.POST.get("scope", "").strip()
    if form.is_valid():
        said = form.cleaned_data
        bounds = Bounds(said["requests"], said["tokens"], said["at_once"])
        try:
            limiting.set_limit(
                scope=scope, bounds=bounds, reason=said["reason"], revision=said["revision"],
                person=caller.person(), actor=caller.actor(),
            )  # fmt: skip
        except CountersignError as error:
            form.add_error(_field(error), error.detail)
        else:
            messages.success(request, f"Set for {name_of(scope)}. It holds on every worker within a second.")
            return redirect("limits")
    return page(
        request, TEMPLATE, lambda: _context(request, scope, {**form.errors, "form": form.non_field_errors()}), status=422
    )


def _field(error: CountersignError) -> str | None:
    field = str(error.facts.get("field", ""))
    return field if field in SetLimit.base_fields and field != "revision" else None


def name_of(scope: str) -> str:
    """Return what people call a scope."""
    kind, _, target = scope.partition(":")
    return target or {"model": "all models", "queue": "all agents"}.get(kind, scope)


def _context(request: HttpRequest, scope: str, errors: Any = None) -> dict[str, Any]:
    may = caller_of(request).has(Right.RESTRAIN)
    set_, used, waiting = {row.scope: row for row in loads.limits()}, loads.uses(), loads.waiting()
    asked: Counter[str] = Counter()
    for line in waiting:
        for scope_ in ("model:", f"model:{line.model}", f"provider:{line.provider}"):
            asked[scope_] += line.questions
    agents = [(revision.agent.slug, queries.config_of(revision)) for revision in queries.agents()]
    names = {name for _, config in agents for name in (config.model, config.cheap_model, *config.fallbacks) if name}
    models = [
        "model:",
        *sorted({f"model:{name}" for name in names} | {s for s in set_ if s.startswith("model:") and s != "model:"}),
    ]
    servers = sorted({f"provider:{place}" for place in addresses()} | {s for s in set_ if s.startswith("provider:")})
    lines = loads.queued()
    queues = ["queue:", *(f"queue:{slug}" for slug, _ in agents)]
    return {
        "nav": "limits",
        "may_set": may,
        "models": [{**_line(one, set_, used), "waiting": asked[one]} for one in models],
        "providers": [{**_line(one, set_, used), "waiting": asked[one]} for one in servers],
        "waiting": waiting,
        "queues": [{**_line(one, set_, used), "later": sum(q.later for q in lines if one in ("queue:", f"queue:{q.agent}"))}
                   for one in queues],
        "tools": [_line(one, set_, used) for one in _tools(set_)],
        "chosen": _chosen(request, scope, errors) if scope and may else None,
    }  # fmt: skip


def _tools(set_: dict[str, Limit]) -> list[str]:
    """The tools whose calls are limited, by themselves or by an operator."""
    return [
        f"tool:{name}"
        for name, tool in sorted(registry.all_tools().items())
        if f"tool:{name}" in set_ or slots.bounds_of(tool, {}) != slots.Bounds()
    ]


def _line(scope: str, set_: dict[str, Limit], used: dict[str, loads.Use]) -> dict[str, Any]:
    """One scope with its limits and their use: what is set, of a tool else what it declares."""
    row, use = set_.get(scope), used.get(scope, loads.Use())
    kind, _, target = scope.partition(":")
    allowed = {name: getattr(row, name) if row else None for name in FIELDS[kind]}
    if kind == "tool" and (tool := registry.get(target)) is not None:
        declared = slots.bounds_of(tool, {})
        allowed = {
            "requests": allowed["requests"] or declared.a_minute,
            "at_once": allowed["at_once"] or declared.at_once,
        }
    cells = [
        _cell(LABELS[kind][name], getattr(use, name), most, counted=kind not in ("model", "provider"))
        for name, most in allowed.items()
    ]
    return {"scope": scope, "kind": kind, "name": name_of(scope), "target": target, "cells": cells, "row": row,
            "url": reverse("tool", args=[target]) if kind == "tool" else ""}  # fmt: skip


def _cell(label: str, used: int, most: int | None, *, counted: bool) -> dict[str, Any]:
    """One limit and its use; `counted` says whether that is known where there is no limit."""
    full = most is not None and used >= most * NEARLY
    return {"label": label, "used": used if counted or most is not None else None, "most": most, "full": full}


def _chosen(request: HttpRequest, scope: str, errors: Any) -> dict[str, Any]:
    """The form of one scope, filled with what is set, or with what was sent where that was wrong."""
    kind, _, target = scope.partition(":")
    if kind not in FIELDS or (kind == "tool" and registry.get(target) is None) or (kind == "provider" and not target):
        return {"scope": scope, "unknown": True}
    row, sent = limiting.limit_of(scope), request.POST if errors else {}
    tool = registry.get(target) if kind == "tool" else None
    declared = {"requests": tool.rate_per_minute, "at_once": tool.concurrency} if tool else {}
    return {
        "scope": scope,
        "kind": kind,
        "name": name_of(scope),
        "note": NOTES[kind],
        "fields": [
            {"name": name, "label": LABELS[kind][name], "value": sent.get(name, getattr(row, name)) if sent else getattr(row, name),
             "declared": declared.get(name), "errors": (errors or {}).get(name)}
            for name in FIELDS[kind]
        ],
        "reason": sent.get("reason", ""),
        "revision": row.revision,
        "row": row if row.revision else None,
        "errors": errors or {},
    }  # fmt: skip
