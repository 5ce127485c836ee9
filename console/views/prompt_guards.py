"""What the live versions of a prompt come to, side by side, and the guards that may roll its canary back; setting these."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from agents.errors import BadGuards
from agents.prompts.comparing import Comparison, Measured, compare, last_look
from agents.prompts.guards import GUARDED, MEASURES, RUNNING, Finding, Guards, Measure, as_stored
from agents.prompts.releases import Routed
from agents.prompts.watching import checked_guards, guards_of, set_guards
from approvals.errors import StaleSetting
from console.api.errors import status_of
from console.auth import caller_of
from console.formats import duration, exact_microusd, grouped
from console.fragments import page
from console.rights import Right
from console.views.guard import guard
from console.whole import whole

TEMPLATE = "prompts/measures.html"
NAMES: Mapping[str, str] = {
    "completion": "Answered", "error": "Failed", "halt": "Ended by a limit", "tool_error": "A call failed",
    "approval": "A call approved", "rejection": "A call rejected", "edit": "A call changed", "cost": "Cost",
    "turns": "Turns", "latency": "Time at work",
}  # fmt: skip
FOLLOWS = {"finish": "finish with it", "move": "move to the version before", "stop": "stop"}


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.SEE)
def measures(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the live versions side by side and the guards; POST sets these."""
    if request.method != "POST":
        return page(request, TEMPLATE, lambda: _context(request, slug))
    caller = caller_of(request)
    caller.check(Right.EDIT_PROMPTS)
    try:
        guards = checked_guards(_given(request))
        set_guards(slug=slug, guards=guards, actor=caller.actor(), revision=_revision(request))
    except (BadGuards, StaleSetting) as error:
        errors = _errors(request, error)
        return page(request, TEMPLATE, lambda: _context(request, slug, errors), status=status_of(error))
    messages.success(request, "The guards are set. They hold from the next look on.")
    return redirect("prompt-measures", slug)


def panel(now: Routed) -> dict[str, Any] | None:
    """Return the guards beside a canary as they stood at the last look; None where there is none."""
    if now.canary is None:
        return None
    look, (guards, _) = last_look(now), guards_of(now.prompt.pk)
    found = {one["measure"]: one for one in look.found} if look else {}
    rows = [_stood(NAMES[one.measure], one.allowed, MEASURES[one.measure], found.get(one.measure)) for one in guards.guards]
    trips = sum(row["state"] == "trips" for row in rows)
    return {
        "rows": rows,
        "trips": trips,
        "at": look.looked_at if look and look.found else None,
        "running": FOLLOWS[guards.running],
    }


