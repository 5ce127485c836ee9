"""Prompts: immutable versions, what is live, and how one differs from the one before."""

import json
from collections import defaultdict
from typing import Any

from django.db.models import Count, Max
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents.models import AgentRevision, Prompt, PromptVersion, Release
from agents.queries import live_versions
from console.auth import caller_of
from console.diff import line_diff
from console.formats import exact, middle
from console.fragments import page
from console.revealing import may_read_prompts
from console.rights import Right
from console.views.guard import guard

SHOWN = 200


@require_safe
@guard(Right.SEE)
def prompts(request: HttpRequest) -> HttpResponse:
    """List the prompts."""
    return page(request, "prompts/list.html", _list)


@require_safe
@guard(Right.SEE)
def newest(request: HttpRequest, slug: str) -> HttpResponse:
    """Go to the live version of a prompt, else to its newest."""
    versions = PromptVersion.objects.filter(prompt__slug=slug).order_by("-created_at")
    shown = live_versions().get(slug) or versions.values_list("version", flat=True).first()
    if shown is None:
        raise Http404
    return redirect("prompt-version", slug, shown)


@require_safe
@guard(Right.SEE)
def version(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    """Show one version beside its sisters."""
    return page(request, "prompts/page.html", lambda: _one(request, slug, version))


def _list() -> dict[str, Any]:
    rows = Prompt.objects.annotate(count=Count("versions"), newest=Max("versions__created_at")).order_by("slug")[:SHOWN]
    live, used = live_versions(), _used_by()
    return {
        "nav": "prompts",
        "items": [
            {"slug": row.slug, "url": reverse("prompt", args=[row.slug]), "live": live.get(row.slug, ""), "versions": row.count,
             "agents": used[row.slug], "updated_at": row.newest, "note": ""}
            for row in rows
        ],
    }  # fmt: skip


def _used_by() -> dict[str, list[str]]:
    used: dict[str, list[str]] = defaultdict(list)
    for slug, prompt in (
        AgentRevision.objects.filter(current=True).order_by("agent__slug").values_list("agent__slug", "document__prompt")
    ):
        used[prompt].append(slug)
    return used


def _one(request: HttpRequest, slug: str, name: str) -> dict[str, Any]:
    versions = list(
        PromptVersion.objects.select_related("prompt", "parent").filter(prompt__slug=slug).order_by("-created_at")[:SHOWN]
    )
    found = next((row for row in versions if row.version == name), None)
    if found is None:
        raise Http404
    releases = list(Release.objects.select_related("version").filter(prompt=found.prompt).order_by("-started_at")[:50])
    live = {row.version_id: row.share for row in releases if row.ended_at is None}
    before = found.parent or next((row for row in versions if row.created_at < found.created_at), None)
    reveal = may_read_prompts(caller_of(request))
    diff = request.GET.get("view") == "diff" and before is not None
    return {
        "nav": "prompts",
        "prompt": {"slug": slug, "url": reverse("prompt", args=[slug])},
        "versions": [_line(row, slug, found, live) for row in versions],
        "version": _shown(found, live, reveal),
        "rows": _rows(found),
        "agents": _used_by()[slug],
        "view": "diff" if diff else "text",
        "against": before.version if before else "",
        "diff": line_diff(before.text, found.text) if diff and before and reveal else None,
        "hidden": not reveal,
        "reads": (f"prompt {slug} {found.version}",) if reveal else (),
        "history": [
            {"version": row.version.version, "share": row.share, "by": row.released_by, "reason": row.reason,
             "at": row.started_at, "ended_at": row.ended_at}
            for row in releases
        ],
    }  # fmt: skip


def _line(row: PromptVersion, slug: str, found: PromptVersion, live: dict[Any, int]) -> dict[str, Any]:
    return {
        "version": row.version,
        "url": reverse("prompt-version", args=[slug, row.version]),
        "current": row.pk == found.pk,
        "live": row.pk in live,
        "share": live.get(row.pk),
        "note": row.note,
        "at": row.created_at,
    }


def _shown(row: PromptVersion, live: dict[Any, int], reveal: bool) -> dict[str, Any]:
    return {
        "version": row.version,
        "text": row.text if reveal else "",
        "note": row.note,
        "author": row.author,
        "at": row.created_at,
        "checksum": row.checksum,
        "live": row.pk in live,
        "variables": json.dumps(row.variables) if row.variables and reveal else "",
        "parameters": json.dumps(row.parameters) if row.parameters else "",
    }


def _rows(row: PromptVersion) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = [
        {"label": "Author", "value": row.author},
        {"label": "Made", "value": exact(row.created_at)},
        {"label": "From", "value": row.parent.version if row.parent else ""},
        {"label": "SHA-256", "value": middle(row.checksum, 8, 8), "mono": True},
    ]
    return [line for line in lines if line["value"]]
