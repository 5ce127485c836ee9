"""All tools with their tiers, and one tool with an operator's levers on it: another tier, switched off or on."""

from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from agents import queries
from agents.limiting import limit_of
from agents.queries import active_stops
from agents.tools import registry
from agents.tools.definition import Tool
from agents.tools.slots import Bounds, bounds_of
from approvals import tiers
from approvals.errors import UnknownTool
from approvals.facts import TIERS, Tier
from approvals.models import ToolSetting
from audit.errors import CountersignError
from audit.events import EventKind
from audit.index import index_soon
from audit.queries import EntryFilter, entries
from audit.stored import StoredEntry
from console.auth import Caller, caller_of
from console.forms import SetTool
from console.fragments import page
from console.looks import TIER_WORDS
from console.rights import Right
from console.views import definitions
from console.views.agents import tool_line
from console.views.guard import guard

FAMILIES = (
    ("read_only", "Read only", "Runs without asking, unless it could carry data out of a session that read untrusted content."),
    ("reversible_write", "Reversible writes", "Can be taken back. Runs without asking where it reaches little."),
    ("irreversible_write", "Irreversible writes", "Cannot be taken back. A person countersigns every call."),
    ("destructive", "Destructive", "Destroys something. A person countersigns, with the password."),
)
SHOWN = 50  # changes of a tool's settings


@require_safe
@guard(Right.SEE)
def tools(request: HttpRequest) -> HttpResponse:
    """Show all registered tools by tier."""
    return page(request, "agents/tools.html", _tools)


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.SEE)
def tool(request: HttpRequest, name: str) -> HttpResponse:
    """Show one tool and its levers; POST sets them."""
    found = registry.get(name)
    if found is None:
        raise UnknownTool(name=name[:64])
    if request.method != "POST":
        return page(request, "agents/tool.html", lambda: _one(request, found))
    caller = caller_of(request)
    caller.check(Right.RESTRAIN)
    form = SetTool(request.POST)
    if form.is_valid():
        try:
            return _set(request, caller, found, form.cleaned_data)
        except CountersignError as error:
            form.add_error(None, error.detail)
    errors = {**form.errors, "form": form.non_field_errors()}
    return page(request, "agents/tool.html", lambda: _one(request, found, errors), status=422)


def _set(request: HttpRequest, caller: Caller, found: Tool, said: dict[str, Any]) -> HttpResponse:
    """Set what differs from how the tool stands. Raises NotAllowedToSet, StaleSetting."""
    tier, enabled = tiers.effective(found.name, found.tier, tiers.settings(fresh=True))
    wanted = said["tier"] or tier
    on = said["enabled"] != "false" if said["enabled"] else enabled
    if (wanted, on) == (tier, enabled):
        messages.info(request, "Nothing was changed: the tool stands as you chose.")
        return redirect("tool", found.name)
    tiers.set_tool(
        name=found.name, declared=found.tier, person=caller.person(), actor=caller.actor(), reason=said["reason"],
        tier=cast(Tier, wanted) if wanted != tier else None, enabled=on if on != enabled else None, revision=said["revision"],
    )  # fmt: skip
    index_soon()
    messages.success(request, "Set. It holds on every worker for whatever has not started.")
    return redirect("tool", found.name)


def _tools() -> dict[str, Any]:
    known, standing = tiers.settings(), active_stops()
    shown = [
        {**tool_line(found, known), "url": reverse("tool", args=[found.name]), "stopped": standing.of_tool(found.name)}
        for found in registry.all_tools().values()
    ]
    families = [
        {"title": title, "note": note, "tools": [line for line in shown if line["tier"] == tier]}
        for tier, title, note in FAMILIES
    ]
    return {"nav": "tools", "families": [family for family in families if family["tools"]]}


def _one(request: HttpRequest, found: Tool, errors: Any = None) -> dict[str, Any]:
    caller = caller_of(request)
    row = ToolSetting.objects.filter(name=found.name).first()
    line = tool_line(found, tiers.settings(fresh=True))
    sent = request.POST if errors else {}
    having = [revision.agent.slug for revision in queries.agents() if found.name in revision.document.get("tools", [])]
    return {
        "nav": "tools",
        "tool": {
            **line, "declared": found.tier, "consequence": found.consequence, "stopped": active_stops().of_tool(found.name),
            "revision": row.revision if row else 0, "reason": row.reason if row else "",
            "changed_by": row.changed_by if row else "",
        },
        "details": _details(found),
        "agents": [{"slug": slug, "url": reverse("agent", args=[slug])} for slug in having],
        "may_set": caller.has(Right.RESTRAIN),
        "choices": _choices(line["tier"], found.tier, sent.get("tier", ""), may_lower=caller.has(Right.ADMINISTER)),
        "enabled": sent["enabled"] != "false" if sent.get("enabled") else line["enabled"],
        "typed": sent.get("reason", ""),
        "errors": errors or {},
        **definitions.history(request, found.name),
        **definitions.used(found.name, caller),
        "history": [_change(entry) for entry in _past(found.name)],
    }  # fmt: skip


def _past(name: str) -> list[StoredEntry]:
    """What people set of a tool; what it declared of itself stands apart."""
    kind = EventKind.TOOL_REGISTERED
    return [entry for entry in entries(EntryFilter(stream=f"tool:{name}"), limit=SHOWN).items if entry.kind != kind]


def _choices(now: str, declared: str, typed: str, *, may_lower: bool) -> list[dict[str, Any]]:
    return [
        {
            "value": tier,
            "label": TIER_WORDS[tier],
            "note": ", ".join(filter(None, ("as it is now" * (tier == now), "as the tool declares" * (tier == declared)))),
            "checked": tier == (typed or now),
            "disabled": TIERS.index(tier) < TIERS.index(cast(Tier, now)) and not may_lower,
        }
        for tier in TIERS
    ]


def _details(found: Tool) -> list[dict[str, Any]]:
    set_ = limit_of(f"tool:{found.name}")
    bounds = bounds_of(found, {found.name: Bounds(set_.at_once, set_.requests)})
    rows: list[tuple[str, Any]] = [
        ("Scopes", ", ".join(sorted(found.scopes))),
        ("Time-out", f"{found.timeout_s:g} s"),
        ("At once", _bounded(found.concurrency, bounds.at_once)),
        ("Starts a minute", _bounded(found.rate_per_minute, bounds.a_minute)),
        ("Idempotent by key", {True: "Yes", False: "No", None: ""}[found.idempotent]),
        ("Result", "Untrusted content" if found.untrusted else ""),
    ]
    lines: list[dict[str, Any]] = [{"label": label, "value": value} for label, value in rows if value]
    return [*lines, {"label": "Definition", "value": found.definition[:16], "mono": True}]


def _bounded(declared: int | None, now: int | None) -> str:
    """How many, over all workers; where an operator set another number, what the tool declares too."""
    return "" if now is None else f"{now}" if now == declared else f"{now}, declared {declared or 'without limit'}"


def _change(entry: StoredEntry) -> dict[str, Any]:
    """One setting of the past, in words."""
    facts = entry.facts
    said = []
    if "tier" in facts:
        before, after = facts.get("tier_before", ""), facts["tier"]
        said.append(f"{TIER_WORDS.get(before, before)} to {TIER_WORDS.get(after, after)}")
    if "enabled" in facts:
        said.append("Switched on" if facts["enabled"] else "Switched off")
    return {"what": "; ".join(said) or entry.kind, "by": entry.actor.name, "at": entry.at, "reason": facts.get("reason", "")}