def _stood(label: str, allowed: float, measure: Measure, found: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return one guard as a line: how much worse the canary is, of how much it may be; or how much of its sample is there."""
    limit = _by(allowed, measure)
    if not found or not found["enough"]:
        had = min(found["canary"]["n"], found["other"]["n"]) if found else 0
        least = f"{grouped(had)} of {grouped(found['minimum'])} sessions" if found else "not looked at yet"
        return {"label": label, "state": "waits", "said": least}
    state = "trips" if found["trips"] else "worse" if found["worse"] > allowed else "ok"
    return {"label": label, "state": state, "said": f"{_by(found['worse'], measure)} of {limit}"}


def _by(worse: float, measure: Measure) -> str:
    """Return how much worse something is: in points of a share, in percent of a mean."""
    whole = round(100 * worse)
    return f"{'−' if whole < 0 else ''}{abs(whole)} {'pt' if measure.kind == 'share' else '%'}"


def _context(request: HttpRequest, slug: str, errors: Mapping[str, list[str]] | None = None) -> dict[str, Any]:
    found = compare(slug)
    return {
        "nav": "prompts",
        "prompt": {"slug": slug, "url": reverse("prompt", args=[slug])},
        "since": found.since,
        "versions": [
            {
                "version": one.version.version,
                "share": one.share,
                "url": reverse("prompt-version", args=[slug, one.version.version]),
            }
            for one in found.versions
        ],
        "rows": [_row(name, found) for name in MEASURES],
        "may_set": caller_of(request).has(Right.EDIT_PROMPTS),
        "form": _form(request, found.guards, found.revision, errors or {}),
        "wrong": sum(len(said) for said in (errors or {}).values()),
    }


def _row(name: str, found: Comparison) -> dict[str, Any]:
    finding = next((one for one in found.findings if one.guard.measure == name), None)
    return {
        "label": NAMES[name],
        "of": MEASURES[name].of,
        "cells": [_cell(name, one) for one in found.versions],
        "finding": _told(finding) if finding else None,
    }


def _cell(name: str, one: Measured) -> dict[str, str]:
    measure, sample = MEASURES[name], one.counted[name]
    if not sample.n:
        return {"version": one.version.version, "value": "", "between": "", "n": "0"}
    between = sample.once(measure.kind)
    ends = [_amount(end, measure) for end in (between.low, between.high) if isfinite(end)]
    return {
        "version": one.version.version,
        "value": _amount(sample.value(measure.kind), measure),
        "between": " to ".join(ends),
        "n": f"{grouped(sample.events)} of {grouped(sample.n)}" if measure.kind == "share" else grouped(sample.n),
    }


def _told(one: Finding) -> dict[str, str]:
    measure = MEASURES[one.guard.measure]
    kept = as_stored(one)
    ends = [_by(kept[end], measure) for end in ("low", "high") if kept[end] is not None]
    stood = _stood("", one.guard.allowed, measure, kept)
    worse = _by(one.worse, measure) if one.canary.n and one.other.n else ""
    return {"state": stood["state"], "worse": worse, "between": " to ".join(ends), "allowed": _by(one.guard.allowed, measure),
            "minimum": grouped(one.guard.minimum)}  # fmt: skip


def _amount(value: float, measure: Measure) -> str:
    match measure.unit:
        case "microusd":
            return exact_microusd(round(value))
        case "ms":
            return duration(round(value))
        case "turns":
            return f"{value:.1f}"
        case _:
            return f"{100 * value:.1f} %"


def _form(request: HttpRequest, guards: Guards, revision: int, errors: Mapping[str, list[str]]) -> dict[str, Any]:
    sent, typed = request.POST, request.method == "POST"
    held = {one.measure: one for one in guards.guards}
    lines = []
    for name in GUARDED:
        one = held.get(name)  # type: ignore[call-overload]
        allowed = sent.get(f"{name}-allowed", "") if typed else f"{100 * one.allowed:g}" if one else ""
        minimum = sent.get(f"{name}-minimum", "") if typed else str(one.minimum) if one else "20"
        lines.append({"name": name, "label": NAMES[name], "unit": "points" if MEASURES[name].kind == "share" else "%",
                      "allowed": allowed, "minimum": minimum, "errors": errors.get(name, [])})  # fmt: skip
    chosen = sent.get("running", "") if typed else guards.running
    follows = [{"value": name, "label": FOLLOWS[name], "checked": name == chosen} for name in RUNNING]
    return {"lines": lines, "running": follows, "revision": revision, "errors": errors.get("form", [])}


def _given(request: HttpRequest) -> dict[str, Any]:
    """Return what was typed, as a document; a guard without a number is none."""
    guards = []
    for name in GUARDED:
        typed = request.POST.get(f"{name}-allowed", "").strip()
        if typed:
            guards.append({"measure": name, "allowed": _number(typed), "minimum": request.POST.get(f"{name}-minimum", "")})
    return {"guards": guards, "running": request.POST.get("running", "")}


def _number(typed: str) -> float | str:
    try:
        return round(float(typed.replace(",", ".")) / 100, 6)
    except ValueError:
        return typed


def _revision(request: HttpRequest) -> int | None:
    return whole(request.POST.get("revision", ""), digits=9)


def _errors(request: HttpRequest, error: BadGuards | StaleSetting) -> dict[str, list[str]]:
    """Return messages by the guard that they are about."""
    if isinstance(error, StaleSetting):
        return {"form": [error.detail]}
    names = [name for name in GUARDED if request.POST.get(f"{name}-allowed", "").strip()]
    said: dict[str, list[str]] = {}
    for one in error.errors:
        parts = one["loc"].split(".")
        place = int(parts[1]) if parts[0] == "guards" and len(parts) > 1 and parts[1].isdecimal() else -1
        said.setdefault(names[place] if 0 <= place < len(names) else "form", []).append(one["msg"])
    return said
