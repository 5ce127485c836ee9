"""What a tool declared of itself, from when workers first ran it, what changed each time, and the suites to run again for that."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from agents.evals import staleness
from agents.tools.definitions import definitions
from console.api.definitions import document_text
from console.auth import Caller, caller_of
from console.diff import line_diff
from console.formats import middle
from console.rights import Right
from console.views.form_only import form_only
from console.views.guard import guard

SHOWN = 20


@form_only
@guard(Right.EDIT_PROMPTS)
def run_suites(request: HttpRequest, name: str) -> HttpResponse:
    """Run the suites that use a tool against the versions that are live."""
    made = staleness.run_using(tool=name, actor=caller_of(request).actor())
    count = f"{len(made)} {'suite runs' if len(made) == 1 else 'suites run'} now because of {name}."
    messages.success(request, count if made else "They wait or run already.")
    return redirect("tool", name)


def used(name: str, caller: Caller) -> dict[str, Any]:
    """Return the suites that use a tool, and whether they were run since it changed."""
    found = staleness.using(name)
    return {
        "suites": [
            {"title": one.title, "url": reverse("eval-suite", args=[one.suite]), "agent": one.agent, "prompt": one.prompt,
             "version": one.version, "ref": one.ref, "run_url": reverse("eval-run", args=[one.ref]) if one.ref else "",
             "stale": one.stale, "going": one.going}
            for one in found
        ],
        "stale_suites": sum(one.stale for one in found),
        "runs_suites": caller.has(Right.EDIT_PROMPTS) and any(one.version for one in found),
    }  # fmt: skip


def history(request: HttpRequest, name: str) -> dict[str, Any]:
    """Return a tool's newest definitions, and how the one that is asked for differs from the one before it."""
    rows = definitions(name, SHOWN + 1)
    asked = request.GET.get("definition", "")[:64]
    place = next((at for at, row in enumerate(rows[:SHOWN]) if row.definition[:16] == asked), -1)
    before = rows[place + 1] if 0 <= place < len(rows) - 1 else None
    return {
        "definitions": [
            {"name": row.definition[:16], "shown": middle(row.definition, 8, 8), "at": row.created_at, "current": at == place,
             "what": ", ".join(row.changed).replace("_", " ").capitalize() if row.changed else "First seen", "more": bool(row.changed)}
            for at, row in enumerate(rows[:SHOWN])
        ],
        "definition_diff": line_diff(document_text(before), document_text(rows[place])) if before is not None else None,
    }  # fmt: skip
