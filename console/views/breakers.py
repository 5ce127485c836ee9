"""Breakers: what of providers, models and tools lets calls through, and holding one open or closed by hand."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from agents.breaker_lines import Event, Line, history, lines, without_full
from agents.guardrails.breaker import KINDS, split
from agents.tools import registry
from console.auth import caller_of
from console.forms import HoldBreaker
from console.fragments import page
from console.holding import hold
from console.rights import Right
from console.views.guard import guard

TEMPLATE = "breakers/page.html"
SHOWN = 20
TITLES = {"provider": "Providers", "model": "Models", "tool": "Tools"}
TOLD = {
    "breaker.opened": "Opened",
    "breaker.probed": "One call let through",
    "breaker.closed": "Closed, the probe went well",
    "breaker.forced": "Held",
    "breaker.released": "Let go",
}


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.SEE)
def breakers(request: HttpRequest) -> HttpResponse:
    """List all breakers; with `key` the one that is to be held. POST holds it open or closed, or lets it go."""
    if request.method != "POST":
        return page(request, TEMPLATE, lambda: _context(request, request.GET.get("key", "")[:200]))
    caller = caller_of(request)
    caller.check(Right.RESTRAIN)
    form = HoldBreaker(request.POST)
    key = request.POST.get("key", "")[:200]
    if form.is_valid():
        hold(caller, key, form.cleaned_data["act"], form.cleaned_data["reason"])
        messages.success(request, _done(split(key)[1], form.cleaned_data["act"]))
        return redirect("breakers")
    return page(request, TEMPLATE, lambda: _context(request, key, errors=form.errors), status=422)


def _done(name: str, wanted: str) -> str:
    if wanted == "release":
        return f"{name} is no longer held; what waited for it goes on by itself."
    return f"{name} is held {wanted} on every worker from now on."


def _context(request: HttpRequest, key: str, errors: Any = None) -> dict[str, Any]:
    caller, found = caller_of(request), lines()
    chosen = next((one for one in found if one.key == key), None)
    return {
        "nav": "breakers",
        "may": caller.has(Right.RESTRAIN),
        "may_close": caller.has(Right.ADMINISTER),
        "chosen": _row(chosen) if chosen and caller.has(Right.RESTRAIN) else None,
        "problem": "" if chosen or not key else f"There is no breaker of {split(key)[1] or key}.",
        "typed": {"reason": request.POST.get("reason", "")[:500]},
        "errors": errors or {},
        "groups": [
            {"kind": kind, "title": TITLES[kind], "rows": [_row(one) for one in found if one.kind == kind]} for kind in KINDS
        ],
        "barred": sum(one.status in ("open", "half_open", "forced_open") for one in found),
        "modes": without_full(),
        "history": [_told(event) for event in history(SHOWN)],
    }


def _row(one: Line) -> dict[str, Any]:
    copied = ("key", "kind", "name", "agents", "status", "failures", "calls", "errors", "detail", "reason", "forced_by", "since",
              "retry_at", "failed_probes")  # fmt: skip
    return {
        **{name: getattr(one, name) for name in copied},
        "held": one.status.startswith("forced_"),
        "by_hand": one.kind == "tool" and (tool := registry.get(one.name)) is not None and not tool.own_service,
        "share": round(100 * one.errors / one.calls) if one.calls else None,
    }


def _told(event: Event) -> dict[str, Any]:
    facts = event.facts
    state = f" {facts['state']}" if event.kind == "breaker.forced" else ""
    seconds = f"Tried again after {facts['seconds']} s." if "seconds" in facts else ""
    return {
        "at": event.at,
        "name": split(event.key)[1],
        "kind": split(event.key)[0],
        "what": f"{TOLD.get(event.kind, event.kind)}{state}",
        "by": event.by,
        "why": " ".join(filter(None, (str(facts.get("reason", "")), str(facts.get("detail", "")), seconds))),
    }
