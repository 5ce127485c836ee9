"""Budgets: what may be spent on models, what is, where it leads to, and who spends it; adding, changing and ending one."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from agents import budgets, queries, spending
from agents.spending import DIMENSIONS, Dimension, Standing
from audit.errors import CountersignError
from console.api.errors import status_of
from console.auth import Caller, caller_of
from console.formats import exact_microusd
from console.forms import ChangeBudget, NewBudget
from console.fragments import page
from console.rights import Right
from console.views.filters import choice
from console.views.form_only import form_only
from console.views.guard import guard

TEMPLATE = "budgets/page.html"
DAYS = (1, 7, 30)
ROWS = 20
HISTORY = 20
STATES: Mapping[str, tuple[str, str]] = {
    "open": ("ok", "Open to all"),
    "half": ("ok", "More than half is spent"),
    "low_waits": ("warn", "New sessions of low priority wait"),
    "normal_waits": ("warn", "Only new sessions of high priority start"),
    "spent": ("bad", "Too little is left: calls are refused"),
}
"""What a budget does to sessions, as tone and words."""
TITLES: Mapping[Dimension, str] = {
    "agent": "Agent",
    "tenant": "Tenant",
    "feature": "Feature",
    "prompt_version": "Prompt version",
    "model": "Model",
    "session": "Session",
    "suite": "Suite",
}


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.SEE)
def listed(request: HttpRequest) -> HttpResponse:
    """Show the budgets and who spends; POST adds one."""
    if request.method != "POST":
        return page(request, TEMPLATE, lambda: _context(request))
    caller = caller_of(request)
    caller.check(Right.ADMINISTER)
    form = NewBudget(request.POST)
    if not form.is_valid():
        return page(request, TEMPLATE, lambda: _context(request, new=form.errors), status=422)
    said = form.cleaned_data
    try:
        made = budgets.create(
            scope=said["scope"], period=said["period"], cap_microusd=said["cap"], at_cap=said["at_cap"], reason=said["reason"],
            actor=caller.actor(),
        )  # fmt: skip
    except CountersignError as error:
        wrong = {str(error.facts.get("field", "scope")): [error.detail]}
        return page(request, TEMPLATE, lambda: _context(request, new=wrong), status=status_of(error))
    messages.success(request, f"{_name(made)} may spend {exact_microusd(made.cap_microusd)} from now on.")
    return redirect("budgets")


@form_only
@guard(Right.RESTRAIN)
def change(request: HttpRequest, key: UUID) -> HttpResponse:
    """Change a budget or end it; what is not possible is said beside it."""
    caller = caller_of(request)
    form = ChangeBudget(request.POST)
    if not form.is_valid():
        return page(request, TEMPLATE, lambda: _context(request, changed=(key, form.errors)), status=422)
    try:
        done = _done(caller, key, form.cleaned_data)
    except CountersignError as error:
        field = {"cap_microusd": "cap"}.get(str(error.facts.get("field", "")), str(error.facts.get("field", "cap")))
        wrong = {field: [error.detail]}
        return page(request, TEMPLATE, lambda: _context(request, changed=(key, wrong)), status=status_of(error))
    messages.success(request, done)
    return redirect("budgets")


def _done(caller: Caller, key: UUID, said: Mapping[str, Any]) -> str:
    if said["act"] == "end":
        caller.check(Right.ADMINISTER)
        return f"Ended: the budget of {_name(budgets.end(key, revision=said['revision'], reason=said['reason'], actor=caller.actor()))}."
    changed = budgets.change(
        key, revision=said["revision"], reason=said["reason"], actor=caller.actor(), cap_microusd=said["cap"],
        at_cap=said["at_cap"] or None, may_raise=caller.has(Right.ADMINISTER),
    )  # fmt: skip
    return f"{_name(changed)} may spend {exact_microusd(changed.cap_microusd)} from now on."


def _name(budget: Any) -> str:
    name = budgets.name_of(budget.kind, budget.key, budget.period)
    return name[0].upper() + name[1:] if budget.kind == "all" else name


def _context(request: HttpRequest, *, new: Any = None, changed: tuple[UUID, Any] | None = None) -> dict[str, Any]:
    caller, (days, by, wrong) = caller_of(request), _asked(request)
    now = timezone.now()
    rows = spending.spend(by, since=now - timedelta(days=days), until=now, limit=ROWS + 1)
    may_add = caller.has(Right.ADMINISTER)
    most = max((row.cost_microusd for row in rows), default=0)
    return {
        "nav": "budgets",
        "items": [_line(one, changed, request) for one in spending.standing()],
        "may_add": may_add,
        "may_lower": caller.has(Right.RESTRAIN),
        "agents": sorted(row.agent.slug for row in queries.agents()) if may_add else [],
        "typed": {name: request.POST.get(name, "") for name in ("scope", "tenant", "period", "cap", "at_cap", "reason")},
        "errors": new or {},
        "problem": _problem(changed),
        "by": by,
        "title": TITLES[by],
        "days": days,
        "left_out": wrong,
        "dimensions": [{"name": name, "title": title} for name, title in TITLES.items()],
        "periods": DAYS,
        "spend": rows[:ROWS],
        "more": len(rows) > ROWS,
        "most": most,
        "history": [_told(entry) for entry in budgets.history(HISTORY)],
    }


def _problem(changed: tuple[UUID, Any] | None) -> str:
    """Return what went wrong where the budget itself is not on the page any more."""
    if changed is None or any(one.pk == changed[0] for one in budgets.active()):
        return ""
    return " ".join(text for texts in changed[1].values() for text in texts)


def _line(one: Standing, changed: tuple[UUID, Any] | None, request: HttpRequest) -> dict[str, Any]:
    tone, words = STATES[one.state]
    mine = changed is not None and changed[0] == one.budget.pk
    return {
        "id": one.budget.pk, "key": str(one.budget.pk), "name": _name(one.budget), "kind": one.budget.kind, "period": one.budget.period,
        "revision": one.budget.revision, "at_cap": one.budget.at_cap, "tone": tone, "words": words,
        "cap": one.budget.cap_microusd, "spent": one.meter.spent, "reserved": one.meter.reserved, "left": one.meter.left,
        "share": _percent(one.meter.spent, one.budget.cap_microusd), "forecast": one.forecast.microusd,
        "small": one.forecast.small, "over": one.over, "ends": one.ends,
        "dollars": request.POST.get("cap", "") if mine else exact_microusd(one.budget.cap_microusd).replace("$", "").replace(",", ""),
        "reason": request.POST.get("reason", "") if mine else "", "errors": changed[1] if mine and changed else {},
    }  # fmt: skip


def _percent(part: int, whole: int) -> str:
    """Return hundredths; what is above nothing is never shown as nothing."""
    hundredths = 100 * part // whole
    return "less than 1" if part and not hundredths else str(hundredths)


def _told(entry: budgets.Told) -> dict[str, Any]:
    facts = entry.facts
    kind, _, key = str(facts.get("scope", "")).partition(":")
    name = budgets.name_of(kind, key, str(facts.get("period", "")))
    if entry.kind == "budget.crossed":
        spent, cap = exact_microusd(facts["spent_microusd"]), exact_microusd(facts["cap_microusd"])
        text = f"{facts['level']} % reached: {spent} of {cap} spent" if facts["level"] < 100 else f"Spent: {spent} of {cap}"
    elif entry.kind == "budget.ended":
        text = "Ended"
    elif "before_microusd" in facts:
        text = f"From {exact_microusd(facts['before_microusd'])} to {exact_microusd(facts['cap_microusd'])}"
    else:
        text = f"Made with {exact_microusd(facts['cap_microusd'])}"
    return {
        "at": entry.at,
        "by": entry.by,
        "name": name,
        "text": text,
        "reason": facts.get("reason", ""),
        "level": facts.get("level"),
    }


def _asked(request: HttpRequest) -> tuple[int, Dimension, str]:
    """Return over how many days and by what is added up, and what is said of values that are not offered."""
    days, no_days = choice(request.GET, "days", [str(days) for days in DAYS], "7")
    by, no_by = choice(request.GET, "by", DIMENSIONS, "agent")
    return int(days), next(name for name in DIMENSIONS if name == by), f"{no_days} {no_by}".strip()
